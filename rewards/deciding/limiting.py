"""
Limits of campaigns in one attempt: what they leave, and what the attempt uses of it.

Most sales are far from any limit. So campaigns are run once as if budgets had plenty, and what
they would give is compared with what lies in the slot that was read with the sale. Only if that
does not do, the other slots are read as well, and all is run again with what is really left.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

from loyalty.core.db import Batch
from rewards.deciding.counting import Count, Counts
from rewards.deciding.drawing import Purses, Slot
from rewards.deciding.rules import Rules
from rewards.engine.evaluate import CompiledCampaign, Outcome, Rulebook, run
from rewards.engine.facts import Facts
from rewards.engine.limits import NOTHING_USED, InAll, Left, Usage
from rewards.engine.outcome import Use

LIMIT_RACES: Final = ("one_count_per_member_campaign_and_period", "a_budget_is_never_overshot")
"""Constraints by which two activities meet that use the same limit."""
PLENTY: Final[Mapping[str, Left]] = {"times": 10**12, "points": 2**53, "money": Decimal(10) ** 12}


class Limits:
    """What an attempt knows of limits: as it was loaded, and as what was decided since has left it."""

    def __init__(self, rules: Rules, *, program_id: UUID, own_slot: int, budgets: Iterable[UUID]) -> None:
        self._rules = rules
        self._budgets = frozenset(budgets)
        self.counts = Counts(program_id)
        self.purses = Purses(own=own_slot, empty=rules.empty_budgets)

    def know(self, member_id: UUID, *, counts: Iterable[Count], slots: Iterable[Slot]) -> None:
        """Take into account what was loaded with one activity."""
        self.counts.know(member_id, counts)
        self.purses.know(slots)

    def hold(self) -> None:
        """Lock all budgets that may be drawn from, so that what is decided now can be written."""
        self.purses.open(self._budgets, is_locking=True)

    def run(
        self,
        campaigns: Rulebook,
        facts: Facts,
        *,
        rounding: str,
        member_id: UUID,
        costs: Mapping[str, Decimal],
    ) -> tuple[Outcome, Usage]:
        """
        What the campaigns give within their limits, and the usage by which the same can be computed again.

        :raises rewards.engine.effects.TooManyPoints: if an award is too big to be booked
        """
        limited = campaigns.asks(facts.activity.kind, facts.activity.event_type).limited
        if not limited:
            return run(campaigns, facts, rounding=rounding), NOTHING_USED
        now = _Now(self, limited, facts.moment.local, member_id, costs)
        outcome = run(campaigns, facts, rounding=rounding, usage=now.usage(hopes=True))
        if now.lacking(outcome.uses):
            self.purses.open(self._budgets)
            lacking = now.lacking(outcome.uses)
            self.purses.short |= lacking
            if lacking:
                outcome = run(campaigns, facts, rounding=rounding, usage=now.usage())
        named = frozenset(use.campaign_key for use in outcome.uses) | outcome.refusals.keys()
        return outcome, now.usage().of(frozenset(named & now.limited.keys()))

    def usage(
        self, campaigns: Rulebook, facts: Facts, *, member_id: UUID, costs: Mapping[str, Decimal]
    ) -> Usage:
        """What is left of all that campaigns may give for such an activity, whether or not they would."""
        limited = campaigns.asks(facts.activity.kind, facts.activity.event_type).limited
        if not limited:
            return NOTHING_USED
        self.purses.open(self._budgets)
        return _Now(self, limited, facts.moment.local, member_id, costs).usage()

    def take(self, campaigns: Rulebook, uses: Iterable[Use], *, local: datetime, member_id: UUID) -> None:
        """Count what was given, and draw it from the budgets."""
        by_key = {campaign.key: campaign for campaign in campaigns}
        for use in uses:
            limits = by_key[use.campaign_key].definition.limits
            campaign_id = self._rules.campaign_ids[use.campaign_key]
            for period in limits.periods(local):
                self.counts.add(member_id, campaign_id, period, times=use.times, points=use.points)
            for limit in limits.in_all:
                self.purses.draw(self.budget(use.campaign_key, limit), amount(use, limit))

    def budget(self, campaign_key: str, limit: InAll) -> UUID:
        return self._rules.budgets[self._rules.campaign_ids[campaign_key], limit.unit]

    def add_to(self, batch: Batch) -> None:
        self.counts.add_to(batch)
        self.purses.add_to(batch)


class _Now:
    """The limits of the campaigns that listen to one activity of one member."""

    def __init__(
        self,
        limits: Limits,
        limited: Iterable[CompiledCampaign],
        local: datetime,
        member_id: UUID,
        costs: Mapping[str, Decimal],
    ) -> None:
        self.limits = limits
        self.limited = {campaign.key: campaign for campaign in limited}
        self.costs = costs
        self.counters = dict(self._counters(local, member_id))

    def _counters(self, local: datetime, member_id: UUID) -> Iterator[tuple[str, tuple[int, int]]]:
        for key, campaign in self.limited.items():
            campaign_id = self.limits._rules.campaign_ids[key]
            for period in campaign.definition.limits.periods(local):
                yield f"{key}/{period}", self.limits.counts.of(member_id, campaign_id, period)

    def usage(self, *, hopes: bool = False) -> Usage:
        """What was used and is left; one that hopes takes for plenty what is not known to be at its end."""
        left = {
            f"{key}/{limit.unit}": self._left(key, limit, hopes=hopes)
            for key, campaign in self.limited.items()
            for limit in campaign.definition.limits.in_all
        }
        return Usage(counters=self.counters, left=left, point_values=self.costs)

    def _left(self, key: str, limit: InAll, *, hopes: bool) -> Left:
        budget = self.limits.budget(key, limit)
        left = self.limits.purses.left(budget)
        if hopes and (left > 0 or not self.limits.purses.is_whole(budget)):
            return PLENTY[limit.unit]
        return left if limit.unit == "money" else int(left)

    def lacking(self, uses: Iterable[Use]) -> set[UUID]:
        """The budgets of which too little is known to be left for these."""
        return {
            budget
            for use in uses
            for limit in self.limited[use.campaign_key].definition.limits.in_all
            for budget in [self.limits.budget(use.campaign_key, limit)]
            if (left := self.limits.purses.left(budget)) <= 0 or amount(use, limit) > left
        }


def amount(use: Use, limit: InAll) -> Decimal:
    """What a use draws from a budget of that unit."""
    if limit.unit == "money":
        return use.cost
    return Decimal(use.times if limit.unit == "times" else use.points)


def told(usage: Usage, uses: Iterable[Use]) -> dict[str, Any]:
    """What is stored with the activity: what limits left, and what was used of them."""
    return {
        **{name: value for name, value in msgspec.structs.asdict(usage).items() if value},
        "uses": {use.campaign_key: [use.times, use.points, use.cost] for use in uses},
    }


def read_usage(facts: Mapping[str, Any]) -> Usage:
    """What limits left when an activity was booked, from its stored facts."""
    return msgspec.convert(facts.get("usage", {}), Usage)
