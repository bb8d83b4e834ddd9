"""What a fact is: its type, and with it the operators that it takes."""

from __future__ import annotations

from collections.abc import Callable
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


class Fact(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """
    Something that conditions may ask about.

    `type` decides which operators and values fit, `choices` are the only values of a choice,
    `triggers` the kinds of activity for which it is known (empty: all). Its label and the way it
    stands in a sentence are texts: `fact.<key>` and `of.<key>`.

    A fact that `takes` "days" or "lines" is one of a kind until the condition says how many days or
    which lines; `days` and `lines` (a condition tree) are what was said. `asks` names what must be
    loaded of the member's history for it.
    """

    key: str
    type: str
    read: Callable[[Any], Any]
    unit: str = ""
    choices: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    may_be_unknown: bool = False
    attribute: str = ""
    takes: str = ""
    days: int = 0
    lines: Any = None
    asks: str = ""

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


def read_in_detail(facts: Any) -> Any:
    """In place of reading a fact of which a condition must say first for which days or lines it is."""
    raise AssertionError("a fact that takes days or lines is read by what the condition made of it")
