"""
What a member could use: campaigns that an activity of theirs would meet now, and what it has to be like.

Of a campaign's conditions, those about the member and the moment are decided; those about the purchase are
left, and are what can be told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final

import msgspec

from rewards.engine import conditions, phrases
from rewards.engine.conditions import Group, Leaf, Node, leaves
from rewards.engine.definition import Definition, Variant
from rewards.engine.effects import Effect, FixedPoints
from rewards.engine.evaluate import CompiledCampaign
from rewards.engine.facts import ActivityFacts, Facts, MemberFacts, Moment
from rewards.engine.gifts import GiftEffect
from rewards.engine.limits import NONE as NO_LIMITS
from rewards.engine.limits import Limits, Usage, period_key
from rewards.engine.reasons import Reason

TRIGGERS: Final = frozenset({"sale", "event", "check_in"})
"""What members and shops do. What happens by itself, such as a birthday, is nothing to be made use of."""

_UNSEEN: Final = frozenset({"message", "webhook"})
"""What is no reason to buy anything."""
_ABOUT_THE_MEMBER: Final = ("member.", "history.")
_KNOWN: Final = (*_ABOUT_THE_MEMBER, "moment.")
_SOME_ACTIVITY: Final = ActivityFacts(kind="sale")


class Usable(msgspec.Struct, frozen=True, eq=False):
    """
    A campaign that the member could use; `left` is what the activity must be like, None for any.

    It `is_personal` if it is not for everybody: by its audience, or by what it asks about the member.
    """

    campaign: CompiledCampaign
    left: Node | None
    is_personal: bool

    @property
    def group(self) -> str:
        """The exclusion group of which one gives; empty if it is in none."""
        return self.campaign.definition.stacking.group


def could_be_used(campaigns: Iterable[CompiledCampaign]) -> list[CompiledCampaign]:
    """Those that give something to whoever does something, whoever that may be."""
    return [
        campaign
        for campaign in campaigns
        if campaign.definition.trigger.kind in TRIGGERS and _seen(campaign.definition.effects)
    ]


_Asked = Callable[[Facts, Usage], bool]
_WAYS_KEPT: Final = 64
"""Of a campaign, by what it asks about the member and the moment. Most have one or two."""


class Candidate:
    """
    A campaign that somebody could use, with all worked out that does not depend on who and when.

    Worth keeping: most campaigns ask nothing about the member, and cost next to nothing then.
    """

    def __init__(self, campaign: CompiledCampaign) -> None:
        rule = campaign.definition
        self.campaign = campaign
        self._asked = tuple(_asked_first(campaign))
        every_leaf = tuple(dict.fromkeys(leaves(rule.conditions)))
        self._known = tuple(leaf for leaf in every_leaf if leaf.fact.key.startswith(_KNOWN))
        self._holds = tuple(conditions.compile(leaf) for leaf in self._known)
        self._is_personal = not rule.audience.is_everyone or any(
            leaf.fact.key.startswith(_ABOUT_THE_MEMBER) for leaf in every_leaf
        )
        self._way = lru_cache(maxsize=_WAYS_KEPT)(self._worked_out)

    def usable(self, facts: Facts, usage: Usage) -> Usable | None:
        """What is left of it for that member, the same object for all of whom the same is left."""
        for is_met in self._asked:
            if not is_met(facts, usage):
                return None
        return self._way(tuple(bool(holds(facts)) for holds in self._holds) if self._holds else ())

    def _worked_out(self, answers: tuple[bool, ...]) -> Usable | None:
        tree = self.campaign.definition.conditions
        left = True if tree is None else _left(tree, dict(zip(self._known, answers, strict=True)))
        if left is False:
            return None
        return Usable(self.campaign, None if left is True else left, self._is_personal)


def _asked_first(campaign: CompiledCampaign) -> Iterable[_Asked]:
    """What is asked before the conditions: the schedule, the audience, and what the campaign gave before."""
    rule = campaign.definition
    if runs := rule.schedule.predicate():
        yield lambda facts, usage: runs(facts)
    if not rule.audience.is_everyone:
        yield lambda facts, usage: rule.audience.has(facts.member)
    if rule.audience.control_percent:
        yield lambda facts, usage: not rule.audience.holds_out(campaign.key, facts.member)
    if rule.limits.are_counted:
        yield lambda facts, usage: not _is_used_up(campaign.key, rule.limits, facts.moment, usage)


def usable(
    candidates: Iterable[Candidate], *, member: MemberFacts, moment: Moment, usage: Usage
) -> tuple[Usable, ...]:
    """The campaigns that some activity of the member would meet at that moment; `usage` is what they gave."""
    facts = Facts(activity=_SOME_ACTIVITY, member=member, moment=moment)
    found = [one for candidate in candidates if (one := candidate.usable(facts, usage)) is not None]
    return tuple(one for one in found if not _is_always_beaten(one, found))


def _is_always_beaten(one: Usable, found: Iterable[Usable]) -> bool:
    """
    Whether another of its group gives whenever this one would.

    That is one that comes before it in a group of which the first gives, asks nothing of the activity or
    just the same, gives points for any activity, and has no limit that could be in the way.
    """
    if not one.group:
        return False
    group = [other for other in found if other.group == one.group]
    if not all(_rule_of(other).stacking.chooses_first for other in group):
        return False
    return any(
        _rank(other) < _rank(one)
        and _rule_of(other).trigger == _rule_of(one).trigger
        and (other.left is None or other.left == one.left)
        and _always_gives(other)
        for other in group
    )


def _always_gives(found: Usable) -> bool:
    rule = _rule_of(found)
    is_free = rule.limits == NO_LIMITS and not rule.variants
    return is_free and any(isinstance(effect, FixedPoints) for effect in rule.effects)


def _rule_of(found: Usable) -> Definition:
    return found.campaign.definition


def _rank(found: Usable) -> tuple[int, str]:
    """As the engine puts them in order: the higher priority first, then by key."""
    return -_rule_of(found).stacking.priority, found.campaign.key


def instead_of(found: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """
    Of offers (as the campaign's key and its exclusion group) those that each cannot be had together with.

    One of a group gives for each activity: whoever is told of several is told that they are alternatives.
    """
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key, group in found:
        if group:
            groups[group].append(key)
    return {
        key: tuple(sorted(other for other in keys if other != key))
        for keys in groups.values()
        for key in keys
    }


def _left(node: Node, answers: Mapping[Leaf, bool]) -> Node | bool:
    """Whether the conditions hold whatever the activity is like, never do, or what it then has to be like."""
    if isinstance(node, Leaf):
        return answers.get(node, node)
    decides = node.kind != "all"
    open_ones: list[Node] = []
    for child in node.children:
        left = _left(child, answers)
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


def said(
    campaign: CompiledCampaign, left: Node | None, variant: Variant | None, *, currency: str, rounding: str
) -> Reason | None:
    """
    What a member has to do for what; None if that variant of the campaign gives nothing to speak of.

    `left` is what the activity has to be like, see `Usable`; `variant` is the member's, see
    `Definition.variant_of()`.
    """
    effects = campaign.definition.effects
    seen = _seen(effects if variant is None else [effects[column] for column in variant.columns])
    if not seen:
        return None
    gives = phrases.of_effects(seen, currency=currency, rounding=rounding)
    occasion = phrases.every(campaign.definition.trigger)
    if left is not None:
        asked = phrases.of_node(left, currency=currency)
        occasion = Reason("then", {"first": occasion, "last": asked})
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
