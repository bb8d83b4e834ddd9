"""
A group of members as the sums that all comparisons are made of: one row of the database, however many.

Sums are exact and large, and a spread is a small difference of them: it is taken in decimals.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final

ZERO: Final = Decimal(0)
_DIGITS: Final = 60


@dataclass(frozen=True, slots=True)
class Group:
    """
    Members whom chance put together.

    `sales` and `before` are what they bought in the campaign's time and in an equally long time
    before it, in the program's currency and net of returns; beside them the sums of each member's
    squares and products. `buyers` bought something in the campaign's time. `share` is the part of
    all members that chance was to put here.
    """

    key: str
    share: float
    members: int
    buyers: int = 0
    sales: Decimal = ZERO
    sales_squares: Decimal = ZERO
    before: Decimal = ZERO
    before_squares: Decimal = ZERO
    products: Decimal = ZERO

    @property
    def mean(self) -> float:
        """What a member bought on average."""
        return _mean(self.sales, self.members)

    @property
    def mean_before(self) -> float:
        return _mean(self.before, self.members)

    @property
    def spread(self) -> float:
        """The sum of the squared distances from the mean, of sales."""
        return _spread(self.sales_squares, self.sales, self.sales, self.members)

    @property
    def spread_before(self) -> float:
        return _spread(self.before_squares, self.before, self.before, self.members)

    @property
    def spread_together(self) -> float:
        """The sum of the products of both distances."""
        return _spread(self.products, self.sales, self.before, self.members)


@dataclass(frozen=True, slots=True)
class Sample:
    """What is compared of a group: a mean, how sure it is, and of how many."""

    members: int
    mean: float
    variance: float
    """Of the mean, not of the members."""


def joined(groups: Iterable[Group], *, key: str) -> Group:
    """Several groups as one."""
    found = list(groups)
    return Group(
        key=key,
        share=sum(group.share for group in found),
        members=sum(group.members for group in found),
        buyers=sum(group.buyers for group in found),
        sales=sum((group.sales for group in found), ZERO),
        sales_squares=sum((group.sales_squares for group in found), ZERO),
        before=sum((group.before for group in found), ZERO),
        before_squares=sum((group.before_squares for group in found), ZERO),
        products=sum((group.products for group in found), ZERO),
    )


def foretold(groups: Iterable[Group]) -> float:
    """
    CUPED's theta: how much of a unit bought before is bought again, within the groups.

    Zero if nobody bought anything before, or everybody the same.
    """
    found = list(groups)
    spread = sum(group.spread_before for group in found)
    return sum(group.spread_together for group in found) / spread if spread > 0 else 0.0


def sample(group: Group, *, theta: float, before: float) -> Sample:
    """
    The group's sales, less what was foretold of them; theta 0 takes them as they are.

    :param before: what a member of all groups bought before on average
    """
    mean = group.mean - theta * (group.mean_before - before)
    spread = group.spread - 2 * theta * group.spread_together + theta * theta * group.spread_before
    return Sample(group.members, mean, _variance_of_mean(spread, group.members))


def sample_before(group: Group) -> Sample:
    """What the group bought before the campaign began."""
    return Sample(group.members, group.mean_before, _variance_of_mean(group.spread_before, group.members))


def _mean(total: Decimal, members: int) -> float:
    return float(total / members) if members else 0.0


def _spread(products: Decimal, one: Decimal, other: Decimal, members: int) -> float:
    if not members:
        return 0.0
    with localcontext(prec=_DIGITS):
        return float(products - one * other / members)


def _variance_of_mean(spread: float, members: int) -> float:
    return max(spread, 0.0) / (members - 1) / members if members > 1 else 0.0
