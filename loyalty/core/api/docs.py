"""The docs that partners read: the OpenAPI text, its page to try it on, and what the problem codes mean."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import (
    SpectacularJSONAPIView,
    SpectacularSwaggerSplitView,
    SpectacularYAMLAPIView,
)
from rest_framework.negotiation import DefaultContentNegotiation

from loyalty.core.api import problem, refusals
from loyalty.core.api.schema import described

READING: Final = ["get", "head"]


class OpenAPIJSONView(SpectacularJSONAPIView):
    content_negotiation_class = DefaultContentNegotiation
    http_method_names = READING


class OpenAPIYAMLView(SpectacularYAMLAPIView):
    content_negotiation_class = DefaultContentNegotiation
    http_method_names = READING


class DocsView(SpectacularSwaggerSplitView):
    """Scripts and styles come from this server, none is inline."""

    url_name = "openapi"
    content_negotiation_class = DefaultContentNegotiation
    http_method_names = READING


@csrf_exempt
def problems(request: HttpRequest) -> HttpResponse:
    """Where the `type` of each problem document points."""
    if (request.method or "").lower() not in READING:
        answer = problem.response(refusals.MethodNotAllowed(), request)
        answer.headers["Allow"] = "GET, HEAD"
        return answer
    # Every second piece stands between backticks: it is code.
    known = [{"kind": kind, "pieces": described(kind).split("`")} for kind in problem.known()]
    return render(request, "api/problems.html", {"problems": known})
