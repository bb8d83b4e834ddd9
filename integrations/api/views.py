from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from integrations.api.bodies import Whoami
from integrations.models import Credential
from loyalty.core.api import auth, rendering
from loyalty.core.api.views import PartnerView


class WhoamiView(PartnerView):
    scopes: ClassVar = {"get": auth.ANY_SCOPE}

    def get(self, request: Request) -> HttpResponse:
        caller: auth.Caller = request.auth
        credential = Credential.objects.select_related("partner").get(pk=caller.credential_id)
        return rendering.answer(Whoami.of(credential, caller=caller))
