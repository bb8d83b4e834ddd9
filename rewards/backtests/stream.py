"""Past activities in the order in which they happened, as the engine saw them."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from loyalty.core.db import fetch
from loyalty.core.models import Program
from members.references import MemberReference
from rewards.deciding.activities import CustomEvent, Line, Money, Sale
from rewards.deciding.awarding import activity_facts
from rewards.engine.facts import Facts, MemberFacts, Moment

AT_ONCE: Final = 2_000
START: Final = UUID(int=0)


class Stored(Struct, frozen=True):
    """What was kept with an activity when it was booked."""

    member: MemberFacts
    rounding: str
    time_zone: str


class KeptMoney(Struct, frozen=True):
    """`rewards.deciding.activities.Money` without the patterns, which it met when it was reported."""

    amount: str

    @property
    def value(self) -> Decimal:
        return Decimal(self.amount)


class KeptLine(Struct, frozen=True):
    """`Line` likewise: checking each text again would take twice the time of the rules."""

    id: str
    sku: str
    amount: KeptMoney
    quantity: str = "1"
    name: str = ""
    category: str = ""
    brand: str = ""
    department: str = ""
    discount: KeptMoney | None = None
    tax: KeptMoney | None = None


class Happened(Struct, frozen=True):
    """One past activity. `facts` are those of then, where they were kept."""

    id: UUID
    member_id: UUID
    at: datetime
    facts: Facts
    rounding: str
    lines: tuple[KeptLine, ...]


# A tuple of both keys, so that the index is read from there on and nothing is sorted.
_NEXT: Final = """
SELECT id, member_id, kind, event_type, store, source, amount::text, lines::text, attributes::text,
       facts::text, occurred_at
FROM rewards_activity
WHERE program_id = $1 AND (occurred_at, id) > ($2, $3) AND occurred_at < $4 AND kind IN ('sale', 'event')
ORDER BY occurred_at, id LIMIT $5"""
_COUNT: Final = """
SELECT count(*) FROM rewards_activity
WHERE program_id = $1 AND occurred_at >= $2 AND occurred_at < $3 AND kind IN ('sale', 'event')"""
_EDGES: Final = """
SELECT (SELECT occurred_at FROM rewards_activity WHERE program_id = $1 ORDER BY occurred_at, id LIMIT 1),
       (SELECT occurred_at FROM rewards_activity WHERE program_id = $1
        ORDER BY occurred_at DESC, id DESC LIMIT 1)"""

_LINES: Final = msgspec.json.Decoder(tuple[KeptLine, ...])
_ATTRIBUTES: Final = msgspec.json.Decoder(dict[str, Any])
_STORED: Final = msgspec.json.Decoder(Stored)


def count(program: Program, *, starts_at: datetime, ends_at: datetime) -> int:
    """How many sales and events there are in the period."""
    ((found,),) = fetch(_COUNT, [program.pk, starts_at, ends_at])
    return int(found)


def edges(program: Program) -> tuple[datetime, datetime] | None:
    """When the first and the last activity happened; None if there are none."""
    ((first, last),) = fetch(_EDGES, [program.pk])
    return None if first is None else (first, last)


def chunk(program: Program, *, after: tuple[datetime, UUID], ends_at: datetime) -> list[Happened]:
    """The next activities after a position, or fewer if there are no more before `ends_at`."""
    rows = fetch(_NEXT, [program.pk, *after, ends_at, AT_ONCE])
    return list(_read(rows, program.currency))


def _read(rows: list[tuple[Any, ...]], currency: str) -> Iterator[Happened]:
    for row in rows:
        activity_id, member_id, kind, event_type, store, source, amount, lines, attributes, facts, at = row
        stored = _STORED.decode(facts)
        bought = _LINES.decode(lines)
        reported = _reported(
            kind, event_type, store, amount, bought, _ATTRIBUTES.decode(attributes), at, currency
        )
        yield Happened(
            id=activity_id,
            member_id=member_id,
            at=at,
            facts=Facts(
                activity=activity_facts(reported, source),
                member=stored.member,
                moment=Moment(local=at.astimezone(_zone(stored.time_zone))),
            ),
            rounding=stored.rounding,
            lines=bought,
        )


_NOBODY: Final = MemberReference(kind="id", value="-")


def _reported(
    kind: str,
    event_type: str,
    store: str,
    amount: str,
    lines: tuple[KeptLine, ...],
    attributes: dict[str, Any],
    at: datetime,
    currency: str,
) -> Sale | CustomEvent:
    if kind == "event":
        return CustomEvent(
            external_id="", occurred_at=at, type=event_type, member=_NOBODY, attributes=attributes
        )
    return Sale(
        external_id="",
        occurred_at=at,
        member=_NOBODY,
        amount=Money(amount=amount, currency=currency),
        store=store,
        lines=cast(tuple[Line, ...], lines),
        attributes=attributes,
    )


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
