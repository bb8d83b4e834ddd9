"""Values become JSON: exact numbers as strings, moments with their offset."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
import orjson
from django.http import HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.mediatypes import _MediaType

from loyalty.core.api import refusals

MEDIA_TYPE: Final = "application/json"

_WELCOME: Final = {
    "*/*",
    "application/*",
    "application/json",
    "application/problem+json",
}
_NEVER: Final = {"0", "0.0", "0.00", "0.000"}


def dumps(value: Any) -> bytes:
    """JSON in UTF-8. Decimals become strings, structs objects, moments in UTC end in Z."""
    return orjson.dumps(value, default=_encoded, option=orjson.OPT_UTC_Z)


def _encoded(value: Any) -> Any:
    if isinstance(value, Decimal | Promise):
        return str(value)
    if isinstance(value, msgspec.Struct):
        return orjson.Fragment(msgspec.json.encode(value))
    raise TypeError(f"{type(value).__name__} has no JSON form")


def answer(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A finished JSON answer, for views where each part of a millisecond counts. Bytes are JSON already."""
    content = body if isinstance(body, bytes) else dumps(body)
    return HttpResponse(content, status=status, headers=headers, content_type=MEDIA_TYPE)


class JSONRenderer(BaseRenderer):
    media_type = MEDIA_TYPE
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else dumps(data)


class JSONOnly(BaseContentNegotiation):
    """The API speaks JSON; it refuses only those who say that they cannot read it."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        accepted = request._request.META.get("HTTP_ACCEPT") or "*/*"
        if accepted not in _WELCOME and not _takes_json(accepted):
            raise refusals.NotAcceptable(_("Ask for application/json, or leave out the Accept header."))
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


def _takes_json(accepted: str) -> bool:
    ranges = [_MediaType(part.strip()) for part in accepted.split(",")]
    return any(
        f"{item.main_type}/{item.sub_type}".lower() in _WELCOME and item.params.get("q", "1") not in _NEVER
        for item in ranges
    )
