from typing import ClassVar

from rest_framework.views import APIView


class PartnerView(APIView):
    """
    What each view of the partner API is: every method states the scope that it takes.

    See `loyalty.core.api.auth.HasScope`.
    """

    scopes: ClassVar[dict[str, str]] = {}
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
