"""
The sums that all reports are made of: one pass of the database each, however many members.

What is read: a flow reads the entries of its time by `entries_by_day`, their postings by entry, and
the lots and wallets that these name. A standing reads the lots that are open now (a scan of the
lots), and what was recorded after its day. Each returns a row for a wallet type and month of
earning, not for a member, so that memory is flat.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from loyalty.core.db import fetch
from loyalty.core.models import Program

_HAD: Final = "('pending', 'available', 'held')"
_COHORT: Final = "date_trunc('month', lot.earned_at AT TIME ZONE $2)::date"

# What a posting does to the points that members have: by its entry, and by where it leads. What a merge
# or an adjustment undoes is part of it, whatever the kind of the entry that does so.
_MOVEMENT: Final = """
CASE
    WHEN destination = 'expired' THEN 'expired'
    WHEN (kind = 'merge' OR cause LIKE 'merge:%') AND destination <> 'reversed' THEN 'merged'
    WHEN destination IN ('pending', 'available', 'held') THEN
        CASE WHEN kind = 'adjust' OR cause LIKE 'adjustment:%' THEN 'adjusted_up'
             WHEN kind = 'transfer_in'
                 THEN CASE taken_from WHEN 'reversed' THEN 'fee' ELSE 'transferred_in' END
             WHEN taken_from <> 'issued' THEN taken_from || '_undone'
             ELSE 'issued' END
    WHEN kind = 'adjust' OR cause LIKE 'adjustment:%' THEN 'adjusted_down'
    WHEN kind = 'transfer_out' THEN CASE destination WHEN 'redeemed' THEN 'transferred_out' ELSE 'fee' END
    ELSE destination
END"""

_COST_CENTRE: Final = """
CASE WHEN cause LIKE 'adjustment:%' THEN coalesce((
    SELECT a.cost_centre FROM members_adjustment a WHERE a.id = split_part(cause, ':', 2)::uuid
), '') ELSE '' END"""

# First summed up by what the rows say, which several processes of the database share, and only then by
# what that means.
_FLOWS: Final = f"""
SELECT segment, type_id, cohort, source, {_MOVEMENT}, {_COST_CENTRE}, sum(points)::bigint FROM (
    SELECT width_bucket(entry.recorded_at, $3::timestamptz[]) - 1 AS segment, wallet.type_id,
           {_COHORT} AS cohort, lot.source, entry.kind, posting.source AS taken_from, posting.destination,
           CASE WHEN entry.cause LIKE 'adjustment:%' THEN entry.cause
                WHEN entry.cause LIKE 'merge:%' THEN 'merge:' END AS cause,
           sum(CASE WHEN posting.destination IN {_HAD} THEN posting.points ELSE -posting.points END) AS points
    FROM members_entry entry
    JOIN members_posting posting ON posting.entry_id = entry.id
    JOIN members_lot lot ON lot.id = posting.lot_id
    JOIN members_wallet wallet ON wallet.id = entry.wallet_id
    WHERE entry.program_id = $1 AND entry.recorded_at >= $4 AND entry.recorded_at < $5
    AND (posting.source IN {_HAD}) <> (posting.destination IN {_HAD})
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8) AS moved
GROUP BY 1, 2, 3, 4, 5, 6"""


@dataclass(frozen=True, slots=True)
class Flow:
    """
    Points that members got (or, below zero, gave up) in one way within one segment of time.

    `segment` counts the given moments from 0; `source` is why the lots exist, and `cost_centre` who
    pays for an adjustment.
    """

    segment: int
    kind: UUID
    cohort: date
    source: str
    movement: str
    cost_centre: str
    points: int


@contextmanager
def snapshot() -> Iterator[None]:
    """One view of all tables for several sums; inside a transaction, that one's view."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def flows(program: Program, moments: Sequence[datetime]) -> list[Flow]:
    """What moved between the moments, which are in order: the n-th segment begins at the n-th of them."""
    rows = fetch(_FLOWS, [program.pk, program.time_zone, list(moments), moments[0], moments[-1]])
    return [Flow(*row) for row in rows]


def standing(program: Program, at: datetime) -> dict[tuple[UUID, date], int]:
    """
    Outstanding points just before a moment, by wallet type and month of earning, from lots and postings.

    What the lots hold now, less what was recorded since: the lots are the postings' sum.
    """
    return _standing(program, at, _COHORT)


def expiring(program: Program, at: datetime) -> dict[tuple[UUID, date | None], int]:
    """The same points by wallet type and the month in which they expire, as their lots say now."""
    ends = "CASE WHEN lot.lapses THEN wallet.lapses_at ELSE lot.expires_at END"
    return _standing(program, at, f"date_trunc('month', {ends} AT TIME ZONE $2)::date")


def _standing(program: Program, at: datetime, month: str) -> dict[tuple[UUID, Any], int]:
    rows = fetch(
        "SELECT type_id, month, sum(points)::bigint FROM ("
        f" SELECT wallet.type_id, {month} AS month, sum(lot.pending + lot.available + lot.held) AS points"
        " FROM members_lot lot JOIN members_wallet wallet ON wallet.id = lot.wallet_id"
        " WHERE lot.program_id = $1 AND (lot.available > 0 OR lot.pending > 0 OR lot.held > 0)"
        " GROUP BY 1, 2 UNION ALL"
        f" SELECT wallet.type_id, {month},"
        f" sum(CASE WHEN posting.destination IN {_HAD} THEN -posting.points ELSE posting.points END)"
        " FROM members_entry entry"
        " JOIN members_posting posting ON posting.entry_id = entry.id"
        " JOIN members_lot lot ON lot.id = posting.lot_id"
        " JOIN members_wallet wallet ON wallet.id = entry.wallet_id"
        " WHERE entry.program_id = $1 AND entry.recorded_at >= $3"
        f" AND (posting.source IN {_HAD}) <> (posting.destination IN {_HAD})"
        " GROUP BY 1, 2"
        ") AS moved GROUP BY 1, 2 HAVING sum(points) <> 0 ORDER BY 1, 2",
        [program.pk, program.time_zone, at],
    )
    return {(kind, month): points for kind, month, points in rows}


def balances(program: Program, moments: Sequence[datetime]) -> dict[tuple[int, UUID], int]:
    """
    Outstanding points just before each moment, by wallet type, from wallets and entries alone.

    It looks neither at lots nor at postings, so that it can prove what was counted from these.
    """
    rows = fetch(
        "SELECT width_bucket(entry.recorded_at, $2::timestamptz[]) - 1, wallet.type_id,"
        " sum(entry.points)::bigint"
        " FROM members_entry entry JOIN members_wallet wallet ON wallet.id = entry.wallet_id"
        " WHERE entry.program_id = $1 AND entry.recorded_at >= $3 GROUP BY 1, 2"
        " UNION ALL SELECT NULL, type_id, sum(pending + available + held)::bigint"
        " FROM members_wallet WHERE program_id = $1 GROUP BY 2",
        [program.pk, list(moments), moments[0]],
    )
    later = [row for row in rows if row[0] is not None]
    found = {}
    for kind, points in ((kind, points) for segment, kind, points in rows if segment is None):
        for position in reversed(range(len(moments))):
            points -= sum(moved for segment, of, moved in later if (segment, of) == (position, kind))
            found[position, kind] = points
    return found


def first_day(program: Program) -> date | None:
    """The day of the program's first booking; None before it."""
    ((day,),) = fetch(
        "SELECT (min(recorded_at) AT TIME ZONE $2)::date FROM members_entry WHERE program_id = $1",
        [program.pk, program.time_zone],
    )
    return day  # type: ignore[no-any-return]
