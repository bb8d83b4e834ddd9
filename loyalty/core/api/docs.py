"""The docs that partners read: the OpenAPI text, its page to try it on, and what the problem codes mean."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.views import (
    SpectacularJSONAPIView,
    SpectacularSwaggerSplitView,
    SpectacularYAMLAPIView,
)
from rest_framework.negotiation import DefaultContentNegotiation

from loyalty.core.api import problem
from loyalty.core.api.schema import described


class OpenAPIJSONView(SpectacularJSONAPIView):
    content_negotiation_class = DefaultContentNegotiation


class OpenAPIYAMLView(SpectacularYAMLAPIView):
    content_negotiation_class = DefaultContentNegotiation


class DocsView(SpectacularSwaggerSplitView):
    """Scripts and styles come from this server, none is inline."""

    url_name = "openapi"
    content_negotiation_class = DefaultContentNegotiation


def problems(request: HttpRequest) -> HttpResponse:
    """Where the `type` of each problem document points."""
    # Every second piece stands between backticks: it is code.
    known = [{"kind": kind, "pieces": described(kind).split("`")} for kind in problem.known()]
    return render(request, "api/problems.html", {"problems": known})
