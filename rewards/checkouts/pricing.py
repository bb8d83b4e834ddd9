"""
What a basket costs once discounts and points are taken off, to the cent and line by line.

Note [Pricing]
~~~~~~~~~~~~~~
All money is whole cents. Free products come first, then percentages of what is left, then amounts, and
points pay what remains: so no discount is given on what is free, and no points are spent on what a
discount pays anyway. Discounts of one kind follow each other as they were asked for. What is taken off
is spread over the lines in proportion to what is left of each, by largest remainder: the parts add up
to the whole, and no line falls below nothing.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from math import ceil

from msgspec import Struct

from rewards.engine.effects import respread


class Kind(IntEnum):
    """Kinds of discounts, in the order in which they are taken."""

    NONE = 0
    FREE_PRODUCT = 1
    PERCENT = 2
    AMOUNT = 3


class Item(Struct, frozen=True, kw_only=True):
    """A line of the basket: what all of it costs in cents before what is applied here."""

    id: str
    sku: str
    quantity: Decimal
    cents: int


class Discount(Struct, frozen=True, kw_only=True):
    """
    What a reward or voucher takes off: cents, a percentage, or one piece of a product.

    `at_most` is the most cents that a percentage or a free piece takes.
    """

    kind: Kind
    cents: int = 0
    percent: Decimal = Decimal(0)
    sku: str = ""
    at_most: int | None = None


class Rate(Struct, frozen=True, kw_only=True):
    """So many points pay so many cents, and any part of them in proportion."""

    points: int
    cents: int

    def worth(self, points: int) -> int:
        """Whole cents that so many points pay."""
        return points * self.cents // self.points

    def price(self, cents: int) -> int:
        """The fewest points that pay so many cents."""
        return -(-cents * self.points // self.cents)


class Tender(Struct, frozen=True, kw_only=True):
    """Points of one kind that the member wants to pay with."""

    points: int
    rate: Rate


class Taken(Struct, frozen=True, kw_only=True):
    """Cents that one discount took off, in all and by line."""

    cents: int
    by_line: dict[str, int]


class Paid(Struct, frozen=True, kw_only=True):
    """Points that pay, no more than are needed for these cents; both also by line."""

    points: int
    cents: int
    by_line: dict[str, int]
    points_by_line: dict[str, int]


class Priced(Struct, frozen=True, kw_only=True):
    """A priced basket; discounts and payments in the order in which they were asked for."""

    subtotal: int
    discounts: tuple[Taken, ...]
    payments: tuple[Paid, ...]
    left: dict[str, int]
    """What is to be paid in money for each line."""

    @property
    def total(self) -> int:
        return sum(self.left.values())

    @property
    def discounted(self) -> int:
        return sum(taken.cents for taken in self.discounts)

    @property
    def paid(self) -> int:
        return sum(paid.cents for paid in self.payments)


def price(items: Sequence[Item], *, discounts: Sequence[Discount], tenders: Sequence[Tender]) -> Priced:
    """
    Take discounts and points off a basket whose lines have different ids. See Note [Pricing].

    One that finds nothing to take anything from takes nothing; whether that is refused is the caller's
    business.
    """
    basket = _Basket(items)
    order = sorted(range(len(discounts)), key=lambda index: discounts[index].kind)
    taken = {index: basket.take(discounts[index]) for index in order}
    return Priced(
        subtotal=sum(item.cents for item in items),
        discounts=tuple(taken[index] for index in range(len(discounts))),
        payments=tuple(basket.pay(tender) for tender in tenders),
        left=basket.left,
    )


def most_points(rate: Rate, *, cents: int, available: int) -> int:
    """The most of these points that can pay something of so many cents."""
    return rate.price(min(cents, rate.worth(available)))


class _Basket:
    """What is left of each line, in cents, and how many pieces of it were given away."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.left = {item.id: item.cents for item in items}
        self.given = dict.fromkeys(self.left, 0)

    def take(self, discount: Discount) -> Taken:
        if discount.kind == Kind.FREE_PRODUCT:
            by_line = self._free_piece(discount)
        else:
            by_line = self._in_proportion(self._cents_of(discount))
        self._subtract(by_line)
        return Taken(cents=sum(by_line.values()), by_line=by_line)

    def pay(self, tender: Tender) -> Paid:
        cents = min(sum(self.left.values()), tender.rate.worth(tender.points))
        by_line = self._in_proportion(cents)
        self._subtract(by_line)
        points = tender.rate.price(cents)
        return Paid(
            points=points, cents=cents, by_line=by_line, points_by_line=_something(respread(by_line, points))
        )

    def _cents_of(self, discount: Discount) -> int:
        left = sum(self.left.values())
        cents = discount.cents
        if discount.kind == Kind.PERCENT:
            # Half a cent is the member's.
            cents = int(left * Fraction(discount.percent) / 100 + Fraction(1, 2))
        return min(cents, left, left if discount.at_most is None else discount.at_most)

    def _in_proportion(self, cents: int) -> dict[str, int]:
        return _something(respread(self.left, cents)) if cents else {}

    def _free_piece(self, discount: Discount) -> dict[str, int]:
        """The dearest piece that is left of the product."""
        pieces = [(self._next_piece(item), item.id) for item in self.items if item.sku == discount.sku]
        cents, line_id = max(pieces, default=(0, ""))
        if discount.at_most is not None:
            cents = min(cents, discount.at_most)
        if not cents:
            return {}
        self.given[line_id] += 1
        return {line_id: cents}

    def _next_piece(self, item: Item) -> int:
        """Pieces of a line add up to it: each costs what it adds to those before it, in whole cents."""
        if self.given[item.id] >= max(1, ceil(item.quantity)):
            return 0

        def worth(pieces: int) -> int:
            share = min(Fraction(1), pieces / Fraction(item.quantity)) if item.quantity else Fraction(1)
            return int(item.cents * share)

        return worth(self.given[item.id] + 1) - (worth(self.given[item.id]) if self.given[item.id] else 0)

    def _subtract(self, by_line: Mapping[str, int]) -> None:
        for line_id, cents in by_line.items():
            self.left[line_id] -= cents


def _something(shares: Mapping[str, int]) -> dict[str, int]:
    return {line_id: share for line_id, share in shares.items() if share}
