"""Conditions and effects in words, as parts of a sentence: “of at least €50.00”, “on Saturday or Sunday”."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

from rewards.engine.catalogue import WEEKDAYS, Fact
from rewards.engine.conditions import Leaf, Node
from rewards.engine.effects import Effect, FixedPoints, Multiplier, PointsPerUnit
from rewards.engine.problems import shown
from rewards.engine.reasons import Reason, joined, listed, money, number

DEFAULT_WALLET_TYPE = "points"
"""The wallet type that a sentence need not name."""

_COMPARED = {"gte": "at_least", "gt": "more_than", "lte": "at_most", "lt": "less_than"}


def of_node(node: Node, *, currency: str, is_nested: bool = False) -> Reason:
    """The conditions of a tree; groups inside others stand in brackets where they need it."""
    if isinstance(node, Leaf):
        return of_leaf(node, currency=currency)
    several = len(node.children) > 1
    parts = [of_node(child, currency=currency, is_nested=several) for child in node.children]
    if node.kind == "all":
        return joined(parts, by="then", last_by="then")
    either = joined(parts, by="comma", last_by="or_else")
    if node.kind == "any":
        return Reason("group", {"what": either}) if several and is_nested else either
    return Reason("but_not", {"what": Reason("group", {"what": either}) if several else either})


def of_leaf(leaf: Leaf, *, currency: str) -> Reason:
    """One condition, such as “in store berlin” or “not on Sunday”."""
    fact, operator, operand = leaf.fact, leaf.operator, leaf.operand
    if operator == "known":
        return Reason("known" if operand else "unknown", {"what": fact.label})
    if fact.type == "set":
        return Reason(operator, {"what": _placed(fact, _compared(leaf, currency))})
    if fact.type == "boolean":
        return _negated(Reason(f"of.{fact.key}"), when=not operand)
    if fact.type in ("date", "time"):
        return _of_date_or_time(leaf, currency)
    return _negated(
        _placed(fact, _compared(leaf, currency), count=operand), when=operator in ("ne", "not_in")
    )


def _negated(what: Reason, *, when: bool) -> Reason:
    return Reason("not", {"what": what}) if when else what


def _placed(fact: Fact, value: Reason | str, count: object = 2) -> Reason:
    name = {"name": fact.attribute} if fact.attribute else {}
    many = 1 if not isinstance(count, bool) and count == 1 else 2
    return Reason(f"of.{fact.family}", {"value": value, "count": many, **name})


def _of_date_or_time(leaf: Leaf, currency: str) -> Reason:
    if leaf.operator == "between":
        low, high = (value(leaf.fact, end, currency=currency) for end in leaf.operand)
        return Reason(f"of.{leaf.fact.key}.between", {"low": low, "high": high})
    operator = "eq" if leaf.operator == "ne" else leaf.operator
    said = Reason(
        f"of.{leaf.fact.key}.{operator}", {"value": value(leaf.fact, leaf.operand, currency=currency)}
    )
    return _negated(said, when=leaf.operator == "ne")


def _compared(leaf: Leaf, currency: str) -> Reason | str:
    fact, operator, operand = leaf.fact, leaf.operator, leaf.operand
    if isinstance(operand, frozenset):
        return values(fact, operand, currency=currency, by="and" if operator == "has_all" else "or")
    if operator == "between":
        low, high = (value(fact, end, currency=currency) for end in operand)
        return Reason("between", {"low": low, "high": high})
    said = value(fact, operand, currency=currency)
    if operator in _COMPARED:
        return Reason(_COMPARED[operator], {"value": said})
    return Reason("exactly", {"value": said}) if fact.type in ("money", "decimal") else said


def values(fact: Fact, found: Collection[Any], *, currency: str, by: str) -> Reason | str:
    """Several values of a fact, weekdays in their order; none at all is “none”."""
    if not found:
        return Reason("nothing")
    in_order = sorted(found, key=WEEKDAYS.index) if fact.type == "choice" else sorted(found)
    return listed([value(fact, each, currency=currency) for each in in_order], by=by)


def value(fact: Fact, found: Any, *, currency: str) -> Reason | str:
    """One value of a fact, as people write it."""
    if isinstance(found, frozenset):
        return values(fact, found, currency=currency, by="and")
    if isinstance(found, bool):
        return Reason("yes" if found else "no")
    if isinstance(found, Decimal):
        return money(found, currency) if fact.type == "money" else shown(number(found))
    if isinstance(found, date):
        return found.isoformat()
    if isinstance(found, time):
        return found.isoformat(timespec="minutes")
    if isinstance(found, int):
        return f"{found:,}"
    if fact.type == "choice":
        return Reason(found)
    return shown(found) if found else Reason("nothing")


def of_effects(effects: Sequence[Effect], *, currency: str, rounding: str) -> Reason:
    """What is given: base points, fixed points on top of them, and what multiplies the base points."""

    def said(kind: type[Effect]) -> list[Reason]:
        these = [effect for effect in effects if isinstance(effect, kind)]
        return [of_effect(effect, currency=currency, rounding=rounding) for effect in these]

    base, fixed, multiplied = said(PointsPerUnit), said(FixedPoints), said(Multiplier)
    if base and fixed:
        fixed = [Reason("on_top", {"what": joined(fixed, by="comma", last_by="and")})]
    return joined([*base, *fixed, *multiplied], by="comma", last_by="and_also")


def of_effect(effect: Effect, *, currency: str, rounding: str) -> Reason:
    """One effect, with its wallet type unless that is the usual one."""
    said = _timed(_given(effect, currency, rounding), effect)
    if effect.wallet_type == DEFAULT_WALLET_TYPE:
        return said
    return Reason("in_wallet", {"what": said, "wallet_type": effect.wallet_type})


def _timed(said: Reason, effect: Effect) -> Reason:
    """What is given, with what the effect says about when it can be spent and when it is gone."""
    times = [block.said() for block in (effect.pending, effect.expiry) if block is not None]
    if not times:
        return said
    return Reason("timed", {"what": said, "times": joined(times, by="comma", last_by="comma")})


def _given(effect: Effect, currency: str, rounding: str) -> Reason:
    if isinstance(effect, FixedPoints):
        return Reason("points", {"points": effect.points})
    if isinstance(effect, Multiplier):
        return Reason("times", {"factor": number(effect.factor)})
    # Only single points that are rounded down come for each full unit; others come in between as well.
    code = "rate_full" if effect.points == 1 and rounding == "down" else "rate"
    rate = Reason(code, {"points": number(effect.points), "per": money(effect.per, currency)})
    if effect.lines is None:
        return rate
    return Reason("rate_of_lines", {"rate": rate, "lines": of_node(effect.lines, currency=currency)})
