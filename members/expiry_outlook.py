"""
What will expire, before it does: how much by day, and whose.

By day, all lots of the days ahead are read, about a second for a million; callers keep the result.
Whose is read page by page, in the order of the dates.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from msgspec import Struct

from loyalty.core.db import fetch, planned_by_values
from loyalty.core.models import Program
from members.lifespan import midnight_after

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))

_BY_DAY = """
WITH going AS (
    SELECT lot.wallet_id, lot.expires_at, lot.available FROM members_lot AS lot
    WHERE lot.program_id = $1 AND lot.available > 0 AND lot.expires_at <= $2
    UNION ALL
    SELECT wallet.id, wallet.lapses_at, lot.available
    FROM members_wallet AS wallet JOIN members_lot AS lot ON lot.wallet_id = wallet.id
    WHERE wallet.program_id = $1 AND wallet.lapses_at <= $2 AND lot.lapses AND lot.available > 0
)
SELECT type.id, ((going.expires_at - interval '1 microsecond') AT TIME ZONE $3::text)::date AS last_day,
       count(DISTINCT going.wallet_id), sum(going.available)::bigint, sum(going.available) * type.point_value
FROM going JOIN members_wallet AS wallet ON wallet.id = going.wallet_id
JOIN members_wallettype AS type ON type.id = wallet.type_id
GROUP BY type.id, last_day ORDER BY last_day, type.name
"""
# Two lists, each in the order of its index, and of each only as many as a page has.
_WHOSE = """
WITH dated AS (
    SELECT lot.wallet_id, lot.expires_at, sum(lot.available)::bigint AS points
    FROM members_lot AS lot JOIN members_wallet AS wallet ON wallet.id = lot.wallet_id
    WHERE wallet.type_id = $2 AND lot.available > 0 AND lot.expires_at > $3 AND lot.expires_at <= $4
      AND (lot.expires_at, lot.wallet_id) > ($5, $6::uuid)
    GROUP BY lot.expires_at, lot.wallet_id ORDER BY lot.expires_at, lot.wallet_id LIMIT $7
), lapsing AS (
    SELECT wallet.id, wallet.lapses_at, sum(lot.available)::bigint
    FROM members_wallet AS wallet JOIN members_lot AS lot ON lot.wallet_id = wallet.id
    WHERE wallet.type_id = $2 AND wallet.lapses_at > $3 AND wallet.lapses_at <= $4
      AND lot.lapses AND lot.available > 0 AND (wallet.lapses_at, wallet.id) > ($5, $6::uuid)
    GROUP BY wallet.lapses_at, wallet.id ORDER BY wallet.lapses_at, wallet.id LIMIT $7
), going AS (
    SELECT * FROM dated UNION ALL SELECT * FROM lapsing
)
SELECT going.wallet_id, wallet.member_id, member.first_name, member.last_name, going.expires_at,
       going.points, going.points * type.point_value
FROM going JOIN members_wallet AS wallet ON wallet.id = going.wallet_id AND wallet.program_id = $1
JOIN members_member AS member ON member.id = wallet.member_id
JOIN members_wallettype AS type ON type.id = wallet.type_id
ORDER BY going.expires_at, going.wallet_id LIMIT $7
"""


class Day(Struct, frozen=True, kw_only=True):
    """Points of one kind that have their last day then, and what they would cost, redeemed."""

    wallet_type_id: UUID
    last_day: date
    members: int
    points: int
    value: Decimal


class Going(Struct, frozen=True, kw_only=True):
    """Points of a member's wallet that go together."""

    wallet_id: UUID
    member_id: UUID
    name: str
    expires_at: datetime
    points: int
    value: Decimal


class Position(Struct, frozen=True):
    """Where a page ends."""

    expires_at: datetime = LONG_AGO
    wallet_id: UUID = UUID(int=0)


def by_day(program: Program, *, at: datetime, days: int) -> list[Day]:
    """All that goes by the end of so many days, with what is due already, as members hold it now."""
    zone = ZoneInfo(program.time_zone)
    until = midnight_after(at.astimezone(zone).date() + timedelta(days=days), zone)
    with transaction.atomic(), planned_by_values():
        rows = fetch(_BY_DAY, [program.pk, until, program.time_zone])
    return [
        Day(wallet_type_id=kind, last_day=day, members=members, points=points, value=value)
        for kind, day, members, points, value in rows
    ]


def whose(
    program: Program,
    *,
    wallet_type_id: UUID,
    first_day: date | None,
    last_day: date,
    after: Position | None = None,
    limit: int = 100,
) -> list[Going]:
    """A page of the wallets whose points go from the first to the last of these days, by date."""
    zone = ZoneInfo(program.time_zone)
    since = midnight_after(first_day - timedelta(days=1), zone) if first_day else LONG_AGO
    # What has its last day on the first of them goes at the midnight that ends it.
    until, position = midnight_after(last_day, zone), after or Position()
    span: list[Any] = [program.pk, wallet_type_id, since, until]
    with transaction.atomic(), planned_by_values():
        rows = fetch(_WHOSE, [*span, position.expires_at, position.wallet_id, limit])
    return [
        Going(
            wallet_id=wallet_id,
            member_id=member_id,
            name=f"{first_name} {last_name}".strip(),
            expires_at=expires_at,
            points=points,
            value=value,
        )
        for wallet_id, member_id, first_name, last_name, expires_at, points, value in rows
    ]


def everybody(
    program: Program, *, wallet_type_id: UUID, first_day: date | None, last_day: date
) -> Iterator[Going]:
    """The same from the first to the last, read page by page."""
    position: Position | None = None
    while page := whose(
        program,
        wallet_type_id=wallet_type_id,
        first_day=first_day,
        last_day=last_day,
        after=position,
        limit=2_000,
    ):
        yield from page
        position = Position(page[-1].expires_at, page[-1].wallet_id)
