"""
How each operator decides: from a fact and an operand to a predicate.

A fact that is not known (None) meets no condition, not even `ne`; only `known` asks for that. A
text that was not told is empty, and so different from every text.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from rewards.engine.fact import Fact
from rewards.engine.facts import KnownFacts, number_in

type Predicate = Callable[[KnownFacts], bool]


def predicate(fact: Fact, operator: str, operand: Any) -> Predicate:
    """Whether facts meet it. Written out per operator: one more call for each would cost half the speed."""
    if fact.type == "attribute":
        return _ATTRIBUTE[operator](fact, operand)
    if fact.type == "time":
        return _time_between(fact, operand)
    return _PLAIN[operator](fact, operand)


def _between(fact: Fact, ends: tuple[Any, Any]) -> Predicate:
    low, high = ends
    return lambda facts: (value := facts[fact]) is not None and low <= value <= high


def _time_between(fact: Fact, ends: tuple[Any, Any]) -> Predicate:
    """From the first time on and before the second; over midnight if the second is the earlier one."""
    low, high = ends
    if low < high:
        return lambda facts: low <= facts[fact] < high
    return lambda facts: facts[fact] >= low or facts[fact] < high


_PLAIN: dict[str, Callable[[Fact, Any], Predicate]] = {
    "eq": lambda fact, x: lambda facts: facts[fact] == x,
    "ne": lambda fact, x: lambda facts: (value := facts[fact]) is not None and value != x,
    "in": lambda fact, x: lambda facts: facts[fact] in x,
    "not_in": lambda fact, x: lambda facts: (value := facts[fact]) is not None and value not in x,
    "gte": lambda fact, x: lambda facts: (value := facts[fact]) is not None and value >= x,
    "gt": lambda fact, x: lambda facts: (value := facts[fact]) is not None and value > x,
    "lte": lambda fact, x: lambda facts: (value := facts[fact]) is not None and value <= x,
    "lt": lambda fact, x: lambda facts: (value := facts[fact]) is not None and value < x,
    "between": _between,
    "has_any": lambda fact, x: lambda facts: not x.isdisjoint(facts[fact]),
    "has_all": lambda fact, x: lambda facts: x <= facts[fact],
    "has_none": lambda fact, x: lambda facts: x.isdisjoint(facts[fact]),
    "known": lambda fact, x: lambda facts: (facts[fact] not in (None, "")) is x,
}


def _same(fact: Fact, x: Any) -> Predicate:
    """Equal and of the same type: for Python, true is also 1."""
    kind = type(x)
    return lambda facts: (value := facts[fact]).__class__ is kind and value == x


def _different(fact: Fact, x: Any) -> Predicate:
    same = _same(fact, x)
    return lambda facts: facts[fact] is not None and not same(facts)


def _one_of(fact: Fact, x: frozenset[Any]) -> Predicate:
    kind = type(next(iter(x)))
    return lambda facts: (value := facts[fact]).__class__ is kind and value in x


def _none_of(fact: Fact, x: frozenset[Any]) -> Predicate:
    one_of = _one_of(fact, x)
    return lambda facts: facts[fact] is not None and not one_of(facts)


def _as_number(compare: Callable[[Decimal, Any], bool]) -> Callable[[Fact, Any], Predicate]:
    """Attributes are ordered as numbers, also where the number was told as text."""

    def ordered(fact: Fact, x: Any) -> Predicate:
        return lambda facts: (value := number_in(facts[fact])) is not None and compare(value, x)

    return ordered


_ATTRIBUTE: dict[str, Callable[[Fact, Any], Predicate]] = {
    "eq": _same,
    "ne": _different,
    "in": _one_of,
    "not_in": _none_of,
    "gte": _as_number(lambda value, x: value >= x),
    "gt": _as_number(lambda value, x: value > x),
    "lte": _as_number(lambda value, x: value <= x),
    "lt": _as_number(lambda value, x: value < x),
    "between": _as_number(lambda value, ends: ends[0] <= value <= ends[1]),
    "known": _PLAIN["known"],
}
