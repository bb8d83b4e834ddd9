"""The OpenAPI text, and its page to try it on."""

from dataclasses import dataclass
from functools import lru_cache
from gzip import compress
from hashlib import sha256
from threading import Lock
from typing import Any, Final

import orjson
from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import re_accepts_gzip
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.encoding import force_bytes
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.views import (
    SpectacularJSONAPIView,
    SpectacularSwaggerSplitView,
    SpectacularYAMLAPIView,
)
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from loyalty.core.api import rendering, sharing

READING: Final = ["get", "head"]


# Putting it together takes a second of processor time, and two at once trip over each other's imports.
_ONE_AT_A_TIME: Final = Lock()


@dataclass(frozen=True, slots=True)
class Written:
    """The OpenAPI text in one form, ready to be sent."""

    plain: bytes
    zipped: bytes
    """Much of it comes again and again; nothing in it is secret (BREACH)."""
    digest: str


class JSONForm(OpenApiJsonRenderer):
    """Without the white space that would be more than half of it."""

    def render(self, data: Any, media_type: Any = None, context: Any = None) -> bytes:
        return rendering.dumps(data)


class PlainJSONForm(JSONForm):
    media_type = rendering.MEDIA_TYPE


def spoken() -> dict[str, Any]:
    """The OpenAPI text, taken apart, with everything but schemas said where it stands."""
    return sharing.inlined(orjson.loads(_kept(JSONForm.format).plain))


_RENDERERS: Final[dict[str, type[BaseRenderer]]] = {
    kind.format: kind for kind in (JSONForm, OpenApiYamlRenderer)
}


def _kept(form: str) -> Written:
    with _ONE_AT_A_TIME:
        return _written(settings.ROOT_URLCONF, form)


@lru_cache
def _written(urlconf: str, form: str) -> Written:
    text = force_bytes(_RENDERERS[form]().render(_composed(urlconf), None, {}))
    return Written(text, compress(text, mtime=0), sha256(text).hexdigest()[:24])


@lru_cache
def _composed(urlconf: str) -> Any:
    return SchemaGenerator(urlconf=urlconf).get_schema(public=True)


class KeptText:
    """Mixed into a view of the OpenAPI text: it is the same for everybody, and made once in a process."""

    def _get_schema_response(self, request: Request) -> HttpResponseBase:
        kind = type(request.accepted_renderer)
        kept = _kept(kind.format)
        is_zipped = bool(re_accepts_gzip.search(request.headers.get("Accept-Encoding", "")))
        answer = HttpResponse(kept.zipped if is_zipped else kept.plain, content_type=kind.media_type)
        # To be asked for anew each time, which costs nothing while it is the same (RFC 9110, 13.1.2).
        answer.headers["Cache-Control"] = "no-cache"
        patch_vary_headers(answer, ("Accept-Encoding",))
        if is_zipped:
            answer.headers["Content-Encoding"] = "gzip"
        answer.headers["ETag"] = f'"{kept.digest}{"-gzip" if is_zipped else ""}"'
        known = get_conditional_response(request._request, etag=answer.headers["ETag"], response=answer)
        assert known is not None, "there is an answer already"
        return known


class OpenAPIJSONView(KeptText, SpectacularJSONAPIView):
    renderer_classes = [JSONForm, PlainJSONForm]
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
