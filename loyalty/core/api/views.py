from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.views import APIView

from loyalty.core.api import auth, parsing, throttling
from loyalty.core.errors import NotFound


class PartnerView(APIView):
    """
    What each view of the partner API is: every method states the scope that it takes.

    See `loyalty.core.api.auth.HasScope`. A call is counted once it is known who calls, whatever comes of it.
    """

    scopes: ClassVar[Mapping[str, str | tuple[str, ...]]] = {}
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        if request.auth is not None:
            throttling.admit(request._request, auth.caller(request))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Also refuses, once it is clear who calls, fields for a command that takes none, and odd names."""
        super().initial(request, *args, **kwargs)
        if any("\0" in str(place) for place in kwargs.values()):
            # PostgreSQL cannot store this character, nor compare anything with it.
            raise NotFound(_("There is nothing at this address."))
        said = getattr(getattr(self, "post", None), "operation", None)
        if request.method == "POST" and said is not None and said.takes is None:
            parsing.refuse_fields(request)
