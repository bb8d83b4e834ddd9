"""Who is in a segment, or would be: what its pages say about it."""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from loyalty.core import clock
from members.models import Member, Segment, SegmentMember
from rewards.admin.segment.form import SegmentForm
from rewards.audience import members as audience
from rewards.audience.members import TooManyToCount

SAMPLE: Final = 6
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Found:
    """How many members there are, if that could be counted, and some of them."""

    number: int | None = None
    sample: list[Member] = field(default_factory=list)
    is_live: bool = False
    problems: list[str] = field(default_factory=list)


def saved(segment: Segment) -> Found:
    """The members that it has."""
    if segment._state.adding:
        return Found(number=None, is_live=False)
    places = places_of(segment)[:SAMPLE]
    return Found(number=segment.member_count, sample=[place.member for place in places])


def live(form: SegmentForm) -> Found:
    """The members whom the conditions in the form describe now."""
    form.is_valid()
    if "conditions" in form.errors:
        return Found(is_live=True, problems=[str(error) for error in form.errors["conditions"]])
    program = form.instance.program
    at = clock.now(program)
    try:
        number, sample = audience.sample(program, form.node, at=at, at_most=SAMPLE)
    except TooManyToCount as refusal:
        return Found(is_live=True, problems=[refusal.detail])
    return Found(number=number, sample=sample, is_live=True)


def places_of(segment: Segment) -> Any:
    """The places in a segment, those of the members who enrolled last first: their ids grow."""
    places = SegmentMember.objects.filter(program=segment.program_id, segment=segment)
    return places.select_related("member").order_by("-member_id")


def members(segment: Segment, *, after: str) -> dict[str, Any]:
    """A page of the members of a segment, those after a member's id."""
    places = places_of(segment)
    try:
        places = places.filter(member_id__lt=UUID(after)) if after else places
    except ValueError:
        places = places.none()
    found = list(places[: PAGE + 1])
    is_more = len(found) > PAGE
    return {"places": found[:PAGE], "after": found[PAGE - 1].member_id if is_more else None}
