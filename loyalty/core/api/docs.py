"""The docs that partners read: the OpenAPI text, its page to try it on, and what the problem codes mean."""

from functools import lru_cache
from threading import Lock
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import (
    SpectacularJSONAPIView,
    SpectacularSwaggerSplitView,
    SpectacularYAMLAPIView,
)
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from loyalty.core.api import problem, refusals
from loyalty.core.api.schema import described

READING: Final = ["get", "head"]


# Putting it together takes a second of processor time, and two at once trip over each other's imports.
_ONE_AT_A_TIME: Final = Lock()


@lru_cache
def _written(urlconf: str, renderer: type[BaseRenderer], media_type: str) -> bytes:
    schema = SchemaGenerator(urlconf=urlconf).get_schema(public=True)
    text: Any = renderer().render(schema, media_type, {})
    return bytes(text)


class KeptText:
    """Mixed into a view of the OpenAPI text: it is the same for everybody, and made once in a process."""

    def _get_schema_response(self, request: Request) -> HttpResponse:
        chosen = request.accepted_renderer
        with _ONE_AT_A_TIME:
            kind: Any = type(chosen)
            text = _written(settings.ROOT_URLCONF, kind, chosen.media_type)
        return HttpResponse(text, content_type=chosen.media_type)


class OpenAPIJSONView(KeptText, SpectacularJSONAPIView):
    content_negotiation_class = DefaultContentNegotiation
    http_method_names = READING


class OpenAPIYAMLView(KeptText, SpectacularYAMLAPIView):
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
