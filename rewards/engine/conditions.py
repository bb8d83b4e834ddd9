"""
The tree of conditions: `all`, `any` and `none` over comparisons of facts.

    {"all": [{"fact": "sale.amount", "operator": "gte", "value": "50.00"},
             {"any": [{"fact": "moment.weekday", "operator": "in", "value": ["saturday"]}]}]}

It is read once into frozen nodes, from which predicates, explanations and sentences are made.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rewards.engine.catalogue import Fact, Scope
from rewards.engine.operands import parse_operand
from rewards.engine.operators import Predicate, predicate
from rewards.engine.problems import Place, shown

DEPTH_AT_MOST = 8
NODES_AT_MOST = 200
GROUPS = ("all", "any", "none")
LEAF_KEYS = ("fact", "operator", "value")


class Leaf(msgspec.Struct, frozen=True):
    """One comparison: a fact, an operator, and what the fact is compared with."""

    fact: Fact
    operator: str
    operand: Any


class Group(msgspec.Struct, frozen=True):
    """Conditions of which `all`, at least one (`any`) or `none` must hold."""

    kind: str
    children: tuple[Node, ...]


type Node = Leaf | Group


def parse(raw: object, *, scope: Scope, place: Place) -> Node | None:
    """
    The tree; None if there are no conditions or if something is wrong, which is noted at the place.

    An empty object and an empty group at the top are no conditions, so all activities meet them.
    """
    if raw is None or raw in ({}, {"all": []}, {"any": []}, {"none": []}):
        return None
    return _Reader(scope).node(raw, place, depth=1)


class _Reader:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.nodes = 0

    def node(self, raw: object, place: Place, *, depth: int) -> Node | None:
        self.nodes += 1
        if self.nodes > NODES_AT_MOST:
            return place.refuse("too_many_conditions", limit=NODES_AT_MOST)
        if depth > DEPTH_AT_MOST:
            return place.refuse("too_deep", limit=DEPTH_AT_MOST)
        if isinstance(raw, dict) and "fact" in raw:
            return self.leaf(raw, place)
        return self.group(raw, place, depth=depth)

    def group(self, raw: object, place: Place, *, depth: int) -> Group | None:
        if not isinstance(raw, dict) or len(raw) != 1 or next(iter(raw)) not in GROUPS:
            return place.refuse("not_a_condition", found=shown(raw))
        [(kind, items)] = raw.items()
        place = place / kind
        items = place.items(items, at_most=NODES_AT_MOST, what="condition")
        if items is None:
            return None
        children = [self.node(item, place / index, depth=depth + 1) for index, item in enumerate(items)]
        read = tuple(child for child in children if child is not None)
        return Group(kind, read) if len(read) == len(children) else None

    def leaf(self, raw: dict[str, Any], place: Place) -> Leaf | None:
        place.mapping(raw, keys=LEAF_KEYS)
        fact = self.fact(raw["fact"], place / "fact")
        if fact is None:
            return None
        operator = raw.get("operator")
        if operator not in fact.operators:
            operators = ", ".join(fact.operators)
            return (place / "operator").refuse(
                "unknown_operator", operator=shown(operator), fact=fact.key, operators=operators
            )
        operand = parse_operand(raw.get("value"), fact=fact, operator=operator, place=place / "value")
        return None if operand is None else Leaf(fact, operator, operand)

    def fact(self, key: object, place: Place) -> Fact | None:
        fact = self.scope.find(key) if isinstance(key, str) else None
        if fact is None:
            nearest = self.scope.nearest(key if isinstance(key, str) else "")
            place.refuse("unknown_fact", fact=shown(key), nearest=", ".join(nearest))
        return fact


def compile(node: Node) -> Predicate:
    """The tree as one function, which stops at the first condition that decides."""
    if isinstance(node, Leaf):
        return predicate(node.fact, node.operator, node.operand)
    children = tuple(compile(child) for child in node.children)
    if node.kind == "all":
        return _all(children)
    holds = _any(children)
    return holds if node.kind == "any" else lambda facts: not holds(facts)


def _all(children: tuple[Predicate, ...]) -> Predicate:
    if len(children) == 1:
        return children[0]
    first, second, *others = children
    if not others:
        return lambda facts: first(facts) and second(facts)
    rest = _all(tuple(others))
    return lambda facts: first(facts) and second(facts) and rest(facts)


def _any(children: tuple[Predicate, ...]) -> Predicate:
    if len(children) == 1:
        return children[0]
    first, second, *others = children
    if not others:
        return lambda facts: first(facts) or second(facts)
    rest = _any(tuple(others))
    return lambda facts: first(facts) or second(facts) or rest(facts)
