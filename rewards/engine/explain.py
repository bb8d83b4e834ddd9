"""A campaign in plain words, and why it gave what it gave for an activity, or nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from rewards.engine import conditions, definition, phrases
from rewards.engine.conditions import Group, Leaf, Node
from rewards.engine.definition import Definition
from rewards.engine.effects import Effect, Multiplier, TooManyPoints
from rewards.engine.evaluate import Award, CompiledCampaign, Rulebook, evaluate
from rewards.engine.facts import Facts
from rewards.engine.operands import number_in
from rewards.engine.reasons import ChooseText, Reason, english, joined


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """
    What came of one campaign for one activity.

    `reasons` say why: of what was given if `has_matched`, else of what was missing. A campaign can
    match and give nothing, for example where the amount is too small for a point.
    """

    campaign_key: str
    version_id: UUID
    name: str
    has_matched: bool
    awards: tuple[Award, ...]
    reasons: tuple[Reason, ...]

    def text(self, choose: ChooseText = english) -> str:
        return "; ".join(reason.text(choose) for reason in self.reasons)


def explain(
    campaigns: Rulebook | Iterable[CompiledCampaign], facts: Facts, *, rounding: str
) -> tuple[Verdict, ...]:
    """
    A verdict on each campaign, in the order of their keys. Its awards are those of `evaluate()`.

    Where `evaluate()` refuses an activity because of too many points, no verdict has awards and the
    campaigns that match say so.
    """
    rulebook = campaigns if isinstance(campaigns, Rulebook) else Rulebook(campaigns)
    matching = {campaign.key for campaign in rulebook.matching(facts)}
    awards = _awards(rulebook, facts, rounding)
    return tuple(
        _verdict(
            campaign,
            facts,
            has_matched=campaign.key in matching,
            awards=None if awards is None else awards[campaign.key],
        )
        for campaign in rulebook
    )


def _awards(rulebook: Rulebook, facts: Facts, rounding: str) -> Mapping[str, list[Award]] | None:
    awards: defaultdict[str, list[Award]] = defaultdict(list)
    try:
        for award in evaluate(rulebook, facts, rounding=rounding):
            awards[award.campaign_key].append(award)
    except TooManyPoints:
        return None
    return awards


def _verdict(
    campaign: CompiledCampaign, facts: Facts, *, has_matched: bool, awards: list[Award] | None
) -> Verdict:
    if not has_matched:
        reasons = tuple(_missed(campaign.definition, facts))
    elif awards is None:
        reasons = (Reason("too_many_points"),)
    else:
        reasons = tuple(_given(campaign.definition.effects, awards))
    return Verdict(
        campaign_key=campaign.key,
        version_id=campaign.version_id,
        name=campaign.name,
        has_matched=has_matched,
        awards=tuple(awards or ()),
        reasons=reasons,
    )


def _given(effects: tuple[Effect, ...], awards: list[Award]) -> Iterator[Reason]:
    by_effect = {award.effect: award for award in awards}
    for column, effect in enumerate(effects):
        if column in by_effect:
            award = by_effect[column]
            yield Reason("gave", {"points": award.points, "why": award.reason})
        else:
            yield Reason("nothing_to_multiply" if isinstance(effect, Multiplier) else "too_little")


def _missed(rule: Definition, facts: Facts) -> Iterator[Reason]:
    trigger, activity = rule.trigger, facts.activity
    if (trigger.kind, trigger.event_type) != (activity.kind, activity.event_type):
        yield _listens_to(rule)
        return
    zone = facts.moment.local.tzinfo
    if rule.starts_at is not None and facts.instant < rule.starts_at:
        yield Reason("starts_later", {"start": _local(rule.starts_at, zone)})
    if rule.ends_at is not None and facts.instant >= rule.ends_at:
        yield Reason("has_ended", {"end": _local(rule.ends_at, zone)})
    if rule.conditions is not None and not _holds(rule.conditions, facts):
        yield from _unmet(rule.conditions, facts)


def _listens_to(rule: Definition) -> Reason:
    if rule.trigger.kind == "sale":
        return Reason("listens_to_sales")
    return Reason("listens_to_events", {"event_type": rule.trigger.event_type})


def _local(instant: datetime, zone: tzinfo | None) -> str:
    try:
        local = instant.astimezone(zone)
    except OverflowError:  # at the very ends of the calendar
        local = instant
    return local.strftime("%Y-%m-%d %H:%M")


def _holds(node: Node, facts: Facts) -> bool:
    return conditions.compile(node)(facts)


def _unmet(node: Node, facts: Facts) -> list[Reason]:
    """Why a tree that is not met is not met."""
    currency = facts.activity.currency
    if isinstance(node, Leaf):
        return [_miss(node, facts)]
    if node.kind == "none":
        met = [child for child in node.children if _holds(child, facts)]
        return [Reason("not", {"what": phrases.of_node(child, currency=currency)}) for child in met]
    if node.kind == "all":
        return [
            reason for child in node.children if not _holds(child, facts) for reason in _unmet(child, facts)
        ]
    return _nearest(node, facts)


def _nearest(node: Group, facts: Facts) -> list[Reason]:
    ways = [_unmet(child, facts) for child in node.children]
    if len(ways) == 1:
        return ways[0]
    return [
        Reason(
            "one_of",
            {
                "what": joined(
                    [joined(way, by="comma", last_by="and") for way in ways],
                    by="semicolon",
                    last_by="or_semicolon",
                )
            },
        )
    ]


def _miss(leaf: Leaf, facts: Facts) -> Reason:
    fact, found, currency = leaf.fact, facts[leaf.fact], facts.activity.currency
    if found is None or (leaf.operator == "known" and leaf.operand):
        return Reason("not_known", {"fact": fact.label})
    gap = _gap(leaf, found, currency)
    if gap is not None:
        return gap if fact.key == "sale.amount" else Reason("of_fact", {"fact": fact.label, "what": gap})
    if fact.type == "boolean":
        return Reason("only_if", {"wanted": phrases.of_leaf(leaf, currency=currency)})
    said = phrases.value(fact, found, currency=currency)
    if fact.key in _NEEDED and leaf.operator in ("eq", "in"):
        wanted = leaf.operand if leaf.operator == "in" else {leaf.operand}
        several = phrases.values(fact, wanted, currency=currency, by="or")
        return Reason(_NEEDED[fact.key], {"wanted": several, "found": said})
    wanted = phrases.of_leaf(leaf, currency=currency)
    return Reason("only", {"wanted": wanted, "fact": fact.label, "found": said})


_NEEDED = {"moment.weekday": "runs_on", "member.tier": "needs_tier"}


def _gap(leaf: Leaf, found: Any, currency: str) -> Reason | None:
    """How far a number is from what was wanted, if the condition is about that."""
    low, high = _bounds(leaf)
    value = number_in(found) if leaf.fact.type == "attribute" else found
    if value is None:
        return None
    if low is not None and value < low:
        return _distance("short", leaf, low - value, low, currency)
    if high is not None and value > high:
        return _distance("over", leaf, value - high, high, currency)
    return None


def _bounds(leaf: Leaf) -> tuple[Any, Any]:
    if leaf.fact.type in ("date", "time"):
        return None, None
    if leaf.operator == "between":
        low, high = leaf.operand
        return low, high
    low = leaf.operand if leaf.operator in ("gte", "gt") else None
    high = leaf.operand if leaf.operator in ("lte", "lt") else None
    return low, high


def _distance(code: str, leaf: Leaf, gap: Decimal | int, wanted: Any, currency: str) -> Reason:
    said = phrases.value(leaf.fact, gap, currency=currency)
    return Reason(code, {"gap": said, "wanted": phrases.value(leaf.fact, wanted, currency=currency)})


def sentence(
    raw: Mapping[str, Any] | Definition,
    *,
    currency: str,
    rounding: str = "down",
    zone: tzinfo = UTC,
    choose: ChooseText = english,
) -> str:
    """
    What a campaign does, in plain words; times are shown in the zone.

    :raises InvalidDefinition: if the definition cannot be run
    """
    rule = raw if isinstance(raw, Definition) else definition.parse(raw)
    effects = phrases.of_effects(rule.effects, currency=currency, rounding=rounding)
    said = Reason("sentence", {"what": _occasion(rule, currency), "effects": effects})
    return _with_schedule(said, rule, zone).text(choose)


def _occasion(rule: Definition, currency: str) -> Reason:
    every = Reason("every_sale")
    if rule.trigger.kind == "event":
        every = Reason("every_event", {"event_type": rule.trigger.event_type})
    if rule.conditions is None:
        return every
    tree = phrases.of_node(rule.conditions, currency=currency)
    return Reason("then", {"first": every, "last": tree})


def _with_schedule(said: Reason, rule: Definition, zone: tzinfo) -> Reason:
    times = {"starts_at": rule.starts_at, "ends_at": rule.ends_at}
    known: dict[str, Any] = {name: _local(at, zone) for name, at in times.items() if at is not None}
    if not known:
        return said
    code = "runs_from_until" if len(known) == 2 else f"runs_{next(iter(known))}"
    return Reason("then", {"first": said, "last": Reason(code, known)})
