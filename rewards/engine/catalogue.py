"""The facts that conditions may ask for: what each means, which operators it takes, how it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import msgspec

from rewards.engine.reasons import Reason

ORDER = ("gte", "gt", "lte", "lt", "between")
ONE_OF = ("eq", "ne", "in", "not_in")
OPERATORS: dict[str, tuple[str, ...]] = {
    "money": ("eq", "ne", *ORDER),
    "decimal": ("eq", "ne", *ORDER),
    "number": (*ONE_OF, *ORDER),
    "date": ("eq", "ne", *ORDER),
    "time": ("between",),
    "text": ONE_OF,
    "choice": ONE_OF,
    "set": ("has_any", "has_all", "has_none"),
    "boolean": ("eq",),
    "attribute": (*ONE_OF, *ORDER),
}
"""Which operators a type of fact takes. A fact that may be unknown takes `known` as well."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}\Z")
NAME_AT_MOST = 100


class Fact(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """
    Something that conditions may ask about.

    `type` decides which operators and values fit, `choices` are the only values of a choice,
    `triggers` the kinds of activity for which it is known (empty: all). Its label and the way it
    stands in a sentence are texts: `fact.<key>` and `of.<key>`.
    """

    key: str
    type: str
    read: Callable[[Any], Any]
    unit: str = ""
    choices: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    may_be_unknown: bool = False
    attribute: str = ""

    @property
    def family(self) -> str:
        """The key without the name of the attribute: "sale.attribute" of "sale.attribute.colour"."""
        return self.key.removesuffix(f".{self.attribute}") if self.attribute else self.key

    @property
    def label(self) -> Reason:
        return Reason(f"fact.{self.family}", {"name": self.attribute} if self.attribute else {})

    @property
    def operators(self) -> tuple[str, ...]:
        return (*OPERATORS[self.type], "known") if self.may_be_unknown else OPERATORS[self.type]


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
    Fact(key="sale.categories", type="set", read=_of_lines("category")),
    Fact(key="sale.brands", type="set", read=_of_lines("brand")),
    Fact(key="sale.departments", type="set", read=_of_lines("department")),
    Fact(key="sale.skus", type="set", read=_of_lines("sku")),
)
MEMBER = (
    Fact(key="member.tier", type="text", read=lambda f: f.member.tier, may_be_unknown=True),
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
)
FAMILIES: dict[str, Callable[[Any], Any]] = {
    "sale.attribute": lambda f: f.activity.attributes,
    "event.attribute": lambda f: f.activity.attributes,
    "member.attribute": lambda f: f.member.attributes,
}
"""Facts whose names a program makes up: each family and where its attributes stand."""

_FIXED = {fact.key: fact for fact in (*SALE, *MEMBER, *MOMENT, *LINE)}


@lru_cache(maxsize=4096)
def attribute(family: str, name: str) -> Fact:
    """The fact of one attribute of a family, as in `attribute("sale.attribute", "colour")`."""
    holder = FAMILIES[family]
    return Fact(
        key=f"{family}.{name}",
        type="attribute",
        read=lambda facts: _scalar(holder(facts).get(name)),
        may_be_unknown=True,
        attribute=name,
    )


class Scope(msgspec.Struct, frozen=True):
    """Which facts a condition tree may ask for: by the prefix of their key."""

    prefixes: tuple[str, ...]

    def find(self, key: str) -> Fact | None:
        """The fact of that key, if there is one in this scope."""
        if not key.startswith(self.prefixes):
            return None
        for family in FAMILIES:
            name = key.removeprefix(f"{family}.")
            if name != key:
                return attribute(family, name) if ATTRIBUTE_NAME.match(name) else None
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
    "sale": Scope(("sale.", "member.", "moment.")),
    "event": Scope(("event.", "member.", "moment.")),
    "line": Scope(("line.",)),
}
"""By the kind of trigger; `line` for trees inside an effect that pick lines of a sale."""
