"""The OpenAPI text, and its page to try it on."""

from functools import lru_cache
from gzip import compress
from threading import Lock
from typing import Any, Final

import orjson
from django.conf import settings
from django.http import HttpResponse
from django.middleware.gzip import re_accepts_gzip
from django.utils.cache import patch_vary_headers
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


@lru_cache(maxsize=8)
def _zipped(text: bytes) -> bytes:
    """It is megabytes, of which most comes again and again; nothing in it is secret (BREACH)."""
    return compress(text, mtime=0)


class KeptText:
    """Mixed into a view of the OpenAPI text: it is the same for everybody, and made once in a process."""

    def _get_schema_response(self, request: Request) -> HttpResponse:
        chosen = request.accepted_renderer
        with _ONE_AT_A_TIME:
            kind: Any = type(chosen)
            text = _written(settings.ROOT_URLCONF, kind, chosen.media_type)
        is_zipped = bool(re_accepts_gzip.search(request.headers.get("Accept-Encoding", "")))
        answer = HttpResponse(_zipped(text) if is_zipped else text, content_type=chosen.media_type)
        patch_vary_headers(answer, ("Accept-Encoding",))
        if is_zipped:
            answer.headers["Content-Encoding"] = "gzip"
        return answer


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
