"""
What campaigns gave on each day, counted ahead so that pages are fast however many activities there are.

Note [Campaign days]
~~~~~~~~~~~~~~~~~~~~
A day is never added to: it is counted anew from its activities, all campaigns at once. So a day is
right whatever was counted before, a count that is broken off or made twice does no harm, and a sale
that comes late, or is returned months later, has its own day counted once more.

Which days have changed is seen from activities that are newer than those looked at before, by their
ids, which grow with time. A transaction that is still running may hold an older id than one that can
be seen. So days are counted up to the newest activity, but the mark is set no later than a minute
before the oldest transaction began that is running now: what comes to light behind it is found next
time. Nothing is missed as long as less than that minute passes between the making of an id and the
beginning of the transaction that writes it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from loyalty.core import clock
from loyalty.core.db import fetch
from loyalty.core.ids import NEW_ID, first_id_of
from loyalty.core.models import Program
from rewards.models import CampaignDay, CampaignDayMark

MARGIN: Final = timedelta(minutes=1)
DAYS_AT_ONCE: Final = 31
_FIRST: Final = UUID(int=0)

_CHANGED: Final = """
SELECT DISTINCT (coalesce(sale.occurred_at, activity.occurred_at) AT TIME ZONE $2)::date
FROM rewards_activity activity LEFT JOIN rewards_activity sale ON sale.id = activity.original_id
WHERE activity.program_id = $1 AND activity.id > $3 ORDER BY 1"""

_OLDEST: Final = """
SELECT least(now(), min(xact_start)) FROM pg_stat_activity
WHERE datname = current_database() AND xact_start IS NOT NULL"""

# What partners return has its own day counted as the sale's: there it lowers the sale's worth.
_COUNT: Final = f"""
INSERT INTO rewards_campaignday (
    id, program_id, campaign_id, version_id, variant, day, activities, members, points, sales)
WITH happened AS MATERIALIZED (
    SELECT id, member_id, (occurred_at AT TIME ZONE $2)::date AS day, amount - returned_amount AS sales,
           awards, CASE jsonb_typeof(outcome->'gifts') WHEN 'array' THEN outcome->'gifts' END AS gifts
    FROM rewards_activity
    WHERE program_id = $1 AND kind IN ('sale', 'event') AND occurred_at >= $3 AND occurred_at < $4
    AND (awards <> '[]' OR outcome ? 'gifts')
), given AS MATERIALIZED (
    SELECT id, member_id, day, sales, given->>'version_id' AS version_id,
           coalesce(given->>'variant', '') AS variant, given->>'wallet_type' AS wallet_type,
           (given->>'points')::bigint AS points
    FROM happened CROSS JOIN LATERAL (
        SELECT * FROM jsonb_array_elements(awards) UNION ALL SELECT * FROM jsonb_array_elements(gifts)
    ) AS all_given(given)
), activities AS (
    SELECT version_id, variant, day, count(*) AS activities, count(DISTINCT member_id) AS members,
           sum(sales) AS sales
    FROM (SELECT DISTINCT version_id, variant, day, id, member_id, sales FROM given) AS once
    GROUP BY 1, 2, 3
), points AS (
    SELECT version_id, variant, day, jsonb_object_agg(wallet_type, points) AS points FROM (
        SELECT version_id, variant, day, wallet_type, sum(points) AS points FROM given
        WHERE points IS NOT NULL AND wallet_type IS NOT NULL GROUP BY 1, 2, 3, 4
    ) AS by_type GROUP BY 1, 2, 3
)
SELECT {NEW_ID}, $1, version.campaign_id, version.id, variant, day, activities, members,
       coalesce(points.points, '{{}}'), sales
FROM activities LEFT JOIN points USING (version_id, variant, day)
JOIN rewards_campaignversion version
     ON version.id = activities.version_id::uuid AND version.program_id = $1"""


def count(program: Program) -> int:
    """
    Bring the program's campaign days up to what has happened, and say how many days were counted.

    Only one process does so at a time; another one waits, and finds nothing left to do.
    """
    with transaction.atomic():
        mark = _locked(program)
        is_cut_otherwise = mark.time_zone != program.time_zone
        since = _FIRST if is_cut_otherwise else mark.counted_through
        through = _safe_mark(since)
        days = [day for (day,) in fetch(_CHANGED, [program.pk, program.time_zone, since])]
        if is_cut_otherwise:
            CampaignDay.objects.filter(program=program).delete()
        for first, last in spans(days):
            _count(program, first, last)
        mark.counted_through, mark.time_zone, mark.counted_at = through, program.time_zone, timezone.now()
        mark.save()
    return len(days)


def _locked(program: Program) -> CampaignDayMark:
    fresh = {"counted_through": _FIRST, "time_zone": program.time_zone, "counted_at": timezone.now()}
    CampaignDayMark.objects.get_or_create(program=program, defaults=fresh)
    return CampaignDayMark.objects.select_for_update(of=("self",)).get(program=program)


def _safe_mark(since: UUID) -> UUID:
    """The id below which nothing can come to light any more."""
    ((oldest,),) = fetch(_OLDEST)
    return max(since, first_id_of(oldest - MARGIN))


def _count(program: Program, first: date, last: date) -> None:
    CampaignDay.objects.filter(program=program, day__gte=first, day__lte=last).delete()
    starts_at, ends_at = (clock.start_of_day(program, day) for day in (first, last + timedelta(days=1)))
    fetch(_COUNT, [program.pk, program.time_zone, starts_at, ends_at])


def spans(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Days in a row put together, a month of them at most; each with its first and its last day."""
    row: list[date] = []
    for day in days:
        if row and (day - row[-1] > timedelta(days=1) or len(row) == DAYS_AT_ONCE):
            yield _ends(row)
            row = []
        row.append(day)
    if row:
        yield _ends(row)


def _ends(row: Sequence[date]) -> tuple[date, date]:
    return row[0], row[-1]
