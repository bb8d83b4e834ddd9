"""Whom a campaign was for is written down when it begins, before it changes that."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from loyalty.core.models import Program
from members.models import Member, Segment, SegmentKind, SegmentMember
from members.references import MemberReference
from rewards.models import Campaign, CampaignAudience
from rewards.performance import audiences, loading
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop

EFFECT = {"kind": "fixed_points", "points": 1500, "wallet_type": "points"}


@pytest.fixture
def people(program: Program, ladder: Any, noon: datetime) -> list[Member]:
    """Twelve members of the lowest tier; card 2000 and on."""
    people = []
    for number in range(12):
        member = factories.MemberFactory.create(program=program, enrolled_at=noon - timedelta(days=400))
        factories.IdentifierFactory.create(member=member, kind="card", value=f"{2000 + number}")
        people.append(member)
    return people


def begun(shop: Shop, audience: dict[str, Any], *, key: str = "trial") -> tuple[Campaign, Shop]:
    campaign = factories.CampaignFactory.create(program=shop.program, key=key)
    definition = {"trigger": {"kind": "sale"}, "effects": [EFFECT], "audience": audience}
    campaigns.publish(campaign, definition=definition, by=None, at=shop.at, effective_at=shop.at)
    shop.program.refresh_from_db()
    return campaign, replace(shop, program=campaign.program)


def kept(campaign: Campaign) -> set[Any]:
    return set(CampaignAudience.objects.get(campaign=campaign).members.values_list("member_id", flat=True))


class TestKeep:
    def test_those_stay_in_it_whom_the_campaign_lifts_out_of_their_tier(
        self, shop: Shop, people: list[Member]
    ):
        campaign, shop = begun(shop, {"tiers": ["basic"], "control_percent": 50})
        audiences.keep(shop.program, at=shop.at + timedelta(minutes=1))
        for number in range(12):
            card = MemberReference(kind="card", value=f"{2000 + number}")
            shop.later(hours=1, minutes=number).sells(f"s{number}", "20.00", member=card)

        counted = loading.figures(campaign, at=shop.at + timedelta(days=1))

        assert counted is not None
        assert 0 < counted.reached < 12
        assert counted.audience == 12
        assert counted.compared.taken_at == shop.at + timedelta(minutes=1)

    def test_is_the_segments_members_of_then(self, shop: Shop, people: list[Member]):
        fans = Segment.objects.create(program=shop.program, key="fans", name="Fans", kind=SegmentKind.LIST)
        SegmentMember.objects.create(program=shop.program, segment=fans, member=people[3], since=shop.at)
        campaign, shop = begun(shop, {"segments": ["fans"], "control_percent": 50})

        audiences.keep(shop.program, at=shop.at + timedelta(minutes=1))
        SegmentMember.objects.create(program=shop.program, segment=fans, member=people[4], since=shop.at)
        again = audiences.keep(shop.program, at=shop.at + timedelta(minutes=2))

        assert kept(campaign) == {people[3].pk}
        assert again == 0

    def test_is_not_made_up_long_after(self, shop: Shop, people: list[Member]):
        begun(shop, {"tiers": ["basic"], "control_percent": 50})

        assert audiences.keep(shop.program, at=shop.at + timedelta(days=2)) == 0

    def test_needs_none_for_everybody_or_without_groups(self, shop: Shop, people: list[Member]):
        begun(shop, {"control_percent": 50})
        begun(shop, {"tiers": ["basic"]}, key="other")

        assert audiences.keep(shop.program, at=shop.at + timedelta(minutes=1)) == 0

    def test_looks_at_one_program_alone(self, shop: Shop, people: list[Member]):
        begun(shop, {"tiers": ["basic"], "control_percent": 50})
        elsewhere = factories.ProgramFactory.create(key="elsewhere")

        assert audiences.keep(elsewhere, at=shop.at + timedelta(minutes=1)) == 0
        assert not CampaignAudience.objects.exists()
