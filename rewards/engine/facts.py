"""What the engine is told about one activity: plain values that do not change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import msgspec

if TYPE_CHECKING:
    from rewards.engine.fact import Fact

AMOUNT_LIMIT = Decimal(10) ** 12
"""Amounts and quantities stay below it, so that nothing computed from them loses a digit."""
_LOW = -AMOUNT_LIMIT
DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?\Z", re.ASCII)
"""A number as a text says it."""
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)


def number_in(value: object) -> Decimal | None:
    """The number that an attribute is, or that its text says."""
    if isinstance(value, Decimal):
        return value
    return Decimal(value) if isinstance(value, str) and DECIMAL.match(value) else None


def _check(name: str, value: Decimal) -> None:
    try:
        if _LOW < value < AMOUNT_LIMIT:
            return
    except InvalidOperation:  # comparing with NaN
        pass
    raise ValueError(f"{name} must be a number below {AMOUNT_LIMIT:,f}, not {value}")


class LineFacts(msgspec.Struct, frozen=True):
    """
    One line of a sale. An empty category, brand or department is one that was not told.

    `amount` was paid, after the `discount` on the line and with the `tax` that is part of it.
    """

    id: str
    sku: str = ""
    quantity: Decimal = Decimal(1)
    amount: Decimal = Decimal(0)
    category: str = ""
    brand: str = ""
    department: str = ""
    discount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """:raises ValueError: if a quantity or an amount is out of range or no number"""
        _check("quantity", self.quantity)
        _check("amount", self.amount)
        _check("discount", self.discount)
        _check("tax", self.tax)

    @property
    def list_amount(self) -> Decimal:
        """What the line would have cost without its discount."""
        return self.amount + self.discount


class ActivityFacts(msgspec.Struct, frozen=True):
    """What happened. `amount` is in the program's currency, whose code only the texts need."""

    kind: str
    event_type: str = ""
    amount: Decimal = Decimal(0)
    store: str = ""
    source: str = ""
    lines: tuple[LineFacts, ...] = ()
    attributes: Mapping[str, Any] = {}
    currency: str = ""

    def __post_init__(self) -> None:
        """:raises ValueError: if the amount is negative, out of range or no number"""
        _check("amount", self.amount)
        if self.amount < 0:
            raise ValueError(f"amount must not be negative, not {self.amount}")

    @property
    def discount(self) -> Decimal:
        """What the lines' discounts come to."""
        return sum((line.discount for line in self.lines), Decimal(0))

    @property
    def tax(self) -> Decimal:
        """The tax that the lines contain."""
        return sum((line.tax for line in self.lines), Decimal(0))


class MemberFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    The member as the engine sees them, which is stored with the activity.

    `tier` is the key of the tier or empty, `balance` the spendable points before the activity. Of
    `segments` and `history` (see `rewards.engine.history`) only what the rules ask for needs to be
    known. `id` decides the part of a campaign's audience that the member belongs to.
    """

    tier: str
    balance: int
    enrolled_date: date
    birth_date: date | None = None
    attributes: Mapping[str, Any] = {}
    id: str = ""
    segments: frozenset[str] = frozenset()
    history: Mapping[str, Any] = {}

    def to_json(self) -> dict[str, Any]:
        builtins: dict[str, Any] = msgspec.to_builtins(self, order="sorted")
        return builtins

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """:raises msgspec.ValidationError: if it is not what `to_json()` gave"""
        return msgspec.convert(stored, cls)


class Moment(msgspec.Struct, frozen=True):
    """When it happened, in the time zone whose days, weekdays and hours count."""

    local: datetime

    def __post_init__(self) -> None:
        """:raises ValueError: if the time has no time zone, or is at the end of all calendars"""
        if self.local.utcoffset() is None:
            raise ValueError(f"the moment needs a time zone: {self.local}")
        if not 1 < self.local.year < 9999:
            raise ValueError(f"the moment is out of range: {self.local}")


class KnownFacts(dict["Fact", Any]):
    """
    Facts that were looked at so far; each is computed when it is first asked for.

    Fifty campaigns that ask for a sale's categories cost one look at its lines. A fact that is
    not known is None.
    """

    __eq__ = object.__eq__
    __ne__ = object.__ne__

    def __bool__(self) -> bool:
        return True

    def __missing__(self, fact: Fact) -> Any:
        value = self[fact] = fact.read(self)
        return value


class KnownLine(KnownFacts):
    """The facts of one line."""

    def __init__(self, line: LineFacts) -> None:
        self.line = line


class Facts(KnownFacts):
    """All that the engine may know about one activity."""

    def __init__(self, *, activity: ActivityFacts, member: MemberFacts, moment: Moment) -> None:
        self.activity = activity
        self.member = member
        self.moment = moment

    @cached_property
    def instant(self) -> datetime:
        """The moment in UTC, where comparing is cheap."""
        return self.moment.local.astimezone(UTC)

    @cached_property
    def lines(self) -> tuple[KnownLine, ...]:
        return tuple(KnownLine(line) for line in self.activity.lines)
