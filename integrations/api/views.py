from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from integrations.api import examples
from integrations.api.bodies import Whoami
from integrations.models import Credential
from loyalty.core.api import auth, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView


class WhoamiView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": auth.ANY_SCOPE}

    @operation(
        id="whoami",
        tag="Connection",
        summary="Who am I?",
        description="""
        The program, the partner, the kind of credential, its scopes and how often it may call: a good first
        call, and a way to see until when a credential or an access token works. It changes nothing.
        """,
        answer=Whoami,
        example=examples.WHOAMI,
    )
    def get(self, request: Request) -> HttpResponse:
        caller = auth.caller(request)
        known = Credential.objects.of(caller.program).select_related("partner")
        credential = known.get(pk=caller.credential_id)
        return rendering.answer(Whoami.of(credential, caller=caller))
