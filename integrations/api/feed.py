"""`GET /v1/feed`: every event since a cursor."""

from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.core import signing
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from msgspec import Meta, Struct
from rest_framework.request import Request

from integrations import feed
from loyalty.core import events
from loyalty.core.api import auth, filters, pagination, rendering
from loyalty.core.api.pagination import InvalidCursor, InvalidFilter
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.models import Program

_SALT: Final = "integrations.api.feed"


class FeedEvent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened, as webhooks tell it."""

    type: str
    timestamp: Annotated[Moment, Meta(description="When it happened")]
    sequence: Annotated[int, Meta(description="Its number: higher for what comes later, and only its own")]
    data: Annotated[dict[str, Any], Meta(description="Ids and figures; the docs of webhooks say which")]
    is_truncated: Annotated[bool, Meta(description="Whether data was left out, as it was too large")] = False


class FeedPage(Struct, frozen=True, kw_only=True):
    """Some events, oldest first, and where to go on."""

    data: list[FeedEvent]
    cursor: Annotated[
        str, Meta(description="Where this page ends: keep it with what you did about the events")
    ]
    next: Annotated[
        str, Meta(description="The address of what comes after it, whether it is there yet or not")
    ]
    has_more: Annotated[bool, Meta(description="Whether to go on at once: else call again in a few seconds")]


PARAMETERS: Final = (
    OpenApiParameter("cursor", description="From an earlier answer: what happened after it is read."),
    OpenApiParameter(
        "start",
        description=(
            "Without a cursor: `oldest` (the first event ever; so it is if nothing is said), `now` (nothing"
            " but a cursor, for what comes), or a moment such as `2026-06-01T00:00:00Z`: all that was"
            " recorded since then, and maybe a little from before."
        ),
    ),
    OpenApiParameter("types", description="Only these types of events, separated by commas; else all."),
    OpenApiParameter("limit", int, description="How many at most: 1 to 200, 50 if not given."),
)
EXAMPLE: Final[dict[str, Any]] = {
    "data": [
        {
            "type": "points.earned",
            "timestamp": "2026-06-01T12:00:00+00:00",
            "sequence": 48151,
            "data": {
                "member_id": "01976c1e-5d7a-7000-8000-3a52e6e1d0b4",
                "wallet_type": "points",
                "points": 12,
            },
        }
    ],
    "cursor": "WyIwMTk3NmMxZSIsNDgxNTFd:1uQ2Xk:4rJx",
    "next": "https://loyalty.example.com/v1/feed?limit=50&cursor=WyIwMTk3NmMxZSIsNDgxNTFd%3A1uQ2Xk%3A4rJx",
    "has_more": False,
}


class FeedView(PartnerView):
    scopes: ClassVar = {"get": "events:read"}

    @operation(
        id="read_feed",
        tag="Events",
        summary="Read what has happened",
        description="""
        Every event of the program since a cursor, oldest first and in the shape in which webhooks send
        them: for systems that would rather pull. None is left out and none comes twice, however much
        happens meanwhile; an event can be read a second or two after it happened.

        Begin with `start`, deal with `data`, keep `cursor` together with what you did, and go on with it: at
        once while `has_more`, else in a few seconds. A call that is repeated with the same cursor reads the
        same events again. Cursors do not end; they are yours to keep. `types` may change from call to call,
        for what comes then; with them a page can be empty while there is more.
        """,
        answer=FeedPage,
        example=EXAMPLE,
        parameters=PARAMETERS,
        refuses=(InvalidCursor, InvalidFilter),
    )
    def get(self, request: Request) -> HttpResponse:
        program = auth.caller(request).program
        given = pagination.given(request, "start", "types")
        limit, types = pagination.limit(request), _types(given)
        cursor = request._request.GET.get("cursor")
        if cursor is not None and "start" in given:
            raise InvalidFilter(_("Give a cursor or a start, not both."), parameter="start")
        if cursor is None and given.get("start") == "now":
            page = feed.Page([], feed.now(), has_more=False)
        else:
            after = _start(program, given) if cursor is None else _position(program, cursor)
            page = feed.read(program, after=after, limit=limit, types=types)
        return rendering.answer(_body(program, page, given, limit))


def _types(given: dict[str, str]) -> list[str] | None:
    if "types" not in given:
        return None
    types = given["types"].split(",")
    if unknown := [name for name in types if name not in events.TYPES]:
        raise InvalidFilter(_("types: there are no events “%s”.") % unknown[0], parameter="types")
    return types


def _start(program: Program, given: dict[str, str]) -> int:
    start = given.get("start", "oldest")
    if start == "oldest":
        return 0
    try:
        return feed.since(program, filters.moment(start))
    except ValueError:
        detail = _("start: this is oldest, now, or a moment with its offset, as 2026-06-01T00:00:00Z.")
        raise InvalidFilter(detail, parameter="start") from None


def _position(program: Program, cursor: str) -> int:
    try:
        of, position = signing.loads(cursor, salt=_SALT)
    except signing.BadSignature:
        raise InvalidCursor(_("Send the cursor as it was given.")) from None
    if of != program.pk.hex:
        raise InvalidCursor(_("This cursor belongs to another program."))
    return int(position)


def _body(program: Program, page: feed.Page, given: dict[str, str], limit: int) -> dict[str, Any]:
    cursor = signing.dumps([program.pk.hex, page.position], salt=_SALT)
    asked = {name: value for name, value in given.items() if name == "types"}
    query = urlencode({**asked, "limit": limit, "cursor": cursor})
    return {
        "data": [orjson.Fragment(message) for message in page.messages],
        "cursor": cursor,
        "next": f"{settings.BASE_URL}/v1/feed?{query}",
        "has_more": page.has_more,
    }
