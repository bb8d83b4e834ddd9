"""
Near offers: what a sale lacks for a campaign that it nearly meets, and what it would get for that.

What is told is what the engine gives: the sale is grown by what is missing, and evaluated as such, by the
same schedules, audiences, limits and exclusion groups. Whoever buys what is named gets what is promised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from uuid import UUID

import msgspec
from msgspec.structs import replace

from rewards.engine import phrases
from rewards.engine.effects import PointsPerItem, TooManyPoints
from rewards.engine.evaluate import CompiledCampaign, Rulebook, run
from rewards.engine.facts import Facts
from rewards.engine.gifts import GiftEffect
from rewards.engine.growing import Grown, Step, more_items, to_meet
from rewards.engine.limits import NOTHING_USED, Usage
from rewards.engine.outcome import Gift, Outcome
from rewards.engine.reasons import Reason, joined, key
from rewards.engine.tally import Entrant
from rewards.engine.usable import instead_of

OFFERS_AT_MOST = 5
TRIED_AT_MOST = 15
"""How many of the nearest campaigns are evaluated: one costs as much as the sale itself."""

_THINGS = frozenset({"reward", "badge", "challenge_progress", "prize_draw_entry"})


class NearOffer(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a sale would get beside what it gets anyway, for one more step or several together.

    `points` by wallet type; what a campaign of the same exclusion group would no longer give is taken off.
    """

    campaign_key: str
    version_id: UUID
    name: str
    steps: tuple[Step, ...]
    points: Mapping[str, int]
    gifts: tuple[Gift, ...] = ()
    group: str = ""
    not_with: tuple[str, ...] = ()
    """Campaigns of other offers here, of which only one gives if this one does."""

    def said(self) -> Reason:
        """As “€4.00 more for 100 extra points”."""
        steps = joined([step.said for step in self.steps], by="comma", last_by="and")
        gains = [*map(_points, sorted(self.points.items())), *map(_gift, self.gifts)]
        return Reason("near.offer", {"steps": steps, "gain": joined(gains, by="comma", last_by="and")})


def _points(given: tuple[str, int]) -> Reason:
    wallet_type, points = given
    said = Reason("near.points", {"points": points})
    if wallet_type == phrases.DEFAULT_WALLET_TYPE:
        return said
    return Reason("in_wallet", {"what": said, "wallet_type": key("wallet_type", wallet_type)})


def _gift(gift: Gift) -> Reason:
    return phrases.of_gift(GiftEffect(gift.kind, gift.parameters))


def near(
    campaigns: Rulebook, facts: Facts, *, rounding: str, usage: Usage = NOTHING_USED
) -> tuple[NearOffer, ...]:
    """
    The offers that a sale nearly meets, the nearest first.

    Near is what is half there, or what one more item leads to. `usage` says of all campaigns with limits
    what they gave before.
    """
    try:
        now = run(campaigns, facts, rounding=rounding, usage=usage)
    except TooManyPoints:
        return ()
    candidates = sorted(_candidates(campaigns, facts), key=lambda found: (found[1].cost, found[0].key))
    tried = (
        _offer(campaign, grown, campaigns, now, rounding=rounding, usage=usage)
        for campaign, grown in candidates[:TRIED_AT_MOST]
    )
    # Each is evaluated when it is asked for, so that none is once there are enough.
    offers = list(islice((offer for offer in tried if offer is not None), OFFERS_AT_MOST))
    others = instead_of((offer.campaign_key, offer.group) for offer in offers)
    return tuple(replace(offer, not_with=others.get(offer.campaign_key, ())) for offer in offers)


def _candidates(campaigns: Rulebook, facts: Facts) -> Iterator[tuple[CompiledCampaign, Grown]]:
    sale = Grown(facts=facts)
    for campaign in campaigns:
        if campaign.definition.trigger.kind != "sale":
            continue
        grown = _next_items(campaign, sale) if campaign.applies(facts) else _to_apply(campaign, sale)
        if grown is not None and all(step.is_near for step in grown.steps):
            yield campaign, grown


def _to_apply(campaign: CompiledCampaign, sale: Grown) -> Grown | None:
    tree = campaign.definition.conditions
    grown = to_meet(tree, sale) if tree is not None else None
    # Growing for one condition can break another, and no growth helps whom the campaign is not for.
    return grown if grown is not None and grown.steps and campaign.applies(grown.facts) else None


def _next_items(campaign: CompiledCampaign, sale: Grown) -> Grown | None:
    """Of a campaign that gives for each so many items: the sale with the items to the next time."""
    for _column, effect in Entrant(campaign, sale.facts).points_effects:
        if isinstance(effect, PointsPerItem) and effect.per_items > 1:
            lines = [known.line for known in sale.facts.lines if effect.picks is None or effect.picks(known)]
            bought = sum((line.quantity for line in lines), Decimal(0))
            gap = effect.per_items - bought % effect.per_items
            return more_items(effect.lines, sale, gap=gap, wanted=Decimal(effect.per_items))
    return None


def _offer(
    campaign: CompiledCampaign,
    grown: Grown,
    campaigns: Rulebook,
    now: Outcome,
    *,
    rounding: str,
    usage: Usage,
) -> NearOffer | None:
    """What the steps bring, if the campaign then gives more than whatever it takes the place of."""
    try:
        then = run(campaigns, grown.facts, rounding=rounding, usage=usage)
    except TooManyPoints:
        return None
    rivals = _rivals(campaign, campaigns)
    gain = _of(then, rivals)
    gain.subtract(_of(now, rivals))
    gifts = tuple(gift for gift in then.gifts if gift.campaign_key == campaign.key and gift.kind in _THINGS)
    lost = [gift for gift in now.gifts if gift.campaign_key in rivals and gift.kind in _THINGS]
    points = {wallet_type: more for wallet_type, more in gain.items() if more}
    if not (points or gifts) or min(points.values(), default=0) < 0 or lost:
        return None
    return NearOffer(
        campaign_key=campaign.key,
        version_id=campaign.version_id,
        name=campaign.name,
        steps=grown.steps,
        points=points,
        gifts=gifts,
        group=campaign.definition.stacking.group,
    )


def _rivals(campaign: CompiledCampaign, campaigns: Rulebook) -> frozenset[str]:
    """The campaign, and those of which only one gives if it does."""
    group = campaign.definition.stacking.group
    same = (other.key for other in campaigns if group and other.definition.stacking.group == group)
    return frozenset({campaign.key, *same})


def _of(outcome: Outcome, campaign_keys: frozenset[str]) -> Counter[str]:
    points: Counter[str] = Counter()
    for award in outcome.awards:
        if award.campaign_key in campaign_keys:
            points[award.wallet_type] += award.points
    return points
