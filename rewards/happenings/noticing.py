"""From the event log to occasions: what happened to members that campaigns may listen to."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from loyalty.core import clock
from loyalty.core.db import fetch
from loyalty.core.models import Event, Program
from members.ledger import store
from rewards.checkouts import giving_back
from rewards.happenings import occasions, referrals
from rewards.happenings.occasions import Occasion
from rewards.journeys import taking_back

CONSUMER: Final = "occasions"
AT_ONCE: Final = 500


def notice(found: Iterable[Event]) -> int:
    """
    Book the occasions that these events are, each once; how many.

    To be called in the transaction that moves the reader's cursor. One statement for each program,
    which holds the wallets of its members in their order.
    """
    by_program: dict[UUID, list[Event]] = defaultdict(list)
    for event in found:
        by_program[event.program_id].append(event)
    programs = Program.objects.in_bulk(by_program)
    return sum(_notice(programs[program_id], its) for program_id, its in sorted(by_program.items()))


def _notice(program: Program, found: Sequence[Event]) -> int:
    at = clock.now(program)
    # Before anything else, as everybody does: see Note [The lock] in `members.ledger.store`.
    whole = [event for event in found if event.type == "sale.returned" and event.data["is_whole"]]
    paid = giving_back.checkouts_of([UUID(event.data["sale_id"]) for event in whole], program=program)
    people = {event.member_id for event in found if event.member_id}
    store.lock(people.union(*map(giving_back.concerned, paid)))
    registered = [event for event in found if event.type == "member.registered"]
    referrals.register(registered, program=program, at=at)
    returned = [event for event in found if event.type in _TAKEN_BACK]
    taking_back.after_returns(returned, program=program, at=at)
    giving_back.after_returns(paid, program=program, at=at)
    noticed = [occasion for event in found if event.member_id for occasion in _OF[event.type](event)]
    return occasions.book([*noticed, *_completed(found, program)], program=program, at=at)


def _registered(event: Event) -> Iterator[Occasion]:
    yield _occasion(event, "member.registered", f"registered:{event.member_id}")


def _updated(event: Event) -> Iterator[Occasion]:
    """Each identifier that is new; one that was corrected is not."""
    for added in event.data.get("identifiers_added", ()):
        yield _occasion(event, "identifier.added", f"identifier:{added['id']}", identifier=added["kind"])


def _tier(event: Event) -> Iterator[Occasion]:
    yield _occasion(
        event,
        "tier.reached",
        f"tier:{event.number}",
        tier=event.data["tier"],
        previous=event.data["previous"],
        ladder=event.data["ladder"],
    )


def _segment(event: Event) -> Iterator[Occasion]:
    yield _occasion(event, "segment.entered", f"segment:{event.number}", segment=event.data["segment"])


def _challenge(event: Event) -> Iterator[Occasion]:
    yield _occasion(
        event,
        "challenge.completed",
        f"challenge:{event.number}",
        challenge=event.data["challenge"],
        completions=event.data["completions"],
    )


def _returned(event: Event) -> Iterator[Occasion]:
    data = event.data
    yield _occasion(
        event,
        "sale.returned",
        f"return:{data['activity_id']}",
        amount=data["amount"],
        is_whole=data["is_whole"],
        return_external_id=data["external_id"],
    )


def _nothing(event: Event) -> Iterator[Occasion]:
    """A mistake is no occasion; what it gave is taken back."""
    yield from ()


def _occasion(event: Event, event_type: str, key: str, **attributes: str | int | bool) -> Occasion:
    assert event.member_id is not None
    return Occasion(
        type=event_type,
        member_id=event.member_id,
        key=key,
        occurred_at=event.occurred_at,
        attributes=attributes,
    )


_OF: Final[dict[str, Callable[[Event], Iterator[Occasion]]]] = {
    "member.registered": _registered,
    "member.updated": _updated,
    "tier.upgraded": _tier,
    "segment.entered": _segment,
    "challenge.completed": _challenge,
    "sale.returned": _returned,
    "sale.cancelled": _nothing,
    "sale.corrected": _nothing,
}
_TAKEN_BACK: Final = ("sale.returned", "sale.cancelled", "sale.corrected")
TYPES: Final = tuple(_OF)
"""The types of events that are looked at."""


# A profile is complete when the last thing that the program asks for becomes known.

_COMPLETE: Final = """
SELECT m.id FROM members_member m
LEFT JOIN LATERAL (
    SELECT array_agg(kind) AS kinds FROM members_identifier WHERE member_id = m.id) AS known ON true
WHERE m.program_id = $1 AND m.id = ANY($2::uuid[])
  AND ('name' <> ALL($3::text[]) OR (m.first_name <> '' AND m.last_name <> ''))
  AND ('birth_date' <> ALL($3::text[]) OR m.birth_date IS NOT NULL)
  AND ('contact' <> ALL($3::text[]) OR known.kinds && ARRAY['email', 'phone']::varchar[])
  AND ('email' <> ALL($3::text[]) OR 'email' = ANY(known.kinds))
  AND ('phone' <> ALL($3::text[]) OR 'phone' = ANY(known.kinds))"""
_TELLS: Final = {
    "name": {"first_name", "last_name"},
    "birth_date": {"birth_date"},
    "contact": {"email", "phone"},
    "email": {"email"},
    "phone": {"phone"},
}


def _completed(found: Sequence[Event], program: Program) -> list[Occasion]:
    """Whoever told something that was asked for, and has now told all of it: once for each member."""
    asked: set[str] = set().union(*(_TELLS[name] for name in program.profile_fields))
    told = {
        event.member_id: event
        for event in found
        if event.member_id
        and event.type in ("member.registered", "member.updated")
        and (event.type == "member.registered" or asked & _filled(event.data))
        and occasions.is_listened_to("profile.completed", program=program, at=event.occurred_at)
    }
    if not told:
        return []
    rows = fetch(_COMPLETE, [program.pk, list(told), program.profile_fields])
    return [_occasion(told[member_id], "profile.completed", f"profile:{member_id}") for (member_id,) in rows]


def _filled(data: dict[str, Any]) -> set[str]:
    return {*data.get("filled", ()), *(added["kind"] for added in data.get("identifiers_added", ()))}
