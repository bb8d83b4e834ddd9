"""A campaign's days put together for the page: by day or week, by version and by variant."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from django.utils.formats import date_format

from members.finance.estimates import Estimates
from rewards.models import Campaign, CampaignDay
from rewards.performance.groups import ZERO

MOST_DAYS: Final = 92
"""Drawn one by one; of a longer time, weeks are."""


@dataclass(frozen=True, slots=True)
class Sum:
    """`members` are different ones only within one day; `cost` is not rounded."""

    activities: int = 0
    members: int = 0
    points: int = 0
    cost: Decimal = ZERO
    sales: Decimal = ZERO

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(
            self.activities + other.activities,
            self.members + other.members,
            self.points + other.points,
            self.cost + other.cost,
            self.sales + other.sales,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A day's figures of one version and variant."""

    campaign_id: object
    day: date
    version: int
    variant: str
    sum: Sum


def rows(campaigns: Iterable[Campaign], worth: Estimates, *, since: date | None = None) -> list[Row]:
    """The counted days of campaigns of one program, in order; one query."""
    found = CampaignDay.objects.filter(campaign__in=list(campaigns)).select_related("version")
    if since:
        found = found.filter(day__gte=since)
    return [_row(day, worth) for day in found.order_by("day", "version__number", "variant")]


def _row(day: CampaignDay, worth: Estimates) -> Row:
    kinds = {kind.key: kind.id for kind in worth.kinds}
    spendable = {kinds[key]: points for key, points in day.points.items() if key in kinds}
    cost = sum((points * worth.cost(kind, on=day.day) for kind, points in spendable.items()), ZERO)
    given = Sum(day.activities, day.members, sum(spendable.values()), cost, day.sales)
    return Row(day.campaign_id, day.day, day.version.number, day.variant, given)


def by[Key](found: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, Sum]:
    sums: dict[Key, Sum] = defaultdict(Sum)
    for row in found:
        sums[key(row)] += row.sum
    return dict(sums)


def over_time(found: Sequence[Row], *, until: date) -> tuple[list[tuple[str, Sum]], bool]:
    """Each day from the first to the last, or each week of a longer time, and whether these are weeks."""
    days = by(found, lambda row: row.day)
    if not days:
        return [], False
    first, last = min(days), max(until, *days)
    are_weeks = (last - first).days >= MOST_DAYS
    if are_weeks:
        days = by(found, lambda row: row.day - timedelta(days=row.day.weekday()))
        first -= timedelta(days=first.weekday())
    step = timedelta(days=7 if are_weeks else 1)
    spans = []
    while first <= last:
        spans.append((date_format(first, "j M Y" if are_weeks else "j M"), days.get(first, Sum())))
        first += step
    return spans, are_weeks
