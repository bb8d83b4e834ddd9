"""Which campaigns an activity meets, and what they give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from rewards.engine import conditions
from rewards.engine.definition import Definition, parse
from rewards.engine.effects import Effect, Grant
from rewards.engine.facts import Facts, KnownFacts
from rewards.engine.operators import Predicate
from rewards.engine.reasons import Reason
from rewards.engine.timing import Expiry, Pending


class Award(msgspec.Struct, frozen=True, kw_only=True):
    """
    Points that one effect of a campaign version gives for one activity, and why.

    `effect` is the effect's place in the definition. `line_points` says how much is for which
    line where the effect looks at lines, and is None where it is for the activity as a whole.
    `expiry` and `pending` are what the effect says of them; None leaves it to others.
    """

    campaign_key: str
    version_id: UUID
    effect: int
    wallet_type: str
    points: int
    reason: Reason
    is_base: bool
    line_points: Mapping[str, int] | None = None
    expiry: Expiry | None = None
    pending: Pending | None = None


class CompiledCampaign(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A campaign version, ready to be run. `applies` leaves only the trigger to be looked at."""

    version_id: UUID
    key: str
    name: str
    definition: Definition
    applies: Predicate


def compile_campaign(
    *, version_id: UUID, campaign_key: str, name: str, definition: Mapping[str, Any]
) -> CompiledCampaign:
    """
    A campaign version made ready to be run many times; worth keeping, as it costs a millisecond.

    :raises InvalidDefinition: with everything that is wrong
    """
    read = parse(definition)
    return CompiledCampaign(
        version_id=version_id, key=campaign_key, name=name, definition=read, applies=_compile(read)
    )


def _compile(definition: Definition) -> Predicate:
    met = None if definition.conditions is None else conditions.compile(definition.conditions)
    if definition.starts_at is not None or definition.ends_at is not None:
        return _scheduled(definition.starts_at, definition.ends_at, met)
    return met or _always


def _always(facts: KnownFacts) -> bool:
    return True


def _scheduled(starts_at: datetime | None, ends_at: datetime | None, met: Predicate | None) -> Predicate:
    def applies(facts: Any) -> bool:
        instant = facts.instant
        if starts_at is not None and instant < starts_at:
            return False
        if ends_at is not None and instant >= ends_at:
            return False
        return met is None or met(facts)

    return applies


class Rulebook:
    """
    The campaign versions in force, by what they listen to and in the order of their keys.

    Made once and used for many activities. A campaign that listens to something else costs nothing.
    """

    def __init__(self, campaigns: Iterable[CompiledCampaign]) -> None:
        """:raises ValueError: if two of them are versions of one campaign"""
        self.campaigns = tuple(sorted(campaigns, key=lambda campaign: campaign.key))
        if len({campaign.key for campaign in self.campaigns}) < len(self.campaigns):
            raise ValueError("a rulebook holds one version of a campaign at most")
        listening: defaultdict[tuple[str, str], list[tuple[Predicate, CompiledCampaign]]] = defaultdict(list)
        for campaign in self.campaigns:
            trigger = campaign.definition.trigger
            listening[trigger.kind, trigger.event_type].append((campaign.applies, campaign))
        self._listening = dict(listening)

    def __iter__(self) -> Iterator[CompiledCampaign]:
        return iter(self.campaigns)

    def matching(self, facts: Facts) -> list[CompiledCampaign]:
        """The campaigns whose trigger, schedule and conditions the activity meets."""
        activity = facts.activity
        rules = self._listening.get((activity.kind, activity.event_type), ())
        return [campaign for applies, campaign in rules if applies(facts)]


def evaluate(
    campaigns: Rulebook | Iterable[CompiledCampaign], facts: Facts, *, rounding: str
) -> tuple[Award, ...]:
    """
    What the campaigns give for the activity, in the order of their keys; never awards of no points.

    The order of the campaigns does not matter. `rounding` is "down", "half_up" or "up". A plain
    collection is made a `Rulebook` first; keep one if there are many activities.

    :raises TooManyPoints: if an award is too big to be booked
    """
    rulebook = campaigns if isinstance(campaigns, Rulebook) else Rulebook(campaigns)
    matching = rulebook.matching(facts)
    return _awards(matching, facts, rounding) if matching else ()


def _awards(matching: list[CompiledCampaign], facts: Facts, rounding: str) -> tuple[Award, ...]:
    """Base effects come first, since the others may multiply what they give."""
    base: defaultdict[str, int] = defaultdict(int)
    awards: list[Award] = []
    for campaign, column, effect in _effects(matching, are_base=True):
        grant = effect.grant(facts, rounding=rounding, base=base)
        base[effect.wallet_type] += grant.points
        awards.append(_award(campaign, column, grant))
    for campaign, column, effect in _effects(matching, are_base=False):
        awards.append(_award(campaign, column, effect.grant(facts, rounding=rounding, base=base)))
    awards.sort(key=lambda award: (award.campaign_key, award.effect))
    return tuple(award for award in awards if award.points)


def _effects(
    matching: list[CompiledCampaign], *, are_base: bool
) -> Iterator[tuple[CompiledCampaign, int, Effect]]:
    for campaign in matching:
        for column, effect in enumerate(campaign.definition.effects):
            if effect.is_base is are_base:
                yield campaign, column, effect


def _award(campaign: CompiledCampaign, column: int, grant: Grant) -> Award:
    effect = campaign.definition.effects[column]
    return Award(
        campaign_key=campaign.key,
        version_id=campaign.version_id,
        effect=column,
        wallet_type=effect.wallet_type,
        points=grant.points,
        reason=grant.reason,
        is_base=effect.is_base,
        line_points=grant.line_points,
        expiry=effect.expiry,
        pending=effect.pending,
    )
