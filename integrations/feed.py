"""
The event log as a feed, for systems that would rather pull than be called.

A reader keeps its own place, as consumers inside do, and goes no further than the seal: it sees each event of
its program once, in order, and misses none. See Note [Event cursor] in `loyalty.core.events`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from integrations import messages
from loyalty.core import db
from loyalty.core.models import Program

LOOKED_AT_MOST: Final = 5_000
"""Events that one call looks through for those of the wanted types."""
BEFORE: Final = timedelta(minutes=5)
"""An event can be recorded that much earlier than others with a lower number: its transaction took long."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some events as messages, oldest first; `position` is where to go on, now or later."""

    messages: list[bytes]
    position: int
    has_more: bool


_READ: Final = """
WITH seal AS (SELECT sealed_number FROM core_eventhorizon WHERE id = 1),
span AS MATERIALIZED (
    SELECT number, type, occurred_at, member_id, data FROM core_event
    WHERE program_id = $1 AND number > $2 AND number <= (SELECT sealed_number FROM seal)
    ORDER BY number LIMIT $3
)
SELECT coalesce(read.sealed, 0), coalesce(read.last, 0), read.seen,
    found.number, found.type, found.occurred_at, found.data
FROM (
    SELECT (SELECT sealed_number FROM seal) AS sealed, max(number) AS last, count(*) AS seen FROM span
) AS read
LEFT JOIN LATERAL (
    SELECT number, type, occurred_at,
        (CASE WHEN member_id IS NULL THEN '{}' ELSE jsonb_build_object('member_id', member_id) END
            || data)::text AS data
    FROM span WHERE $4::text[] IS NULL OR type = ANY($4) ORDER BY number LIMIT $5
) AS found ON true
ORDER BY found.number
"""

_NOW: Final = "SELECT sealed_number FROM core_eventhorizon WHERE id = 1"

# Halves the log until it stands before the first event that was recorded since: a look at the index each.
_SINCE: Final = """
WITH RECURSIVE search(low, high) AS (
    SELECT 0::bigint, sealed_number + 1 FROM core_eventhorizon WHERE id = 1
    UNION ALL
    SELECT CASE WHEN probe.recorded_at < $2 THEN middle ELSE low END,
        CASE WHEN probe.recorded_at < $2 THEN high ELSE middle END
    FROM search
    CROSS JOIN LATERAL (SELECT (low + high) / 2 AS middle) AS half
    LEFT JOIN LATERAL (
        SELECT recorded_at FROM core_event WHERE program_id = $1 AND number >= middle ORDER BY number LIMIT 1
    ) AS probe ON true
    WHERE high - low > 1
)
SELECT low FROM search ORDER BY high - low LIMIT 1
"""


def read(program: Program, *, after: int, limit: int, types: Sequence[str] | None = None) -> Page:
    """
    The next events after a position, in one statement.

    Of wanted types there may be none among those that were looked at, and more behind them.
    """
    look_at = limit + 1 if types is None else LOOKED_AT_MOST
    wanted = None if types is None else list(types)
    rows = db.fetch(_READ, [program.pk, after, look_at, wanted, limit + 1])
    sealed, last, seen = rows[0][:3]
    found = [row[3:] for row in rows if row[3] is not None]
    told = [
        messages.body(number=number, type=type_, occurred_at=occurred_at, data=data)
        for number, type_, occurred_at, data in found[:limit]
    ]
    if len(found) > limit:
        return Page(told, found[limit - 1][0], has_more=True)
    if seen == look_at:
        return Page(told, last, has_more=True)
    return Page(told, max(after, sealed), has_more=False)


def now() -> int:
    """The position behind all that can be read at this moment."""
    rows = db.fetch(_NOW)
    return int(rows[0][0]) if rows else 0


def since(program: Program, moment: datetime) -> int:
    """A position before everything that was recorded since then; a little from before may come after it."""
    try:
        earliest = moment - BEFORE
    except OverflowError:  # before the year 1
        return 0
    rows = db.fetch(_SINCE, [program.pk, earliest])
    return int(rows[0][0]) if rows else 0
