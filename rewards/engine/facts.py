"""What the engine is told about one activity: plain values that do not change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import msgspec

if TYPE_CHECKING:
    from rewards.engine.catalogue import Fact

AMOUNT_LIMIT = Decimal(10) ** 12
"""Amounts and quantities stay below it, so that nothing computed from them loses a digit."""
_LOW = -AMOUNT_LIMIT


def _check(name: str, value: Decimal) -> None:
    try:
        if _LOW < value < AMOUNT_LIMIT:
            return
    except InvalidOperation:  # comparing with NaN
        pass
    raise ValueError(f"{name} must be a number below {AMOUNT_LIMIT:,f}, not {value}")


class LineFacts(msgspec.Struct, frozen=True):
    """One line of a sale. An empty category, brand or department is one that was not told."""

    id: str
    sku: str = ""
    quantity: Decimal = Decimal(1)
    amount: Decimal = Decimal(0)
    category: str = ""
    brand: str = ""
    department: str = ""

    def __post_init__(self) -> None:
        """:raises ValueError: if quantity or amount are out of range or no numbers"""
        _check("quantity", self.quantity)
        _check("amount", self.amount)


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


class MemberFacts(msgspec.Struct, frozen=True):
    """
    The member as the engine sees them, which is stored with the activity.

    `tier` is the key of the tier or empty, `balance` the spendable points before the activity.
    """

    tier: str
    balance: int
    enrolled_date: date
    birth_date: date | None = None
    attributes: Mapping[str, Any] = {}

    def to_json(self) -> dict[str, Any]:
        builtins: dict[str, Any] = msgspec.to_builtins(self)
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
