"""Which campaigns an activity meets, and what they give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from rewards.engine import conditions, limits, tally
from rewards.engine.definition import Definition, parse
from rewards.engine.facts import Facts, KnownFacts
from rewards.engine.limits import NOTHING_USED, Usage
from rewards.engine.operators import Predicate
from rewards.engine.outcome import NOTHING, Award, Outcome

__all__ = ["Asks", "Award", "CompiledCampaign", "Outcome", "Rulebook", "compile_campaign", "evaluate", "run"]


class Asks(msgspec.Struct, frozen=True):
    """
    What must be known of a member, beside what is always known, before an activity is evaluated.

    `segments`: which of these the member is in. `history`: keys of `rewards.engine.history`.
    `limited`: campaigns of which must be known what they gave before.
    """

    segments: frozenset[str] = frozenset()
    history: frozenset[str] = frozenset()
    limited: tuple[CompiledCampaign, ...] = ()


class CompiledCampaign(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """
    A campaign version, ready to be run. `applies` leaves only the trigger to be looked at.

    A campaign that `is_free` gives the same to everybody, whatever others give or it gave before.
    """

    version_id: UUID
    key: str
    name: str
    definition: Definition
    applies: Predicate
    placed: tally.Placed
    is_free: bool

    @property
    def is_limited(self) -> bool:
        """Whether it must be known what it gave before."""
        return self.definition.limits.are_counted


def compile_campaign(
    *, version_id: UUID, campaign_key: str, name: str, definition: Mapping[str, Any]
) -> CompiledCampaign:
    """
    A campaign version made ready to be run many times; worth keeping, as it costs a millisecond.

    :raises InvalidDefinition: with everything that is wrong
    """
    read = parse(definition)
    return CompiledCampaign(
        version_id=version_id,
        key=campaign_key,
        name=name,
        definition=read,
        applies=_compile(campaign_key, read),
        placed=tally.placed(read.effects),
        is_free=read.limits == limits.NONE and not read.stacking.group and not read.variants,
    )


def _compile(campaign_key: str, definition: Definition) -> Predicate:
    """What is quick to ask comes first; who is held out is only asked of those who meet all else."""
    asked = (
        definition.schedule.predicate(),
        definition.trigger.predicate(),
        definition.audience.predicate(),
        None if definition.conditions is None else conditions.compile(definition.conditions),
        _treated(campaign_key, definition),
    )
    parts = tuple(part for part in asked if part is not None)
    return conditions.every(parts) if parts else _always


def _always(facts: KnownFacts) -> bool:
    return True


def _treated(campaign_key: str, definition: Definition) -> Predicate | None:
    whom = definition.audience
    if not whom.control_percent:
        return None

    def is_treated(facts: Any) -> bool:
        return not whom.holds_out(campaign_key, facts.member)

    return is_treated


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
            listening[campaign.definition.trigger.listens_to].append((campaign.applies, campaign))
        self._listening = dict(listening)
        self._asks: dict[tuple[str, str], Asks] = {}

    def __iter__(self) -> Iterator[CompiledCampaign]:
        return iter(self.campaigns)

    def matching(self, facts: Facts) -> list[CompiledCampaign]:
        """The campaigns whose trigger, schedule and conditions the activity meets."""
        activity = facts.activity
        rules = self._listening.get((activity.kind, activity.event_type), ())
        return [campaign for applies, campaign in rules if applies(facts)]

    def listens_to(self, kind: str, event_type: str = "") -> bool:
        """Whether any campaign may give something for such activities."""
        return (kind, event_type) in self._listening

    def asks(self, kind: str, event_type: str = "") -> Asks:
        """What must be known before such an activity is evaluated."""
        listened = (kind, event_type)
        if listened not in self._asks:
            campaigns = [campaign for _, campaign in self._listening.get(listened, ())]
            self._asks[listened] = Asks(
                segments=frozenset().union(*(campaign.definition.segments for campaign in campaigns)),
                history=frozenset().union(*(campaign.definition.history for campaign in campaigns)),
                limited=tuple(campaign for campaign in campaigns if campaign.is_limited),
            )
        return self._asks[listened]


def run(
    campaigns: Rulebook | Iterable[CompiledCampaign],
    facts: Facts,
    *,
    rounding: str,
    usage: Usage = NOTHING_USED,
) -> Outcome:
    """
    What the campaigns give for the activity; never awards of no points.

    The order of the campaigns does not matter. `rounding` is "down", "half_up" or "up"; `usage` says
    what campaigns with limits gave before. A plain collection is made a `Rulebook` first; keep one
    if there are many activities.

    :raises TooManyPoints: if an award is too big to be booked
    """
    rulebook = campaigns if isinstance(campaigns, Rulebook) else Rulebook(campaigns)
    matching = rulebook.matching(facts)
    return tally.settle(matching, facts, rounding=rounding, usage=usage) if matching else NOTHING


def evaluate(
    campaigns: Rulebook | Iterable[CompiledCampaign],
    facts: Facts,
    *,
    rounding: str,
    usage: Usage = NOTHING_USED,
) -> tuple[Award, ...]:
    """The awards of `run()`."""
    return run(campaigns, facts, rounding=rounding, usage=usage).awards
