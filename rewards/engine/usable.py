"""
What a member could use: campaigns that an activity of theirs would meet now, and what it has to be like.

Of a campaign's conditions, those about the member and the moment are decided; those about the purchase are
left, and are what can be told.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from rewards.engine import conditions, phrases
from rewards.engine.conditions import Group, Leaf, Node, leaves
from rewards.engine.definition import Variant
from rewards.engine.effects import Effect
from rewards.engine.evaluate import CompiledCampaign
from rewards.engine.facts import ActivityFacts, Facts, MemberFacts, Moment
from rewards.engine.gifts import GiftEffect
from rewards.engine.limits import Limits, Usage, period_key
from rewards.engine.reasons import Reason

TRIGGERS: Final = frozenset({"sale", "event", "check_in"})
"""What members and shops do. What happens by itself, such as a birthday, is nothing to be made use of."""

_UNSEEN: Final = frozenset({"message", "webhook"})
"""What is no reason to buy anything."""
_ABOUT_THE_MEMBER: Final = ("member.", "history.")
_KNOWN: Final = (*_ABOUT_THE_MEMBER, "moment.")
_SOME_ACTIVITY: Final = ActivityFacts(kind="sale")


class Usable(msgspec.Struct, frozen=True):
    """A campaign that the member could use; `left` is what the activity must be like, None for any."""

    campaign: CompiledCampaign
    left: Node | None

    @property
    def is_personal(self) -> bool:
        """Whether it is not for everybody: by its audience, or by what it asks about the member."""
        asked = leaves(self.campaign.definition.conditions)
        return not self.campaign.definition.audience.is_everyone or any(
            leaf.fact.key.startswith(_ABOUT_THE_MEMBER) for leaf in asked
        )


def could_be_used(campaigns: Iterable[CompiledCampaign]) -> list[CompiledCampaign]:
    """Those that give something to whoever does something, whoever that may be."""
    return [
        campaign
        for campaign in campaigns
        if campaign.definition.trigger.kind in TRIGGERS and _seen(campaign.definition.effects)
    ]


def usable(
    campaigns: Iterable[CompiledCampaign], *, member: MemberFacts, moment: Moment, usage: Usage
) -> list[Usable]:
    """The campaigns that some activity of the member would meet at that moment; `usage` is what they gave."""
    facts = Facts(activity=_SOME_ACTIVITY, member=member, moment=moment)
    found = []
    for campaign in campaigns:
        rule = campaign.definition
        runs = rule.schedule.predicate()
        if (
            (runs is not None and not runs(facts))
            or not rule.audience.has(member)
            or rule.audience.holds_out(campaign.key, member)
            or _is_used_up(campaign.key, rule.limits, moment, usage)
        ):
            continue
        left = True if rule.conditions is None else _left(rule.conditions, facts)
        if left is not False:
            found.append(Usable(campaign, None if left is True else left))
    return found


def _left(node: Node, facts: Facts) -> Node | bool:
    """Whether the conditions hold whatever the activity is like, never do, or what it then has to be like."""
    if isinstance(node, Leaf):
        return conditions.compile(node)(facts) if node.fact.key.startswith(_KNOWN) else node
    decides = node.kind != "all"
    open_ones: list[Node] = []
    for child in node.children:
        left = _left(child, facts)
        if isinstance(left, bool):
            if left is decides:
                return node.kind == "any"
        else:
            open_ones.append(left)
    if not open_ones:
        return node.kind != "any"
    if len(open_ones) == 1 and node.kind != "none":
        return open_ones[0]
    return Group(node.kind, tuple(open_ones))


def _is_used_up(key: str, limits: Limits, moment: Moment, usage: Usage) -> bool:
    for limit in limits.per_member:
        times, points = usage.counted(key, period_key(limit.period, moment.local))
        if (limit.times is not None and times >= limit.times) or (
            limit.points is not None and points >= limit.points
        ):
            return True
    return any(usage.left_of(key, limit) <= 0 for limit in limits.in_all)


def _seen(effects: Iterable[Effect]) -> tuple[Effect, ...]:
    return tuple(
        effect for effect in effects if not (isinstance(effect, GiftEffect) and effect.kind in _UNSEEN)
    )


def said(found: Usable, variant: Variant | None, *, currency: str, rounding: str) -> Reason | None:
    """
    What a member has to do for what; None if that variant of the campaign gives nothing to speak of.

    `variant` is the member's, see `Definition.variant_of()`.
    """
    campaign = found.campaign
    effects = campaign.definition.effects
    seen = _seen(effects if variant is None else [effects[column] for column in variant.columns])
    if not seen:
        return None
    gives = phrases.of_effects(seen, currency=currency, rounding=rounding)
    occasion = phrases.every(campaign.definition.trigger)
    if found.left is not None:
        left = phrases.of_node(found.left, currency=currency)
        occasion = Reason("then", {"first": occasion, "last": left})
    return Reason("sentence", {"what": occasion, "effects": gives})


def names(campaigns: Iterable[CompiledCampaign]) -> frozenset[tuple[str, str]]:
    """What is named, by kind and key, when it is told of these."""
    found: set[tuple[str, str]] = set()
    for campaign in campaigns:
        found.add(("campaign", campaign.key))
        found |= _named(campaign)
    return frozenset(found)


@lru_cache(maxsize=1024)
def _named(campaign: CompiledCampaign) -> frozenset[tuple[str, str]]:
    effects = _seen(campaign.definition.effects)
    return phrases.of_effects(effects, currency="", rounding="down").keys()
