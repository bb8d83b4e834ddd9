"""
What rules ask of a member's purchases: read with everything else a sale needs, and only if they ask.

See `rewards.engine.history`. A sale sees the sales that happened before it, and of those of the same
moment the ones that were booked before it; never itself.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from rewards.engine.history import FIRST, LAST, start_of


class Past(Struct, frozen=True):
    """A member's purchases before a moment: the last one, and number and net amount by days looked back."""

    last_at: datetime | None = None
    windows: Mapping[int, tuple[int, Decimal]] = {}


def windows(asked: Collection[str], local: datetime) -> dict[int, datetime]:
    """The days that the facts look back, and the instant at which each of these windows begins."""
    days = {int(fact.partition(":")[2]) for fact in asked if ":" in fact}
    return {back: start_of(back, local).astimezone(UTC) for back in sorted(days)}


class Sold:
    """The sales that an attempt has decided on so far, which those that come after must see."""

    def __init__(self) -> None:
        self._sales: defaultdict[UUID, list[tuple[datetime, Decimal]]] = defaultdict(list)

    def add(self, member_id: UUID, occurred_at: datetime, amount: Decimal) -> None:
        self._sales[member_id].append((occurred_at, amount))

    def with_these(
        self, past: Past, member_id: UUID, moment: datetime, begins: Mapping[int, datetime]
    ) -> Past:
        """What was loaded of the past, with the sales of this attempt."""
        earlier = [(at, amount) for at, amount in self._sales[member_id] if at <= moment]
        if not earlier:
            return past
        known = {past.last_at} if past.last_at else set()
        return Past(
            last_at=max(known | {at for at, _ in earlier}),
            windows={
                days: _and(past.windows.get(days, (0, Decimal(0))), [m for at, m in earlier if at >= begin])
                for days, begin in begins.items()
            },
        )


def _and(counted: tuple[int, Decimal], amounts: Sequence[Decimal]) -> tuple[int, Decimal]:
    return counted[0] + len(amounts), sum(amounts, start=counted[1])


def facts(past: Past, asked: Collection[str], zone: ZoneInfo) -> dict[str, Any]:
    """What was asked for, as the engine takes it and as it is stored."""
    return {fact: _fact(past, fact, zone) for fact in sorted(asked)}


def _fact(past: Past, fact: str, zone: ZoneInfo) -> Any:
    name, _, days = fact.partition(":")
    if name == LAST:
        return past.last_at.astimezone(zone).date().isoformat() if past.last_at else None
    if name == FIRST:
        return past.last_at is None
    purchases, spend = past.windows.get(int(days), (0, Decimal(0)))
    return purchases if name == "purchases" else str(spend)


def read_past(row: Sequence[Any]) -> Past:
    """From the JSON of `PAST_COLUMN`."""
    last_at, counted = row
    return Past(
        last_at=datetime.fromisoformat(last_at) if last_at else None,
        windows={days: (number, Decimal(net)) for days, number, net in counted or ()},
    )


PAST_COLUMN: Final = """
    json_build_array(
        (SELECT a.occurred_at FROM rewards_activity a
         WHERE a.member_id = member.id AND a.kind = 'sale' AND a.occurred_at <= asked.occurred_at
         ORDER BY a.occurred_at DESC LIMIT 1),
        (SELECT json_agg(json_build_array(back.days, sales.number, sales.net::text))
         FROM json_to_recordset(asked.windows) AS back(days int, begins_at timestamptz),
         LATERAL (SELECT count(*) AS number, coalesce(sum(a.amount - a.returned_amount), 0) AS net
                  FROM rewards_activity a
                  WHERE a.member_id = member.id AND a.kind = 'sale'
                  AND a.occurred_at >= back.begins_at AND a.occurred_at <= asked.occurred_at) AS sales)
    )::text"""
"""A column for a loading statement: the purchases of `member` by `asked(occurred_at, windows)`."""
