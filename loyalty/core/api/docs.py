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


class OpenAPIJSONView(SpectacularJSONAPIView):  # type: ignore[misc]  # drf-spectacular is not typed
    content_negotiation_class = DefaultContentNegotiation


class OpenAPIYAMLView(SpectacularYAMLAPIView):  # type: ignore[misc]  # drf-spectacular is not typed
    content_negotiation_class = DefaultContentNegotiation


class DocsView(SpectacularSwaggerSplitView):  # type: ignore[misc]  # drf-spectacular is not typed
    """Scripts and styles come from this server, none is inline."""

    url_name = "openapi"
    content_negotiation_class = DefaultContentNegotiation


def problems(request: HttpRequest) -> HttpResponse:
    """Where the `type` of each problem document points."""
    known = [{"kind": kind, "description": described(kind)} for kind in problem.known()]
    return render(request, "api/problems.html", {"problems": known})
