"""
Revenue from sales that give points, as IFRS 15 wants it: pure arithmetic.

Points that come with a sale are a promise of their own (a material right, B39–B43), so a part of the
price belongs to them and is revenue only when they are used or will not be used any more.

1. The price is split by stand-alone selling prices: `allocate()`. That of the points is their value
   times the share that is expected to be used.
2. What belongs to the points becomes revenue as they are used, out of those that are expected to be
   used in all: `recognise()`. When that estimate changes, the part that has been recognised so far is
   made right at once (catch-up); the split of the price stays as it was.

Illustrative example 52 of the standard is the golden case of the tests: a sale of 100,000 with
10,000 points, of which 9,500 are expected to be used for 1 each, is split into 91,324 and 8,676.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Allocation:
    """A price, split; not rounded, and exactly the price together."""

    goods: Decimal
    points: Decimal


@dataclass(frozen=True, slots=True)
class Use:
    """
    A grant at the end of a period: how many of its points were used, and are expected to be in all.

    `allocated` is the part of the price that belongs to them: it changes only when goods are returned.
    """

    allocated: Decimal
    used: Decimal
    expected: Decimal

    @property
    def recognised(self) -> Decimal:
        """
        What is revenue by then: all of it if nothing is expected to be used any more.

        An estimate below what was used already is as good as one that equals it.
        """
        if self.used >= self.expected:
            return self.allocated
        return self.allocated * max(self.used, Decimal(0)) / self.expected


@dataclass(frozen=True, slots=True)
class Recognised:
    """
    What a period makes of the part of the price that belongs to the points.

    `revenue` is the period's, and `catch_up` that part of it that a new estimate gave to what was
    used before; `so_far` is the revenue of all periods until then, `liability` what is left.
    """

    revenue: Decimal
    catch_up: Decimal
    so_far: Decimal
    liability: Decimal


def allocate(*, price: Decimal, goods_alone: Decimal, points_alone: Decimal) -> Allocation:
    """
    Split a price by what goods and points would cost alone.

    `points_alone` is already weighted with the share that is expected to be used. A price of which
    neither part has a price of its own belongs to the goods.

    :raises ValueError: if one of them is less than nothing
    """
    if min(price, goods_alone, points_alone) < 0:
        raise ValueError("a price is not less than nothing")
    if not points_alone:
        return Allocation(goods=price, points=Decimal(0))
    points = price * points_alone / (goods_alone + points_alone)
    return Allocation(goods=price - points, points=points)


def recognise(uses: Iterable[Use]) -> Iterator[Recognised]:
    """Revenue period by period, from what was used by the end of each and was expected by then."""
    so_far, used_before = Decimal(0), Decimal(0)
    for use in uses:
        corrected = replace(use, used=used_before).recognised if so_far else Decimal(0)
        yield Recognised(
            revenue=use.recognised - so_far,
            catch_up=corrected - so_far,
            so_far=use.recognised,
            liability=use.allocated - use.recognised,
        )
        so_far, used_before = use.recognised, use.used
