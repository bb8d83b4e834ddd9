"""The OpenAPI text, and its page to try it on."""

from functools import lru_cache
from threading import Lock
from typing import Any, Final

import orjson
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import (
    SpectacularJSONAPIView,
    SpectacularSwaggerSplitView,
    SpectacularYAMLAPIView,
)
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

READING: Final = ["get", "head"]


# Putting it together takes a second of processor time, and two at once trip over each other's imports.
_ONE_AT_A_TIME: Final = Lock()


def spoken() -> dict[str, Any]:
    """The OpenAPI text, taken apart."""
    with _ONE_AT_A_TIME:
        text = _written(settings.ROOT_URLCONF, OpenApiJsonRenderer, OpenApiJsonRenderer.media_type)
    content: dict[str, Any] = orjson.loads(text)
    return content


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
    template_name = "api/docs.html"
    content_negotiation_class = DefaultContentNegotiation
    http_method_names = READING
