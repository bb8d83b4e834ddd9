"""The facts that conditions may ask for: what each means, which operators it takes, how it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import msgspec

from rewards.engine.fact import Fact, read_in_detail
from rewards.engine.facts import DATE, LineFacts, number_in
from rewards.engine.history import HISTORY

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}\Z")
NAME_AT_MOST = 100


def birthday_in(year: int, birth_date: date) -> date:
    """The day a birthday is celebrated; who was born on 29 February celebrates on the 28th in other years."""
    try:
        return birth_date.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def _age(facts: Any) -> int | None:
    born, today = facts.member.birth_date, facts.moment.local.date()
    if born is None:
        return None
    return int(today.year - born.year - (today < birthday_in(today.year, born)))


def _is_birthday(facts: Any) -> bool | None:
    born, today = facts.member.birth_date, facts.moment.local.date()
    return None if born is None else today == birthday_in(today.year, born)


def _is_birthday_month(facts: Any) -> bool | None:
    born = facts.member.birth_date
    return None if born is None else born.month == facts.moment.local.month


def _of_lines(field: str) -> Callable[[Any], frozenset[str]]:
    def read(facts: Any) -> frozenset[str]:
        return frozenset(value for line in facts.activity.lines if (value := getattr(line, field)))

    return read


def _scalar(value: object) -> str | bool | Decimal | None:
    """An attribute as conditions compare it; what is no text, number or truth value is unknown."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        number = Decimal(repr(value))
        return number if number.is_finite() else None
    return None


def _price(known: Any) -> Decimal | None:
    """What one piece cost, to the cent as it is; unknown of a line without a quantity."""
    line = known.line
    return line.amount / line.quantity if line.quantity else None


SALE = (
    Fact(key="sale.amount", type="money", unit="currency", read=lambda f: f.activity.amount),
    Fact(key="sale.store", type="text", read=lambda f: f.activity.store, may_be_unknown=True),
    Fact(key="sale.source", type="text", read=lambda f: f.activity.source, may_be_unknown=True),
    Fact(key="sale.line_count", type="number", unit="lines", read=lambda f: len(f.activity.lines)),
    Fact(
        key="sale.quantity",
        type="decimal",
        unit="items",
        read=lambda f: sum((line.quantity for line in f.activity.lines), Decimal(0)),
    ),
    Fact(
        key="sale.list_amount",
        type="money",
        unit="currency",
        read=lambda f: f.activity.amount + f.activity.discount,
    ),
    Fact(key="sale.tax", type="money", unit="currency", read=lambda f: f.activity.tax),
    Fact(key="sale.categories", type="set", read=_of_lines("category")),
    Fact(key="sale.brands", type="set", read=_of_lines("brand")),
    Fact(key="sale.departments", type="set", read=_of_lines("department")),
    Fact(key="sale.skus", type="set", read=_of_lines("sku")),
)
MEMBER = (
    Fact(key="member.tier", type="text", read=lambda f: f.member.tier, may_be_unknown=True),
    Fact(key="member.segments", type="set", read=lambda f: f.member.segments),
    Fact(key="member.balance", type="number", unit="points", read=lambda f: f.member.balance),
    Fact(key="member.age_years", type="number", unit="years", read=_age, may_be_unknown=True),
    Fact(
        key="member.days_enrolled",
        type="number",
        unit="days",
        read=lambda f: (f.moment.local.date() - f.member.enrolled_date).days,
    ),
    Fact(key="member.is_birthday", type="boolean", read=_is_birthday, may_be_unknown=True),
    Fact(key="member.is_birthday_month", type="boolean", read=_is_birthday_month, may_be_unknown=True),
)
MOMENT = (
    Fact(
        key="moment.weekday",
        type="choice",
        choices=WEEKDAYS,
        read=lambda f: WEEKDAYS[f.moment.local.weekday()],
    ),
    Fact(key="moment.hour", type="number", unit="hours", read=lambda f: f.moment.local.hour),
    Fact(key="moment.time", type="time", read=lambda f: f.moment.local.time()),
    Fact(key="moment.date", type="date", read=lambda f: f.moment.local.date()),
)
LINE = (
    Fact(key="line.amount", type="money", unit="currency", read=lambda k: k.line.amount),
    Fact(key="line.quantity", type="decimal", unit="items", read=lambda k: k.line.quantity),
    Fact(key="line.sku", type="text", read=lambda k: k.line.sku, may_be_unknown=True),
    Fact(key="line.category", type="text", read=lambda k: k.line.category, may_be_unknown=True),
    Fact(key="line.brand", type="text", read=lambda k: k.line.brand, may_be_unknown=True),
    Fact(key="line.department", type="text", read=lambda k: k.line.department, may_be_unknown=True),
    Fact(key="line.list_amount", type="money", unit="currency", read=lambda k: k.line.list_amount),
    Fact(key="line.price", type="money", unit="currency", may_be_unknown=True, read=_price),
    Fact(key="line.is_promotional", type="boolean", read=lambda k: k.line.discount > 0),
)


def _total(name: str) -> Callable[[Iterable[LineFacts]], Decimal]:
    return lambda lines: sum((getattr(line, name) for line in lines), Decimal(0))


TOTALS: dict[str, Callable[[Iterable[LineFacts]], Any]] = {
    "lines.amount": _total("amount"),
    "lines.list_amount": _total("list_amount"),
    "lines.quantity": _total("quantity"),
    "lines.count": lambda lines: sum(1 for _ in lines),
}
"""What the lines of a sale that match a tree come to."""


LINES = (
    Fact(key="lines.amount", type="money", unit="currency", takes="lines", read=read_in_detail),
    Fact(key="lines.list_amount", type="money", unit="currency", takes="lines", read=read_in_detail),
    Fact(key="lines.quantity", type="decimal", unit="items", takes="lines", read=read_in_detail),
    Fact(key="lines.count", type="number", unit="lines", takes="lines", read=read_in_detail),
)
FAMILIES: dict[str, Callable[[Any], Any]] = {
    "sale.attribute": lambda f: f.activity.attributes,
    "event.attribute": lambda f: f.activity.attributes,
    "member.attribute": lambda f: f.member.attributes,
}
"""Facts whose names a program makes up: each family and where its attributes stand."""

_FIXED = {fact.key: fact for fact in (*SALE, *LINES, *MEMBER, *HISTORY, *MOMENT, *LINE)}


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and DATE.match(value) else None
    except ValueError:
        return None


def _set(value: object) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset({value}) if value else frozenset()
    texts = value if isinstance(value, list | tuple) else ()
    return frozenset(text for text in texts if isinstance(text, str) and text)


ATTRIBUTE_TYPES: dict[str, tuple[str, Callable[[object], Any]]] = {
    "": ("attribute", _scalar),
    "text": ("text", lambda value: value if isinstance(value, str) else None),
    "number": ("decimal", lambda value: number_in(_scalar(value))),
    "date": ("date", _date),
    "boolean": ("boolean", lambda value: value if isinstance(value, bool) else None),
    "set": ("set", _set),
}
"""By the type that a condition says an attribute is of: the type of the fact, and how its value is read."""


@lru_cache(maxsize=4096)
def attribute(family: str, name: str, type: str = "") -> Fact:
    """The fact of one attribute of a family, as in `attribute("sale.attribute", "colour")`."""
    holder = FAMILIES[family]
    fact_type, read = ATTRIBUTE_TYPES[type]
    return Fact(
        key=f"{family}.{name}",
        type=fact_type,
        read=lambda facts: read(holder(facts).get(name)),
        may_be_unknown=fact_type != "set",
        attribute=name,
    )


class Scope(msgspec.Struct, frozen=True):
    """Which facts a condition tree may ask for: by the prefix of their key."""

    prefixes: tuple[str, ...]

    def find(self, key: str, type: str = "") -> Fact | None:
        """The fact of that key, if there is one in this scope; of an attribute, as one of that type."""
        if not key.startswith(self.prefixes):
            return None
        for family in FAMILIES:
            name = key.removeprefix(f"{family}.")
            if name != key:
                return attribute(family, name, type) if ATTRIBUTE_NAME.match(name) else None
        return _FIXED.get(key)

    def facts(self) -> Iterator[Fact]:
        """All facts of the scope that do not depend on a program."""
        return (fact for key, fact in _FIXED.items() if key.startswith(self.prefixes))

    def nearest(self, key: str) -> list[str]:
        """Names that somebody who wrote `key` may have meant, or examples of what there is."""
        names = [fact.key for fact in self.facts()]
        names += [f"{family}.<name>" for family in FAMILIES if family.startswith(self.prefixes)]
        return get_close_matches(key[:NAME_AT_MOST], names, n=3, cutoff=0.5) or names[:3]


SCOPES = {
    "sale": Scope(("sale.", "lines.", "member.", "history.", "moment.")),
    "event": Scope(("event.", "member.", "history.", "moment.")),
    "member": Scope(("member.", "history.")),
    "line": Scope(("line.",)),
}
"""
By what is looked at: a sale, an event, a member alone, or `line` for trees that pick lines of a sale.
"""
