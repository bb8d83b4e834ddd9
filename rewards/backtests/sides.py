"""One of two rulebooks on its way through the past: what it gives, and what its limits have left by then."""

from collections.abc import Mapping
from decimal import Decimal

from rewards.engine.evaluate import CompiledCampaign, Outcome, Rulebook, run
from rewards.engine.facts import Facts
from rewards.engine.limits import NOTHING_USED, InAll, Left, Usage
from rewards.engine.outcome import Use

type Counters = dict[str, tuple[int, int]]
"""Of one member: times and points by "<campaign>/<period>", the newest period of each kind only."""


class Side:
    """
    A rulebook whose limits and budgets are used up in the order in which things happened.

    `left` is what remains of budgets by "<campaign>/<unit>"; all are full at the beginning.
    """

    def __init__(self, rulebook: Rulebook, *, left: Mapping[str, str], prices: Mapping[str, Decimal]) -> None:
        self.rulebook, self.prices = rulebook, prices
        self.left: dict[str, Left] = {
            key: Decimal(stored) if key.endswith("/money") else int(stored) for key, stored in left.items()
        }
        self._limited = {campaign.key: campaign for campaign in rulebook if campaign.is_limited}

    @property
    def limits_members(self) -> bool:
        return any(campaign.definition.limits.per_member for campaign in self._limited.values())

    def run(self, facts: Facts, *, rounding: str, counters: Counters) -> Outcome:
        """
        What the rules give, which then counts against their limits.

        :raises rewards.engine.effects.TooManyPoints: if an award is too big to be booked
        """
        usage = Usage(counters, self.left, self.prices) if self._limited else NOTHING_USED
        outcome = run(self.rulebook, facts, rounding=rounding, usage=usage)
        for use in outcome.uses:
            self._count(self._limited[use.campaign_key], use, facts, counters)
        return outcome

    def _count(self, campaign: CompiledCampaign, use: Use, facts: Facts, counters: Counters) -> None:
        limits = campaign.definition.limits
        for period in limits.periods(facts.moment.local):
            key = f"{campaign.key}/{period}"
            times, points = counters.get(key, (0, 0))
            if not times:
                _forget_earlier(counters, key)
            counters[key] = times + use.times, points + use.points
        for budget in limits.in_all:
            name = f"{campaign.key}/{budget.unit}"
            self.left[name] = self.left.get(name, budget.amount) - _used(use, budget)

    def remains(self, campaign_key: str) -> bool:
        """Whether every budget of the campaign still has something in it."""
        campaign = self._limited.get(campaign_key)
        return campaign is None or all(
            self.left.get(f"{campaign_key}/{budget.unit}", budget.amount) > 0
            for budget in campaign.definition.limits.in_all
        )

    def stored(self) -> dict[str, str]:
        return {key: str(left) for key, left in self.left.items()}


def _used(use: Use, budget: InAll) -> Left:
    if budget.unit == "money":
        return use.cost
    return use.times if budget.unit == "times" else use.points


def _forget_earlier(counters: Counters, key: str) -> None:
    """Time goes on: an earlier day, week or month is never asked for again."""
    kind = key.partition(":")[0]
    for earlier in [known for known in counters if known.partition(":")[0] == kind]:
        del counters[earlier]
