"""What the engine says to people: a stable code with parameters, and the English text of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from rewards.engine.texts import TEXTS

type Parameter = str | int | Reason
type ChooseText = Callable[[str, str, int], str]
"""Takes the text for one, the text for many and the number, as gettext's `ngettext` does."""

SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}
NAMED_AT_MOST = 5


def english(one: str, many: str, number: int) -> str:
    return one if number == 1 else many


class Reason(msgspec.Struct, frozen=True):
    """
    Something said by the engine. `code` is stable and may be stored; the words may change.

    A parameter may be a reason itself, so that a sentence is translated in all its parts.
    """

    code: str
    parameters: dict[str, str | int | Reason] = {}

    def text(self, choose: ChooseText = english) -> str:
        """The words; `choose` may be `ngettext`, which then translates every part."""
        if self.code == "money":
            return _money(str(self.parameters["amount"]), str(self.parameters["currency"]))
        if self.code == "key":
            return str(self.parameters["key"])
        texts = TEXTS[self.code]
        one, many = (texts, texts) if isinstance(texts, str) else texts
        words = {name: _spoken(value, choose) for name, value in self.parameters.items()}
        return choose(one, many, self._number()).format_map(words)

    def _number(self) -> int:
        """What singular and plural go by: the points or the count; fractions are many."""
        number = self.parameters.get("points", self.parameters.get("count", 1))
        if isinstance(number, int):
            return number
        return 1 if number == "1" else 2

    def named(self, names: Mapping[tuple[str, str], str]) -> Reason:
        """The same with names instead of keys where they are known: by kind ("tier", "segment" …) and key."""
        if self.code == "key":
            kind, key = str(self.parameters["kind"]), str(self.parameters["key"])
            return Reason("key", {"kind": kind, "key": names.get((kind, key), key)})
        parameters = {
            name: value.named(names) if isinstance(value, Reason) else value
            for name, value in self.parameters.items()
        }
        return Reason(self.code, parameters)

    def keys(self) -> frozenset[tuple[str, str]]:
        """What it names by kind and key, for `named()`."""
        if self.code == "key":
            return frozenset({(str(self.parameters["kind"]), str(self.parameters["key"]))})
        parts = (value.keys() for value in self.parameters.values() if isinstance(value, Reason))
        return frozenset[tuple[str, str]]().union(*parts)

    def to_json(self) -> dict[str, Any]:
        builtins: dict[str, Any] = msgspec.to_builtins(self)
        return builtins

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Reason:
        """:raises msgspec.ValidationError: if it is not what `to_json()` gave"""
        return msgspec.convert(stored, cls)


def _spoken(value: Parameter, choose: ChooseText) -> str:
    if isinstance(value, Reason):
        return value.text(choose)
    return f"{value:,}" if isinstance(value, int) else value


def joined[Text: (Reason, Reason | str)](parts: Sequence[Text], *, by: str, last_by: str) -> Text:
    """The parts (at least one) as one: “a, b and c” by commas, the last by "and"."""
    *others, last = parts
    return Reason(last_by, {"first": _halved(others, by), "last": last}) if others else last


def _halved[Text: (Reason, Reason | str)](parts: Sequence[Text], by: str) -> Text:
    """Joined by halves, so that two hundred parts nest eight deep and not two hundred."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return Reason(by, {"first": _halved(parts[:middle], by), "last": _halved(parts[middle:], by)})


def listed(parts: Sequence[Reason | str], *, by: str) -> Reason | str:
    """“a, b and c”, `by` being "and" or "or". Of a long list only the first few are named."""
    if len(parts) > NAMED_AT_MOST:
        named = parts[: NAMED_AT_MOST - 1]
        parts = [*named, Reason("others", {"count": len(parts) - len(named)})]
    return joined(parts, by="comma", last_by=by)


def key(kind: str, key: str) -> Reason:
    """Something of the program, stored by its key and spoken by its name where that is known."""
    return Reason("key", {"kind": kind, "key": key})


def money(amount: Decimal, currency: str) -> Reason:
    """An amount of money, stored as it is and spoken as “€50.00”."""
    return Reason("money", {"amount": str(amount), "currency": currency})


def _money(amount: str, currency: str) -> str:
    """“€50.00”, or “50.00 CHF” where the currency's sign is not known to everyone."""
    symbol = SYMBOLS.get(currency)
    return f"{symbol}{Decimal(amount):,.2f}" if symbol else f"{Decimal(amount):,.2f} {currency}".rstrip()


def number(value: Decimal) -> str:
    """A decimal without exponent and without zeros that say nothing."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
