"""
From campaigns that an activity meets to what they give: who gives at all, how much, within which limits.

Base effects come first, since others multiply what they give; then what is given as such; then
multipliers. Where campaigns exclude each other, what each would give without the others decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from rewards.engine.effects import Effect, Given, Grant, Points, checked, respread
from rewards.engine.facts import Facts
from rewards.engine.gifts import GiftEffect
from rewards.engine.limits import Usage
from rewards.engine.outcome import Award, Gift, Outcome, Use
from rewards.engine.reasons import Reason
from rewards.engine.room import Room

if TYPE_CHECKING:
    from rewards.engine.evaluate import CompiledCampaign


class Placed(msgspec.Struct, frozen=True):
    """
    The effects of a campaign, each with its place in the definition, in the order in which they count.

    `points`: base points, other points, multiples of those. `gifts`: what is no points.
    """

    points: tuple[tuple[tuple[int, Points], ...], ...]
    gifts: tuple[tuple[int, GiftEffect], ...]


def placed(effects: Sequence[Effect]) -> Placed:
    points: tuple[list[tuple[int, Points]], ...] = ([], [], [])
    gifts: list[tuple[int, GiftEffect]] = []
    for column, effect in enumerate(effects):
        if isinstance(effect, GiftEffect):
            gifts.append((column, effect))
        else:
            points[0 if effect.is_base else 2 if effect.multiplies else 1].append((column, effect))
    return Placed(tuple(map(tuple, points)), tuple(gifts))


def settle(matching: Sequence[CompiledCampaign], facts: Facts, *, rounding: str, usage: Usage) -> Outcome:
    """
    What campaigns give for an activity that all of them meet, in the order of their keys.

    :raises TooManyPoints: if an award is too big to be booked
    """
    if all(campaign.is_free for campaign in matching):
        return _freely(matching, facts, rounding)
    entrants = [Entrant(campaign, facts) for campaign in matching]
    refusals: dict[str, Reason] = {}
    admitted = [entrant for entrant in entrants if _is_admitted(entrant, facts, usage, refusals)]
    chosen = _chosen(admitted, facts, rounding, usage, refusals)
    tally = _Tally(chosen, facts, rounding, usage)
    while refused := [entrant for entrant in chosen if tally.rooms[entrant.key].is_refused]:
        refusals |= {entrant.key: Reason("budget_is_not_enough") for entrant in refused}
        chosen = [entrant for entrant in chosen if entrant.key not in refusals]
        tally = _Tally(chosen, facts, rounding, usage)
    return _outcome(tally, refusals)


def _freely(matching: Sequence[CompiledCampaign], facts: Facts, rounding: str) -> Outcome:
    """What campaigns give that nothing bounds. It does what `_Tally` does, for a fraction of the cost."""
    base: defaultdict[str, int] = defaultdict(int)
    by_campaign: defaultdict[tuple[str, str], int] = defaultdict(int)
    given = Given(base, by_campaign)
    awards: list[Award] = []
    for phase in range(3):
        for campaign in matching:
            for column, effect in campaign.placed.points[phase]:
                grant = effect.grant(facts, rounding=rounding, given=given)
                if not grant.points:
                    continue
                awards.append(_awarded(campaign, column, effect, grant))
                if phase == 0:
                    base[effect.wallet_type] += grant.points
                if phase < 2:
                    by_campaign[campaign.key, effect.wallet_type] += grant.points
    awards.sort(key=_place)
    gifts = [
        _gift(campaign, column, effect) for campaign in matching for column, effect in campaign.placed.gifts
    ]
    return Outcome(awards=tuple(awards), gifts=tuple(gifts)) if gifts else Outcome(awards=tuple(awards))


def _place(award: Award) -> tuple[str, int]:
    return award.campaign_key, award.effect


def _awarded(
    campaign: CompiledCampaign, column: int, effect: Points, grant: Grant, variant: str = ""
) -> Award:
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
        variant=variant,
    )


def _gift(campaign: CompiledCampaign, column: int, effect: GiftEffect, variant: str = "") -> Gift:
    return Gift(
        campaign_key=campaign.key,
        version_id=campaign.version_id,
        effect=column,
        kind=effect.kind,
        parameters=effect.parameters,
        variant=variant,
    )


class Entrant:
    """A campaign that takes part, with the effects that this member gets of it."""

    def __init__(self, campaign: CompiledCampaign, facts: Facts) -> None:
        definition = campaign.definition
        variant = definition.variant_of(campaign.key, facts.member.id)
        self.campaign = campaign
        self.key = campaign.key
        self.variant = variant.key if variant else ""
        self.columns = variant.columns if variant else range(len(definition.effects))

    @property
    def effects(self) -> Iterator[tuple[int, Effect]]:
        for column in self.columns:
            yield column, self.campaign.definition.effects[column]

    @property
    def points_effects(self) -> Iterator[tuple[int, Points]]:
        for column, effect in self.effects:
            if not isinstance(effect, GiftEffect):
                yield column, effect

    @property
    def wallet_type(self) -> str:
        """The kind of points that its limits count: that of its first effect; empty if it gives none."""
        return next((effect.wallet_type for _, effect in self.points_effects), "")

    @property
    def rank(self) -> tuple[int, str]:
        """The higher priority first, then by key."""
        return -self.campaign.definition.stacking.priority, self.key

    def room(self, usage: Usage) -> Room:
        limits = self.campaign.definition.limits
        return Room(self.key, limits, wallet_type=self.wallet_type, usage=usage)


def _is_admitted(entrant: Entrant, facts: Facts, usage: Usage, refusals: dict[str, Reason]) -> bool:
    refusal = entrant.room(usage).enter(facts.moment.local, currency=facts.activity.currency)
    if refusal is not None:
        refusals[entrant.key] = refusal
    return refusal is None


def _chosen(
    admitted: Sequence[Entrant], facts: Facts, rounding: str, usage: Usage, refusals: dict[str, Reason]
) -> list[Entrant]:
    """Those that give: of each group one."""
    chosen = [entrant for entrant in admitted if not entrant.campaign.definition.stacking.group]
    groups: defaultdict[str, list[Entrant]] = defaultdict(list)
    for entrant in admitted:
        if group := entrant.campaign.definition.stacking.group:
            groups[group].append(entrant)
    free = tuple(chosen)
    for group, candidates in sorted(groups.items()):
        winner = _winner(candidates, free, facts, rounding, usage)
        chosen.append(winner)
        beaten = Reason("another_gives", {"winner": winner.campaign.name or winner.key, "group": group})
        refusals |= {entrant.key: beaten for entrant in candidates if entrant is not winner}
    return sorted(chosen, key=lambda entrant: entrant.key)


def _winner(
    candidates: list[Entrant], free: Sequence[Entrant], facts: Facts, rounding: str, usage: Usage
) -> Entrant:
    """The first that gives anything, or the one that gives most, each beside the free ones."""
    in_order = sorted(candidates, key=lambda entrant: entrant.rank)
    if len(in_order) == 1:
        return in_order[0]

    def worth(entrant: Entrant) -> tuple[int, int]:
        tally = _Tally([*free, entrant], facts, rounding, usage)
        if tally.rooms[entrant.key].is_refused:
            return -1, 0
        gifts = sum(isinstance(effect, GiftEffect) for _, effect in entrant.effects)
        return sum(award.points for award in tally.awards if award.campaign_key == entrant.key), gifts

    if in_order[0].campaign.definition.stacking.chooses_first:
        return next((entrant for entrant in in_order if worth(entrant) > (0, 0)), in_order[0])
    return max(in_order, key=worth)


class _Tally:
    """The awards of these campaigns together, within what the limits of each leave."""

    def __init__(self, entrants: Sequence[Entrant], facts: Facts, rounding: str, usage: Usage) -> None:
        self.entrants = entrants
        self.facts = facts
        self.rooms = {entrant.key: entrant.room(usage) for entrant in entrants}
        self.usage = usage
        self.base: defaultdict[str, int] = defaultdict(int)
        self.by_campaign: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.awards: list[Award] = []
        for room in self.rooms.values():
            room.enter(facts.moment.local, currency=facts.activity.currency)
        given = Given(self.base, self.by_campaign)
        for phase in range(3):
            for entrant in entrants:
                for column, effect in entrant.campaign.placed.points[phase]:
                    if column in entrant.columns:
                        self._award(entrant, column, effect, given, rounding)
        for entrant in entrants:
            if at_least := entrant.campaign.definition.limits.at_least:
                self._top_up(entrant, at_least)

    def _award(self, entrant: Entrant, column: int, effect: Points, given: Given, rounding: str) -> None:
        grant = effect.grant(self.facts, rounding=rounding, given=given)
        points = self.rooms[entrant.key].take(effect.wallet_type, grant.points)
        award = _awarded(entrant.campaign, column, effect, grant, entrant.variant)
        if points < grant.points:
            award = _with(award, points, Reason("cut", {"why": grant.reason, "points": points}))
        self.awards.append(award)
        if effect.is_base:
            self.base[effect.wallet_type] += points
        if not effect.multiplies:
            self.by_campaign[entrant.key, effect.wallet_type] += points

    def _top_up(self, entrant: Entrant, at_least: int) -> None:
        """What is lacking to the least that the campaign gives goes to the first award of its own points."""
        own = [
            place
            for place, award in enumerate(self.awards)
            if award.campaign_key == entrant.key and award.wallet_type == entrant.wallet_type
        ]
        lacking = at_least - sum(self.awards[place].points for place in own)
        if lacking > 0 and own:
            award = self.awards[own[0]]
            points = award.points + self.rooms[entrant.key].take(entrant.wallet_type, lacking)
            reason = Reason("topped_up", {"why": award.reason, "points": at_least})
            self.awards[own[0]] = _with(award, checked(points), reason)


def _with(award: Award, points: int, reason: Reason) -> Award:
    line_points = None if award.line_points is None else respread(award.line_points, points) or None
    return replace(award, points=points, reason=reason, line_points=line_points)


def _outcome(tally: _Tally, refusals: dict[str, Reason]) -> Outcome:
    awards = sorted((award for award in tally.awards if award.points), key=_place)
    gifts = tuple(gift for entrant in tally.entrants for gift in _gifts(entrant))
    uses = []
    for entrant in tally.entrants:
        if not entrant.campaign.is_limited:
            continue
        own = [award for award in awards if award.campaign_key == entrant.key]
        if own or any(gift.campaign_key == entrant.key for gift in gifts):
            uses.append(_use(entrant, own, tally.usage))
        elif tally.rooms[entrant.key].is_cut_by_budget:
            refusals[entrant.key] = Reason("budget_is_not_enough")
    return Outcome(awards=tuple(awards), gifts=gifts, uses=tuple(uses), refusals=refusals)


def _gifts(entrant: Entrant) -> Iterator[Gift]:
    for column, effect in entrant.campaign.placed.gifts:
        if column in entrant.columns:
            yield _gift(entrant.campaign, column, effect, entrant.variant)


def _use(entrant: Entrant, awards: Sequence[Award], usage: Usage) -> Use:
    values = usage.point_values
    return Use(
        campaign_key=entrant.key,
        version_id=entrant.campaign.version_id,
        points=sum(award.points for award in awards if award.wallet_type == entrant.wallet_type),
        cost=sum((award.points * values.get(award.wallet_type, Decimal(0)) for award in awards), Decimal(0)),
        variant=entrant.variant,
    )
