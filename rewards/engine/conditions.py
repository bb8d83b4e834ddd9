"""
The tree of conditions: `all`, `any` and `none` over comparisons of facts.

    {"all": [{"fact": "sale.amount", "operator": "gte", "value": "50.00"},
             {"any": [{"fact": "moment.weekday", "operator": "in", "value": ["saturday"]}]}]}

A condition about lines says which ones, by a tree of its own, and one about the past over how many days:

    {"fact": "lines.amount", "lines": {"all": […]}, "operator": "gte", "value": "20.00"}
    {"fact": "history.purchases", "days": 30, "operator": "gte", "value": 3}

It is read once into frozen nodes, from which predicates, explanations and sentences are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from rewards.engine import history
from rewards.engine.catalogue import ATTRIBUTE_TYPES, SCOPES, TOTALS, Scope
from rewards.engine.fact import Fact
from rewards.engine.operands import parse_operand, read_between
from rewards.engine.operators import Predicate, predicate
from rewards.engine.problems import Place, shown

DEPTH_AT_MOST = 8
NODES_AT_MOST = 200
GROUPS = ("all", "any", "none")
LEAF_KEYS = ("fact", "operator", "value")
ATTRIBUTE_TYPE_NAMES = tuple(filter(None, ATTRIBUTE_TYPES))


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
            return self.leaf(raw, place, depth=depth)
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

    def leaf(self, raw: dict[str, Any], place: Place, *, depth: int) -> Leaf | None:
        fact = self.fact(raw, place / "fact")
        if fact is None:
            return None
        extra = (fact.takes or "type") if fact.takes or fact.attribute else ""
        place.mapping(raw, keys=(*LEAF_KEYS, extra) if extra else LEAF_KEYS)
        whole = self.with_details(fact, raw, place, depth=depth)
        operator = raw.get("operator")
        if operator not in fact.operators:
            operators = ", ".join(fact.operators)
            return (place / "operator").refuse(
                "unknown_operator", operator=shown(operator), fact=fact.key, operators=operators
            )
        operand = parse_operand(raw.get("value"), fact=fact, operator=operator, place=place / "value")
        return None if operand is None or whole is None else Leaf(whole, operator, operand)

    def fact(self, raw: Mapping[str, Any], place: Place) -> Fact | None:
        key, of_type = raw["fact"], raw.get("type", "")
        if not isinstance(of_type, str) or of_type not in ATTRIBUTE_TYPES:
            choices = ", ".join(ATTRIBUTE_TYPE_NAMES)
            return (place.beside("type")).refuse("not_a_choice", found=shown(of_type), choices=choices)
        fact = self.scope.find(key, of_type) if isinstance(key, str) else None
        if fact is None:
            nearest = self.scope.nearest(key if isinstance(key, str) else "")
            place.refuse("unknown_fact", fact=shown(key), nearest=", ".join(nearest))
        return fact

    def with_details(self, fact: Fact, raw: Mapping[str, Any], place: Place, *, depth: int) -> Fact | None:
        """The fact over the days, or about the lines, that the condition names."""
        if fact.takes == "days":
            days = read_between(raw.get("days"), 1, history.DAYS_AT_MOST, place / "days")
            return None if days is None else history.over(fact.key.removeprefix("history."), days)
        if fact.takes == "lines":
            return self.about_lines(fact, raw.get("lines"), place / "lines", depth=depth)
        return fact

    def about_lines(self, fact: Fact, raw: object, place: Place, *, depth: int) -> Fact | None:
        if raw is None or raw == {}:
            return place.refuse("lines_missing")
        inner = _Reader(SCOPES["line"])
        inner.nodes = self.nodes
        tree = inner.node(raw, place, depth=depth + 1)
        self.nodes = inner.nodes
        return None if tree is None else of_lines(fact, tree)


def of_lines(fact: Fact, tree: Node) -> Fact:
    """The fact, such as `lines.amount`, of those lines of a sale that meet the tree."""
    picks, total = compile(tree), TOTALS[fact.key]
    return replace(
        fact, lines=tree, read=lambda facts: total(known.line for known in facts.lines if picks(known))
    )


def leaves(node: Node | None) -> Iterator[Leaf]:
    """All conditions of a tree; not those that pick lines for one of them."""
    if isinstance(node, Leaf):
        yield node
    elif node is not None:
        for child in node.children:
            yield from leaves(child)


def compile(node: Node) -> Predicate:
    """The tree as one function, which stops at the first condition that decides."""
    if isinstance(node, Leaf):
        return predicate(node.fact, node.operator, node.operand)
    children = tuple(compile(child) for child in node.children)
    if node.kind == "all":
        return every(children)
    holds = _any(children)
    return holds if node.kind == "any" else lambda facts: not holds(facts)


def every(children: tuple[Predicate, ...]) -> Predicate:
    """Whether all of them hold, at least one being there; the first that does not ends it."""
    if len(children) == 1:
        return children[0]
    first, second, *others = children
    if not others:
        return lambda facts: first(facts) and second(facts)
    rest = every(tuple(others))
    return lambda facts: first(facts) and second(facts) and rest(facts)


def _any(children: tuple[Predicate, ...]) -> Predicate:
    if len(children) == 1:
        return children[0]
    first, second, *others = children
    if not others:
        return lambda facts: first(facts) or second(facts)
    rest = _any(tuple(others))
    return lambda facts: first(facts) or second(facts) or rest(facts)
