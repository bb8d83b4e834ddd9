"""Conditions that nothing can ever meet, found by what they say and not by trying."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from rewards.engine.conditions import Leaf, Node
from rewards.engine.fact import Fact

PLACE = "#/conditions"
NEVER_NEGATIVE = {"sale.amount", "sale.quantity", "sale.line_count", "sale.list_amount", "member.balance",
                  "member.age_years", "history.purchases", "lines.count", "moment.hour"}  # fmt: skip
ORDERED = ("money", "decimal", "number", "date", "attribute")


class Placed(Struct, frozen=True):
    """A comparison and where it stands."""

    leaf: Leaf
    pointer: str


def impossible(node: Node | None, pointer: str = PLACE) -> str | None:
    """Where it is said what can never be; None if nothing is found to speak against it."""
    if node is None:
        return None
    return _impossible(node, pointer, ())


def are_disjoint(first: Node | None, second: Node | None) -> bool:
    """Whether nothing can meet both, as far as what both ask of everything is concerned."""
    asked = [*required(first), *required(second)]
    return _clash(asked) is not None


def required(node: Node | None, pointer: str = PLACE) -> Iterator[Placed]:
    """The comparisons that must hold in any case: those that no `any` and no `none` makes optional."""
    if isinstance(node, Leaf):
        yield Placed(node, pointer)
    elif node is not None and (node.kind == "all" or (node.kind == "any" and len(node.children) == 1)):
        for index, child in enumerate(node.children):
            yield from required(child, f"{pointer}/{node.kind}/{index}")


def _impossible(node: Node, pointer: str, asked: tuple[Placed, ...]) -> str | None:
    """`asked` are comparisons of the groups around that must hold as well."""
    here = (*asked, *required(node, pointer))
    if (clash := _clash(here)) is not None:
        return clash
    if isinstance(node, Leaf) or node.kind == "none":
        return None
    places = [f"{pointer}/{node.kind}/{index}" for index in range(len(node.children))]
    found = [_impossible(child, place, here) for child, place in zip(node.children, places, strict=True)]
    if node.kind == "all":
        return next((place for place in found if place), None)
    return pointer if all(found) else None


def _clash(asked: Iterable[Placed]) -> str | None:
    by_fact: defaultdict[Fact, list[Placed]] = defaultdict(list)
    for placed in asked:
        by_fact[_same(placed.leaf.fact, by_fact)].append(placed)
    for fact, about in by_fact.items():
        if (pointer := _Wanted(fact).clash(about)) is not None:
            return pointer
    return None


def _same(fact: Fact, known: Iterable[Fact]) -> Fact:
    """Facts of attributes, windows and lines are made anew; those that say the same are one."""
    return next((one for one in known if _named(one) == _named(fact)), fact)


def _named(fact: Fact) -> tuple[str, str, int, Any]:
    return fact.key, fact.type, fact.days, fact.lines


class _Wanted:
    """What is left for one fact after each comparison."""

    def __init__(self, fact: Fact) -> None:
        self.fact = fact
        self.low: Any = 0 if fact.key in NEVER_NEGATIVE else None
        self.high: Any = 23 if fact.key == "moment.hour" else None
        self.is_open_low = self.is_open_high = False
        self.among: frozenset[Any] | None = frozenset(fact.choices) or None
        self.but_not: frozenset[Any] = frozenset()
        self.all_of: frozenset[Any] = frozenset()
        self.must_be_known: bool | None = None

    def clash(self, placed: Iterable[Placed]) -> str | None:
        """Where the first comparison stands that leaves nothing over."""
        for one in placed:
            self._take(one.leaf.operator, one.leaf.operand)
            if self._is_empty():
                return one.pointer
        return None

    def _take(self, operator: str, operand: Any) -> None:
        if operator == "known":
            self.must_be_known = operand if self.must_be_known in (None, operand) else False
            if self.must_be_known is not operand:
                self.among = frozenset()
            return
        if self.fact.type == "set":
            self._take_set(operator, operand)
        elif operator in ("eq", "in"):
            values = operand if operator == "in" else frozenset({operand})
            self.among = values if self.among is None else self.among & values
        elif operator in ("ne", "not_in"):
            self.but_not |= operand if operator == "not_in" else {operand}
        elif self.fact.type in ORDERED:
            self._take_bounds(operator, operand)

    def _take_set(self, operator: str, operand: frozenset[Any]) -> None:
        if operator == "has_all":
            self.all_of |= operand
        elif operator == "has_none":
            self.but_not |= operand
        elif operator == "has_any" and operand <= self.but_not:
            self.among = frozenset()
        elif operator == "has_any":
            self.among = operand if self.among is None else self.among | operand

    def _take_bounds(self, operator: str, operand: Any) -> None:
        low, high = operand if operator == "between" else (operand, operand)
        if operator in ("gte", "gt", "between") and (self.low is None or low >= self.low):
            self.is_open_low = operator == "gt" or (self.is_open_low and low == self.low)
            self.low = low
        if operator in ("lte", "lt", "between") and (self.high is None or high <= self.high):
            self.is_open_high = operator == "lt" or (self.is_open_high and high == self.high)
            self.high = high

    def _is_empty(self) -> bool:
        if self.fact.type == "set":
            nothing_left = self.among is not None and self.among <= self.but_not
            return bool(self.all_of & self.but_not) or nothing_left
        if self._is_turned_round():
            return True
        if self.among is None:
            return False
        return not any(self._fits(value) for value in self.among - self.but_not)

    def _is_turned_round(self) -> bool:
        if self.low is None or self.high is None:
            return False
        return bool(
            self.low > self.high or (self.low == self.high and (self.is_open_low or self.is_open_high))
        )

    def _fits(self, value: Any) -> bool:
        if self.fact.type not in ORDERED or isinstance(value, str | bool):
            return True
        if self.low is not None and (value < self.low or (self.is_open_low and value == self.low)):
            return False
        return not (
            self.high is not None and (value > self.high or (self.is_open_high and value == self.high))
        )
