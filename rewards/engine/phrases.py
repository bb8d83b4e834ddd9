"""Conditions and effects in words, as parts of a sentence: “of at least €50.00”, “on Saturday or Sunday”."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

from rewards.engine.audience import Audience
from rewards.engine.catalogue import WEEKDAYS
from rewards.engine.conditions import Leaf, Node
from rewards.engine.definition import Definition
from rewards.engine.effects import Effect, FixedPoints, Multiplier, Points, PointsPerItem
from rewards.engine.fact import Fact
from rewards.engine.gifts import GiftEffect
from rewards.engine.limits import Limits
from rewards.engine.problems import shown
from rewards.engine.reasons import Reason, joined, key, listed, money, number
from rewards.engine.schedule import Hours, Schedule, Season
from rewards.engine.stacking import Stacking
from rewards.engine.triggers import Trigger

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
    if fact.takes:
        return _negated(_detailed(leaf, currency), when=operator in ("ne", "not_in"))
    if fact.type == "set":
        code = f"{operator}.{fact.key}" if fact.key == "member.segments" else operator
        return Reason(code, {"what": _placed(fact, _compared(leaf, currency))})
    if fact.type == "boolean":
        return _negated(Reason(f"of.{_code(fact)}", _name(fact)), when=not operand)
    if fact.type in ("date", "time"):
        return _of_date_or_time(leaf, currency)
    return _negated(
        _placed(fact, _compared(leaf, currency), count=operand), when=operator in ("ne", "not_in")
    )


def of_items(leaf: Leaf) -> Reason:
    """Items of the categories, brands … that a condition names: “of category coffee or tea”."""
    return _placed(leaf.fact, _compared(leaf, ""))


def _negated(what: Reason, *, when: bool) -> Reason:
    return Reason("not", {"what": what}) if when else what


def _placed(fact: Fact, value: Reason | str, count: object = 2) -> Reason:
    many = 1 if not isinstance(count, bool) and count == 1 else 2
    return Reason(f"of.{_code(fact)}", {"value": value, "count": many, **_name(fact)})


def _code(fact: Fact) -> str:
    """An attribute that is true or false, or a list, is said in other words than one with a value."""
    is_plain = not fact.attribute or fact.type not in ("boolean", "set")
    return fact.family if is_plain else f"{fact.family}.{fact.type}"


def _name(fact: Fact) -> dict[str, Reason | str | int]:
    return {"name": fact.attribute} if fact.attribute else {}


def _detailed(leaf: Leaf, currency: str) -> Reason:
    """A condition about some lines, or about the past."""
    count = 1 if leaf.operand == 1 else 2
    said: dict[str, Reason | str | int] = {"value": _compared(leaf, currency), "count": count}
    if leaf.fact.takes == "lines":
        said["lines"] = of_node(leaf.fact.lines, currency=currency)
    else:
        said["days"] = leaf.fact.days
        said["count"] = leaf.fact.days
    return Reason(f"of.{leaf.fact.key}", said)


def _of_date_or_time(leaf: Leaf, currency: str) -> Reason:
    if leaf.fact.attribute:
        return _negated(_placed(leaf.fact, _compared(leaf, currency)), when=leaf.operator == "ne")
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
    if fact.key in _NAMED and found:
        return key(_NAMED[fact.key], found)
    return shown(found) if found else Reason("nothing")


_NAMED = {"member.tier": "tier", "member.segments": "segment"}


def named(kind: str, keys: Collection[str], *, by: str) -> Reason | str:
    """Several things of the program, as they are called there."""
    return listed([key(kind, each) for each in sorted(keys)], by=by)


def of_definition(rule: Definition, *, currency: str, rounding: str) -> Reason:
    """What is given, in each of its variants if there are any."""
    if not rule.variants:
        return of_effects(rule.effects, currency=currency, rounding=rounding)
    ways = [
        Reason(
            "variant",
            {
                "name": shown(variant.name),
                "percent": variant.percent,
                "effects": of_effects(
                    [rule.effects[column] for column in variant.columns], currency=currency, rounding=rounding
                ),
            },
        )
        for variant in rule.variants
    ]
    return joined(ways, by="semicolon", last_by="semicolon")


def of_effects(effects: Sequence[Effect], *, currency: str, rounding: str) -> Reason:
    """What is given: base points, others on top of them, what multiplies the base points, and gifts."""

    def said(these: list[Effect]) -> list[Reason]:
        return [of_effect(effect, currency=currency, rounding=rounding) for effect in these]

    gifts = [effect for effect in effects if isinstance(effect, GiftEffect)]
    base = said([effect for effect in effects if effect.is_base])
    multiplied = said([effect for effect in effects if effect.multiplies])
    added = said([e for e in effects if not (e.is_base or e.multiplies) and not isinstance(e, GiftEffect)])
    if base and added:
        added = [Reason("on_top", {"what": joined(added, by="comma", last_by="and")})]
    return joined([*base, *added, *multiplied, *said([*gifts])], by="comma", last_by="and_also")


def of_effect(effect: Effect, *, currency: str, rounding: str) -> Reason:
    """One effect, with its wallet type unless that is the usual one."""
    if isinstance(effect, GiftEffect):
        return of_gift(effect)
    said = _timed(_given(effect, currency, rounding), effect)
    if effect.wallet_type == DEFAULT_WALLET_TYPE:
        return said
    return Reason("in_wallet", {"what": said, "wallet_type": key("wallet_type", effect.wallet_type)})


def of_gift(gift: GiftEffect) -> Reason:
    """Something that is given beside points."""
    said: dict[str, Reason | str | int] = {**gift.parameters}
    for kind in ("reward", "badge", "challenge", "draw"):
        if kind in said:
            said[kind] = key(kind, str(said[kind]))
    if "entries" in said:
        said["count"] = said["entries"]
    return Reason(f"gift.{gift.kind}", said)


def _timed(said: Reason, effect: Points) -> Reason:
    """What is given, with what the effect says about when it can be spent and when it is gone."""
    times = [block.said() for block in (effect.pending, effect.expiry) if block is not None]
    if not times:
        return said
    return Reason("timed", {"what": said, "times": joined(times, by="comma", last_by="comma")})


def _given(effect: Points, currency: str, rounding: str) -> Reason:
    if isinstance(effect, FixedPoints):
        return Reason("points", {"points": effect.points})
    if isinstance(effect, Multiplier):
        return _multiplied(effect)
    if isinstance(effect, PointsPerItem):
        code = "per_items" if effect.per_items > 1 else "each_item"
        rate = Reason(code, {"points": effect.points, "per_items": effect.per_items})
        return rate if effect.lines is None else _of_lines(rate, effect.lines, currency)
    # Only single points that are rounded down come for each full unit; others come in between as well.
    code = "rate_full" if effect.points == 1 and rounding == "down" else "rate"
    rate = Reason(code, {"points": number(effect.points), "per": money(effect.per, currency)})
    if effect.lines is not None:
        rate = Reason("rate_of_lines", {"rate": rate, "lines": of_node(effect.lines, currency=currency)})
    return rate if effect.measure == "paid" else Reason(f"measured.{effect.measure}", {"what": rate})


def _of_lines(rate: Reason, lines: Node, currency: str) -> Reason:
    return Reason("then", {"first": rate, "last": of_node(lines, currency=currency)})


def _multiplied(effect: Multiplier) -> Reason:
    by = (
        Reason("bonus", {"percent": number(effect.percent)})
        if effect.is_bonus
        else Reason("times", {"factor": number(effect.factor)})
    )
    if not effect.of:
        return by
    code = "bonus_of" if effect.is_bonus else "times_of"
    return Reason(code, {**by.parameters, "campaigns": named("campaign", effect.of, by="and")})


def every(trigger: Trigger) -> Reason:
    """On which occasions, as the beginning of a sentence."""
    if trigger.kind in ("sale", "event"):
        return Reason(
            f"every_{trigger.kind}", {"event_type": trigger.event_type} if trigger.event_type else {}
        )
    return Reason(f"every.{trigger.kind}{'.of' if trigger.wanted else ''}", _wanted(trigger))


def of_trigger(trigger: Trigger) -> Reason:
    """What a trigger is about, in the middle of a sentence."""
    return Reason(f"trigger.{trigger.kind}", _wanted(trigger))


_WANTED = {"tier_reached": "tier", "segment_entered": "segment", "challenge_completed": "challenge"}


def _wanted(trigger: Trigger) -> dict[str, Reason | str | int]:
    if not trigger.wanted:
        return {}
    if trigger.kind == "inactivity":
        (days,) = trigger.wanted
        return {"count": int(days)}
    if trigger.kind == "code_entered" and len(trigger.wanted) > 1:
        return {"wanted": Reason("codes", {"count": len(trigger.wanted)})}
    kind = _WANTED.get(trigger.kind)
    wanted = sorted(trigger.wanted)
    return {"wanted": named(kind, wanted, by="or") if kind else listed([shown(w) for w in wanted], by="or")}


def of_audience(whom: Audience) -> Reason | None:
    """Whom it is for; None if for everyone."""
    parts = []
    if whom.segments:
        parts.append(Reason("for_segments", {"wanted": named("segment", whom.segments, by="or")}))
    if whom.not_segments:
        parts.append(Reason("for_others", {"unwanted": named("segment", whom.not_segments, by="or")}))
    if whom.tiers:
        parts.append(Reason("of.member.tier", {"value": named("tier", whom.tiers, by="or")}))
    return joined(parts, by="then", last_by="then") if parts else None


def of_recurrence(schedule: Schedule) -> Reason | None:
    """On which days, at which hours; None if always."""
    parts = []
    if schedule.weekdays:
        parts.append(Reason("on", {"what": of_weekdays(schedule.weekdays)}))
    if schedule.month_days:
        parts.append(Reason("on", {"what": of_month_days(schedule.month_days)}))
    if schedule.seasons:
        parts.append(Reason("during", {"what": of_seasons(schedule.seasons)}))
    if schedule.hours:
        parts.append(Reason("during", {"what": of_hours(schedule.hours)}))
    if not parts:
        return None
    said = Reason("runs_only", {"when": joined(parts, by="comma", last_by="comma")})
    if schedule.zone is None:
        return said
    return Reason("runs_only_in", {"when": said.parameters["when"], "zone": schedule.zone.key})


def of_weekdays(weekdays: Collection[str]) -> Reason | str:
    return joined([Reason(day) for day in sorted(weekdays, key=WEEKDAYS.index)], by="comma", last_by="and")


def of_hours(hours: Sequence[Hours]) -> Reason | str:
    said = [Reason("hours", {"low": f"{each.start:%H:%M}", "high": f"{each.end:%H:%M}"}) for each in hours]
    return joined(said, by="comma", last_by="and")


def of_month_days(days: Collection[int]) -> Reason | str:
    in_order = sorted(days, key=lambda day: day if day > 0 else 32)
    said = [Reason("last_day") if day < 0 else Reason("day_of_month", {"day": day}) for day in in_order]
    return joined(said, by="comma", last_by="and")


def of_seasons(seasons: Sequence[Season]) -> Reason | str:
    said = [Reason("season", {"low": each.first, "high": each.last}) for each in seasons]
    return joined(said, by="comma", last_by="and")


def of_limits(limits: Limits, *, currency: str) -> list[Reason]:
    """Each limit as a sentence of its own."""
    said = []
    if limits.at_least:
        said.append(Reason("limit.at_least", {"points": limits.at_least}))
    if limits.at_most is not None:
        said.append(Reason("limit.at_most", {"points": limits.at_most}))
    for limit in limits.per_member:
        unit = "times" if limit.times is not None else "points"
        amount = limit.times if limit.times is not None else limit.points
        said.append(Reason(f"limit.{unit}.{limit.period}", {"count": amount or 0}))
    for budget in limits.in_all:
        code = f"limit.in_all.{budget.unit}"
        if budget.unit == "money":
            said.append(Reason(code, {"amount": money(Decimal(budget.amount), currency)}))
        else:
            said.append(Reason(code, {"count": int(budget.amount)}))
    return said


def of_stacking(stacking: Stacking) -> Reason | None:
    if not stacking.group:
        return None
    return Reason("stacks_first" if stacking.chooses_first else "stacks_best", {"group": stacking.group})
