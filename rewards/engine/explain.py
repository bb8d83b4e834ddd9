"""Why campaigns gave what they gave for an activity, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from rewards.engine import conditions, phrases
from rewards.engine.audience import Audience
from rewards.engine.catalogue import WEEKDAYS
from rewards.engine.conditions import Group, Leaf, Node
from rewards.engine.effects import Multiplier, TooManyPoints
from rewards.engine.evaluate import CompiledCampaign, Rulebook, run
from rewards.engine.facts import Facts, number_in
from rewards.engine.limits import NOTHING_USED, Usage
from rewards.engine.outcome import Award, Gift, Outcome
from rewards.engine.problems import shown
from rewards.engine.reasons import ChooseText, Reason, english, joined
from rewards.engine.schedule import Schedule
from rewards.engine.sentence import sentence, shown_at, told
from rewards.engine.tally import Entrant
from rewards.engine.triggers import Trigger

__all__ = ["Verdict", "explain", "sentence", "told"]


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
    gifts: tuple[Gift, ...] = ()
    variant: str = ""

    def text(self, choose: ChooseText = english) -> str:
        return "; ".join(reason.text(choose) for reason in self.reasons)


def explain(
    campaigns: Rulebook | Iterable[CompiledCampaign],
    facts: Facts,
    *,
    rounding: str,
    usage: Usage = NOTHING_USED,
) -> tuple[Verdict, ...]:
    """
    A verdict on each campaign, in the order of their keys. Its awards and gifts are those of `run()`.

    Where `run()` refuses an activity because of too many points, no verdict has awards and the
    campaigns that match say so.
    """
    rulebook = campaigns if isinstance(campaigns, Rulebook) else Rulebook(campaigns)
    matching = {campaign.key for campaign in rulebook.matching(facts)}
    outcome = _outcome(rulebook, facts, rounding, usage)
    return tuple(
        _verdict(campaign, facts, outcome)
        if campaign.key in matching
        else _missing(campaign, tuple(_missed(campaign, facts)))
        for campaign in rulebook
    )


def _outcome(rulebook: Rulebook, facts: Facts, rounding: str, usage: Usage) -> Outcome | None:
    try:
        return run(rulebook, facts, rounding=rounding, usage=usage)
    except TooManyPoints:
        return None


def _missing(campaign: CompiledCampaign, reasons: tuple[Reason, ...]) -> Verdict:
    return Verdict(
        campaign_key=campaign.key,
        version_id=campaign.version_id,
        name=campaign.name,
        has_matched=False,
        awards=(),
        reasons=reasons,
    )


def _verdict(campaign: CompiledCampaign, facts: Facts, outcome: Outcome | None) -> Verdict:
    """On a campaign that the activity meets."""
    if outcome is None:
        return replace(_missing(campaign, (Reason("too_many_points"),)), has_matched=True)
    if (refusal := outcome.refusals.get(campaign.key)) is not None:
        return _missing(campaign, (refusal,))
    awards = [award for award in outcome.awards if award.campaign_key == campaign.key]
    gifts = tuple(gift for gift in outcome.gifts if gift.campaign_key == campaign.key)
    entrant = Entrant(campaign, facts)
    reasons = (*_given(entrant, awards), *map(gave, gifts))
    return replace(
        _missing(campaign, reasons),
        has_matched=True,
        awards=tuple(awards),
        gifts=gifts,
        variant=entrant.variant,
    )


def gave(gift: Gift) -> Reason:
    """A gift in words."""
    return Reason(f"gave.{gift.kind}", dict(gift.parameters))


def _given(entrant: Entrant, awards: list[Award]) -> Iterator[Reason]:
    by_effect = {award.effect: award for award in awards}
    for column, effect in entrant.points_effects:
        if column in by_effect:
            award = by_effect[column]
            yield Reason("gave", {"points": award.points, "why": award.reason})
        else:
            yield Reason("nothing_to_multiply" if isinstance(effect, Multiplier) else "too_little")


def _missed(campaign: CompiledCampaign, facts: Facts) -> Iterator[Reason]:
    rule, activity = campaign.definition, facts.activity
    trigger = rule.trigger
    if trigger.listens_to != (activity.kind, activity.event_type):
        yield _listens_to(trigger)
        return
    if not trigger.is_met_by(activity):
        yield Reason(f"not_wanted.{trigger.kind}", {"found": shown(trigger.found(activity))})
    yield from _not_now(rule.schedule, facts)
    yield from _not_for(rule.audience, facts)
    is_met = rule.conditions is None or _holds(rule.conditions, facts)
    if rule.conditions is not None and not is_met:
        yield from _unmet(rule.conditions, facts)
    if is_met and rule.audience.has(facts.member) and rule.audience.holds_out(campaign.key, facts.member):
        yield Reason("held_out", {"percent": rule.audience.control_percent})


def _not_now(schedule: Schedule, facts: Facts) -> Iterator[Reason]:
    local = schedule.local(facts.moment.local)
    if schedule.starts_at is not None and facts.instant < schedule.starts_at:
        yield Reason("starts_later", {"start": shown_at(schedule.starts_at, local.tzinfo)})
    if schedule.ends_at is not None and facts.instant >= schedule.ends_at:
        yield Reason("has_ended", {"end": shown_at(schedule.ends_at, local.tzinfo)})
    if schedule.weekdays and (today := WEEKDAYS[local.weekday()]) not in schedule.weekdays:
        yield Reason("runs_on", {"wanted": phrases.of_weekdays(schedule.weekdays), "found": Reason(today)})
    if schedule.hours and not any(hours.has(local.time()) for hours in schedule.hours):
        yield Reason(
            "runs_at", {"wanted": phrases.of_hours(schedule.hours), "found": local.strftime("%H:%M")}
        )
    if schedule.month_days and not schedule.has_day(local.date()):
        yield Reason(
            "runs_on_days", {"wanted": phrases.of_month_days(schedule.month_days), "found": local.day}
        )
    if schedule.seasons and not any(season.has(local.strftime("%m-%d")) for season in schedule.seasons):
        yield Reason("runs_in", {"wanted": phrases.of_seasons(schedule.seasons)})


def _not_for(audience: Audience, facts: Facts) -> Iterator[Reason]:
    member = facts.member
    if audience.segments and audience.segments.isdisjoint(member.segments):
        yield Reason("not_in_segment", {"wanted": phrases.named("segment", audience.segments, by="or")})
    if found := audience.not_segments & member.segments:
        yield Reason("in_segment", {"found": phrases.named("segment", found, by="and")})
    if audience.tiers and member.tier not in audience.tiers:
        found_tier = phrases.named("tier", [member.tier], by="and") if member.tier else Reason("nothing")
        yield Reason(
            "needs_tier", {"wanted": phrases.named("tier", audience.tiers, by="or"), "found": found_tier}
        )


def _listens_to(trigger: Trigger) -> Reason:
    if trigger.kind == "event":
        return Reason("listens_to_events", {"event_type": trigger.event_type})
    if trigger.kind == "sale":
        return Reason("listens_to_sales")
    return Reason("listens_to_occasions", {"occasion": phrases.of_trigger(trigger)})


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
