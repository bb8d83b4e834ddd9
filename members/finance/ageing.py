"""How old the outstanding points are, when they expire, and what became of those of each month."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from loyalty.core.models import Program
from members.finance import books, estimates
from members.finance.estimates import Kind
from members.finance.liability import KindLiability
from members.finance.periods import moment

AGES: Final = (3, 6, 12, 24)
"""Months after earning at which a band of ages ends; the last band has no end."""


@dataclass(frozen=True, slots=True)
class Band:
    """Outstanding points that were earned at least `months` ago, and less than `until` (None: any more)."""

    months: int
    until: int | None
    points: int


@dataclass(frozen=True, slots=True)
class Observed:
    """
    What became of the points earned in a month, until a day.

    `used` and `expired` are what they are after undone redemptions and expiries; `given_up` are fees
    and what staff took. `broken` is the share that expired or was given up: the least that the
    breakage can be, and what it will be once nothing is outstanding.
    """

    kind: Kind
    earned: date
    issued: int
    used: int
    expired: int
    given_up: int
    outstanding: int
    estimate: Decimal

    @property
    def used_share(self) -> Decimal:
        return Decimal(self.used) / self.issued if self.issued else Decimal(0)

    @property
    def broken(self) -> Decimal:
        return Decimal(self.expired + self.given_up) / self.issued if self.issued else Decimal(0)

    @property
    def is_beaten(self) -> bool:
        """Whether more was used already than the estimate leaves."""
        return self.used_share > 1 - self.estimate


def bands(owed: KindLiability, *, on: date) -> list[Band]:
    """The outstanding points by their age in months, youngest first."""
    edges = (0, *AGES)
    sums = dict.fromkeys(edges, 0)
    for cohort in owed.cohorts:
        age = (on.year - cohort.earned.year) * 12 + on.month - cohort.earned.month
        sums[max(edge for edge in edges if edge <= max(age, 0))] += cohort.points
    return [
        Band(months=edge, until=until, points=sums[edge])
        for edge, until in zip(edges, (*AGES, None), strict=True)
    ]


def expiring(program: Program, day: date) -> dict[UUID, list[tuple[date | None, int]]]:
    """
    Points outstanding at the end of a day by the month in which they expire, by wallet type.

    None are those that do not. The dates are those that the lots have now: activity, undone expiries
    and new rules may have moved them since that day.
    """
    at = moment(day + timedelta(days=1), ZoneInfo(program.time_zone))
    found: dict[UUID, list[tuple[date | None, int]]] = defaultdict(list)
    for (kind, month), points in books.expiring(program, at).items():
        found[kind].append((month, points))
    return found


def observed(program: Program, day: date) -> list[Observed]:
    """
    What became of each month's points by the end of a day, newest months first.

    Reads all postings of the program until then.
    """
    start = books.first_day(program)
    if start is None or start > day:
        return []
    zone = ZoneInfo(program.time_zone)
    with books.snapshot():
        found = estimates.of(program)
        flows = books.flows(program, [moment(start, zone), moment(day + timedelta(days=1), zone)])
    sums: dict[tuple[UUID, date], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for flow in flows:
        sums[flow.kind, flow.cohort][_FATE[flow.movement]] += flow.points
    return [
        Observed(
            kind=kind,
            earned=cohort,
            issued=fates["issued"],
            used=-fates["used"],
            expired=-fates["expired"],
            given_up=-fates["given_up"],
            outstanding=sum(fates.values()),
            estimate=found.breakage(kind.id, earned=cohort, on=day),
        )
        for kind in found.kinds
        for (of, cohort), fates in sorted(sums.items(), key=lambda one: one[0][1], reverse=True)
        if of == kind.id
    ]


# What is taken back with returned goods was never issued, as far as breakage is concerned.
_FATE: Final = {
    "issued": "issued",
    "adjusted_up": "issued",
    "reversed": "issued",
    "reversed_undone": "issued",
    "redeemed": "used",
    "redeemed_undone": "used",
    "expired": "expired",
    "expired_undone": "expired",
    "adjusted_down": "given_up",
    "fee": "given_up",
    "transferred_in": "passed_on",
    "transferred_out": "passed_on",
    "merged": "passed_on",
}
