"""Where a member stands, and where they stood on a day."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Self

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, filters, pagination, rendering
from loyalty.core.api.pagination import InvalidFilter
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.errors import NotFound
from loyalty.core.models import Program
from members import references, terms, tier_history
from members.api.views import REFERENCE
from members.lifespan import midnight_after
from members.tier_history import Place

_AT: Final = OpenApiParameter(
    "at",
    {"type": "string", "oneOf": [{"format": "date"}, {"format": "date-time"}]},
    description=(
        "A day as `2026-06-01`, which means its end in the program's time zone, or a moment with its"
        " offset. Now, if not given."
    ),
)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class MemberTierBody(Struct, frozen=True, kw_only=True):
    """A rung on which the member stands or stood; what is null of a former one is not known any more."""

    ladder: Annotated[str, Meta(description="Key of the ladder")]
    tier: Annotated[str, Meta(description="Key of the tier")]
    name: str
    since: Moment
    until: Annotated[Moment | None, Meta(description="When they left it; null if they have it still")]
    progress: Annotated[int | None, Meta(description="Points that count towards the ladder by now")]
    next_tier: str | None
    points_to_next: int | None

    @classmethod
    def of(cls, place: Place) -> Self:
        following = place.ladder.next_after(place.rung) if place.progress is not None else None
        return cls(
            ladder=place.ladder.key,
            tier=place.rung.key,
            name=place.rung.name,
            since=place.starts_at,
            until=place.ends_at,
            progress=place.progress,
            next_tier=following.key if following else None,
            points_to_next=max(following.threshold - (place.progress or 0), 0) if following else None,
        )


class MemberTiers(Struct, frozen=True):
    """The member's place on each ladder of the program at a moment."""

    at: Moment
    data: tuple[MemberTierBody, ...]


_EXAMPLE: Final[dict[str, Any]] = {
    "at": "2026-05-31T21:59:59.999999Z",
    "data": [
        {
            "ladder": "status",
            "tier": "basic",
            "name": "Basic",
            "since": "2026-01-10T09:30:00Z",
            "until": "2026-06-01T12:00:00Z",
            "progress": None,
            "next_tier": None,
            "points_to_next": None,
        }
    ],
}


class MemberTiersView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="read_member_tiers",
        tag="Members",
        summary="Read a member's tiers, now or as of a day",
        description="""
        The tier that the member has on each ladder, with the progress to the next one; or, with `at`, the
        tier that they had then. A purchase earns by the tier of when it happened, however late it is
        reported. A tier is reached when the points for it were earned, so what is reported late can
        change the answer for the days in between. Before somebody was a member they stood nowhere: the
        list is empty.
        """,
        parameters=(REFERENCE, _AT),
        answer=MemberTiers,
        example=_EXAMPLE,
        refuses=(NotFound, InvalidFilter),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        asked = pagination.given(request, "at").get("at")
        now = clock.now(program)
        at = now if asked is None else _moment(asked, program, now)
        found = tier_history.places(program, references.read(reference), at=at)
        return rendering.answer(MemberTiers(at, tuple(map(MemberTierBody.of, found))))


def _moment(text: str, program: Program, now: datetime) -> datetime:
    """
    The moment that is asked for; today is now.

    :raises InvalidFilter: if it is neither a day nor a moment, or is still to come
    """
    known = terms.of(program)
    try:
        if not _DAY.fullmatch(text):
            at = filters.moment(text)
        else:
            day = date.fromisoformat(text)
            at = now if day == known.day_of(now) else midnight_after(day, known.zone) - timedelta.resolution
    except (ValueError, OverflowError):
        detail = _("at: a day as 2026-06-01, or a moment with its offset as 2026-06-01T00:00:00Z.")
        raise InvalidFilter(detail, parameter="at") from None
    if at > now:
        detail = _("at: it is {now} now; nobody knows the tiers of later.")
        raise InvalidFilter(detail.format(now=now.isoformat(timespec="seconds")), parameter="at")
    return at
