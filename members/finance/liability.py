"""The liability at the end of a day: what members have, times what a point is worth. See Note [Books]."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from loyalty.core.models import Program
from members.finance import books, estimates
from members.finance.estimates import ZERO, Estimates, Kind
from members.finance.movements import Cohorts
from members.finance.periods import moment

CENT: Final = Decimal("0.01")


def rounded(money: Decimal) -> Decimal:
    """As it is shown and booked: to the cent, half a cent away from zero."""
    return money.quantize(CENT, ROUND_HALF_UP) + ZERO  # which makes a zero of −0.00


@dataclass(frozen=True, slots=True)
class Cohort:
    """Outstanding points that were earned in a month; `amount` is not rounded."""

    earned: date
    points: int
    breakage: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class KindLiability:
    """
    What the program owes in one kind of points.

    `gross` is what it would cost if every point were used, `amount` what is expected; neither is
    rounded. `is_costed` tells a cost that was set for the day from the value of the wallet type.
    """

    kind: Kind
    cost: Decimal
    is_costed: bool
    cohorts: tuple[Cohort, ...]

    @property
    def points(self) -> int:
        return sum(cohort.points for cohort in self.cohorts)

    @property
    def gross(self) -> Decimal:
        return self.points * self.cost

    @property
    def amount(self) -> Decimal:
        return sum((cohort.amount for cohort in self.cohorts), ZERO)


def as_of(program: Program, day: date) -> list[KindLiability]:
    """
    The liability at the end of a day in the program's time zone, by what was recorded until then.

    Once the day is over it stays the same, but for costs and rates that are approved for it later;
    a closed period takes none.
    """
    at = moment(day + timedelta(days=1), ZoneInfo(program.time_zone))
    with books.snapshot():
        found = estimates.of(program)
        standing = books.standing(program, at)
    return valued(found, standing, on=day)


def valued(found: Estimates, standing: Cohorts, *, on: date) -> list[KindLiability]:
    """Outstanding points by what they are worth on a day; kinds without points are there, too."""
    by_kind: dict[object, list[Cohort]] = defaultdict(list)
    for (kind, earned), points in sorted(standing.items(), key=lambda one: one[0][1]):
        amount = points * found.worth(kind, earned=earned, on=on)
        breakage = found.breakage(kind, earned=earned, on=on)
        by_kind[kind].append(Cohort(earned=earned, points=points, breakage=breakage, amount=amount))
    return [
        KindLiability(
            kind=kind,
            cost=found.cost(kind.id, on=on),
            is_costed=found.is_costed(kind.id, on=on),
            cohorts=tuple(by_kind[kind.id]),
        )
        for kind in found.kinds
    ]
