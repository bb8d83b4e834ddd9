"""What a tier brings: the campaigns that are for those who have it, in words."""

from datetime import datetime

from msgspec import Struct

from loyalty.core.models import Program
from rewards.deciding import rules
from rewards.engine import usable
from rewards.engine.evaluate import CompiledCampaign
from rewards.telling import vocabulary


class TierCampaign(Struct, frozen=True):
    """A campaign that is for those of some tiers; what has to be done for what, as a sentence."""

    campaign: str
    name: str
    text: str


def by_tier(program: Program, *, at: datetime) -> dict[str, list[TierCampaign]]:
    """
    By the key of a tier of the program's first ladder: the campaigns of that moment that are for it alone.

    A campaign that gives different members different things is told by its name. One query for each kind
    of thing that has a name.
    """
    found: dict[str, list[TierCampaign]] = {}
    in_force = usable.could_be_used(rules.of(program).in_force(at))
    asking = [campaign for campaign in in_force if campaign.definition.audience.tiers]
    vocabulary.named(program, usable.names(asking))
    for campaign in asking:
        told = _told(campaign, program)
        for tier in campaign.definition.audience.tiers:
            found.setdefault(tier, []).append(told)
    return found


def _told(campaign: CompiledCampaign, program: Program) -> TierCampaign:
    key = ("campaign", campaign.key)
    name = vocabulary.named(program, [key])[key]
    rule, said = campaign.definition, None
    if not rule.variants:
        said = usable.said(
            campaign, rule.conditions, None, currency=program.currency, rounding=program.rounding
        )
    return TierCampaign(campaign.key, name, vocabulary.spoken(said, program=program) if said else name)
