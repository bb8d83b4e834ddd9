"""
The goods of a sale, and how much of them has come back: by line, by amount, whole.

Worth is counted in cents. What comes back by line belongs to that line; what comes back by amount is of
nobody knows which line, and makes all that is left of the sale smaller in proportion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any, ClassVar, Self

import msgspec
from msgspec import Struct

from loyalty.core.errors import DomainError, InvalidInput
from rewards.deciding.activities import Line, Return, ReturnedLine
from rewards.engine.effects import spread
from rewards.engine.facts import LineFacts

NOTHING = Decimal(0)


class ReturnedTooMuch(DomainError):
    """More came back than was sold: a line a second time, or more than is left of it or of the sale."""

    code: ClassVar[str] = "returned_too_much"
    title: ClassVar[str] = "More was returned than was sold"


class SoldLine(Struct, frozen=True):
    """A line of the sale: what it is worth in cents, and how many pieces it had."""

    worth: int
    quantity: Decimal


class LineBack(Struct, frozen=True):
    """How much of a line has come back."""

    worth: int = 0
    quantity: Decimal = NOTHING


class Back(Struct, frozen=True, kw_only=True):
    """
    What has come back of a sale, by one return or by several: they add up.

    `unassigned` is worth that no line was named for. `is_whole` says that a return of all that was
    left was among them.
    """

    lines: Mapping[str, LineBack] = {}
    unassigned: int = 0
    is_whole: bool = False

    @property
    def worth(self) -> int:
        return self.unassigned + self.of_lines

    @property
    def of_lines(self) -> int:
        return sum(line.worth for line in self.lines.values())

    def __add__(self, more: Back) -> Back:
        lines = dict(self.lines)
        for line_id, line in more.lines.items():
            known = lines.get(line_id, LineBack())
            lines[line_id] = LineBack(known.worth + line.worth, known.quantity + line.quantity)
        return Back(
            lines=lines,
            unassigned=self.unassigned + more.unassigned,
            is_whole=self.is_whole or more.is_whole,
        )

    def to_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return msgspec.convert(stored, cls)


class Sold(Struct, frozen=True, kw_only=True):
    """A sale as returns see it; `amount` is what was paid for it, in cents."""

    amount: int
    lines: Mapping[str, SoldLine]

    @property
    def worth(self) -> int:
        """What shares are shares of: the amount, or for what cost no money the worth of its lines."""
        return self.amount or sum(line.worth for line in self.lines.values())

    def is_back(self, back: Back) -> bool:
        """Whether all of it has come back."""
        if self.worth:
            return back.worth >= self.worth
        return back.is_whole or (
            bool(self.lines) and all(self.left_of(line, back) == 0 for line in self.lines)
        )

    def left_of(self, line_id: str, back: Back) -> Fraction:
        """Which part of a line has not come back by its own returns, between 0 and 1."""
        line, gone = self.lines[line_id], back.lines.get(line_id)
        if gone is None:
            return Fraction(1)
        if line.worth:
            return Fraction(line.worth - gone.worth, line.worth)
        return (
            Fraction(line.quantity - gone.quantity) / Fraction(line.quantity)
            if line.quantity
            else Fraction(0)
        )

    def rest_of_lines(self, back: Back) -> Fraction:
        """The part of what is left of each line that is left after the returns by amount, too."""
        not_back_by_line = self.worth - back.of_lines
        return Fraction(self.worth - back.worth, not_back_by_line) if not_back_by_line else Fraction(1)

    def rest(self, back: Back) -> Fraction:
        """The part of the whole sale that is left."""
        if self.is_back(back):
            return Fraction(0)
        return Fraction(self.worth - back.worth, self.worth) if self.worth else Fraction(1)


def sold(*, amount: Decimal, lines: Sequence[Line]) -> Sold:
    """
    A sale by what was reported of it.

    If its lines add up to more than was paid (a discount on the whole receipt), each is worth its share of
    what was paid.
    """
    paid = cents(amount)
    worths = {line.id: cents(line.amount.value) for line in lines}
    if paid and sum(worths.values()) > paid:
        shares = spread(paid, [LineFacts(id=line.id, amount=line.amount.value) for line in lines])
        worths = {line.id: shares.get(line.id, 0) for line in lines}
    return Sold(
        amount=paid, lines={line.id: SoldLine(worths[line.id], Decimal(line.quantity)) for line in lines}
    )


def cents(amount: Decimal) -> int:
    return int(amount.scaleb(2))


def money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def coming_back(returned: Return, sale: Sold, *, before: Back, currency: str) -> Back:
    """
    What this return adds to what has come back before.

    It names lines or an amount or neither, and money in it is of the program's `currency` already.

    :raises InvalidInput: with a pointer, if a line is unknown or named twice, or if nothing comes back
    :raises ReturnedTooMuch: with a pointer, if it is more than is left
    """
    if returned.lines is not None:
        return _by_line(returned.lines, sale, before, currency)
    if returned.amount is not None and not (returned.amount.value == 0 == sale.amount):
        return _by_amount(cents(returned.amount.value), sale, before, currency)
    if sale.is_back(before) or before.is_whole:
        raise _too_much(sale, before, currency)
    return Back(unassigned=sale.worth - before.worth, is_whole=True)


def _by_amount(amount: int, sale: Sold, before: Back, currency: str) -> Back:
    if amount > (sale.amount - before.worth if sale.amount else 0) or sale.is_back(before):
        raise _too_much(sale, before, currency)
    if amount == 0:
        raise InvalidInput("A return is of more than nothing.", pointer="#/amount/amount")
    return Back(unassigned=amount)


def _too_much(sale: Sold, before: Back, currency: str) -> ReturnedTooMuch:
    left = sale.amount - before.worth if sale.amount else 0
    return ReturnedTooMuch(f"Of this sale {money(left)} {currency} can still come back.", pointer="#/amount")


def _by_line(lines: Sequence[ReturnedLine], sale: Sold, before: Back, currency: str) -> Back:
    found: dict[str, LineBack] = {}
    left_of_sale = sale.worth - before.worth
    for position, line in enumerate(lines):
        at = f"#/lines/{position}"
        if line.id not in sale.lines:
            raise InvalidInput(f"The sale was reported without a line “{line.id}”.", pointer=f"{at}/id")
        if line.id in found:
            raise InvalidInput(f"The line “{line.id}” is there twice.", pointer=f"{at}/id")
        known = _Line(line, sale.lines[line.id], before, left_of_sale, at, currency)
        found[line.id] = known.back()
        left_of_sale -= found[line.id].worth
    return Back(lines=found)


class _Line:
    """One returned line against what is left of it, in worth and in pieces."""

    def __init__(
        self, asked: ReturnedLine, sold: SoldLine, before: Back, left_of_sale: int, at: str, currency: str
    ) -> None:
        self.asked = asked
        self.sold = sold
        self.gone = before.lines.get(asked.id, LineBack())
        self.own_worth = sold.worth - self.gone.worth
        self.worth = min(self.own_worth, left_of_sale)
        self.quantity = sold.quantity - self.gone.quantity
        self.at = at
        self.currency = currency
        if before.is_whole or not (self.worth or (self.quantity and not sold.worth)):
            raise ReturnedTooMuch(f"Nothing of the line “{asked.id}” can still come back.", pointer=at)

    def back(self) -> LineBack:
        quantity = self._quantity()
        if self.asked.amount is not None:
            return self._by_amount(cents(self.asked.amount.value), quantity)
        if quantity is None or quantity == self.quantity:
            return LineBack(self.worth, self.quantity)
        return LineBack(min(self._worth_of(quantity), self.worth), quantity)

    def _quantity(self) -> Decimal | None:
        if self.asked.quantity is None:
            return None
        quantity, at = Decimal(self.asked.quantity), f"{self.at}/quantity"
        if quantity == 0:
            raise InvalidInput("A return is of more than nothing.", pointer=at)
        if quantity > self.quantity:
            left = f"{self.quantity.normalize():f}"
            raise ReturnedTooMuch(f"Of the line “{self.asked.id}” {left} can still come back.", pointer=at)
        return quantity

    def _worth_of(self, quantity: Decimal) -> int:
        """Rounded down over all returns of pieces together: the last piece takes what is left."""

        def worth(pieces: Decimal) -> int:
            return int(self.sold.worth * Fraction(pieces) / Fraction(self.sold.quantity))

        return worth(self.gone.quantity + quantity) - worth(self.gone.quantity)

    def _by_amount(self, worth: int, quantity: Decimal | None) -> LineBack:
        at = f"{self.at}/amount"
        if worth > self.worth:
            left = f"{money(self.worth)} {self.currency}"
            raise ReturnedTooMuch(f"Of the line “{self.asked.id}” {left} can still come back.", pointer=at)
        if worth == 0 and quantity is None:
            raise InvalidInput("A return is of more than nothing.", pointer=f"{at}/amount")
        if quantity is None:
            quantity = self.quantity if worth == self.own_worth else NOTHING
        return LineBack(worth, quantity)


class Award(Struct, frozen=True, kw_only=True):
    """Points for a sale, or that paid for it; `by_line` says how many of them were for which line."""

    points: int
    by_line: Mapping[str, int] = {}


def owed(award: Award, sale: Sold, back: Back) -> int:
    """
    How many of these points belong to what has come back; all of them once everything has.

    Rounded down over all returns together: the last one takes what the earlier roundings left.
    """
    if sale.is_back(back):
        return award.points
    of_lines = sum(award.by_line.values())
    kept = (award.points - of_lines) * sale.rest(back)
    if award.by_line:
        kept += sale.rest_of_lines(back) * sum(
            points * (sale.left_of(line_id, back) if line_id in sale.lines else 1)
            for line_id, points in award.by_line.items()
        )
    return award.points - ceil(kept)
