from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.views import APIView

from loyalty.core.api import auth, parsing, throttling


class PartnerView(APIView):
    """
    What each view of the partner API is: every method states the scope that it takes.

    See `loyalty.core.api.auth.HasScope`. A call is counted once it is known who calls, whatever comes of it.
    """

    scopes: ClassVar[dict[str, str]] = {}
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        if request.auth is not None:
            throttling.admit(request._request, auth.caller(request))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Also refuses fields that are sent to a command that takes none, once it is clear who calls."""
        super().initial(request, *args, **kwargs)
        said = getattr(getattr(self, "post", None), "operation", None)
        if request.method == "POST" and said is not None and said.takes is None:
            parsing.refuse_fields(request)
