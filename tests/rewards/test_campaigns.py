"""The life of a campaign: each step decides by the campaign as it is, not as somebody saw it."""

from datetime import datetime, timedelta

import pytest

from loyalty.core.models import Event, Program
from members.models import Member
from rewards.models import Campaign, CampaignStatus, CampaignVersion
from rewards.planning import campaigns, publishable
from tests import factories
from tests.cast import Shop

DOUBLE = factories.definition({"kind": "points_per_unit", "points": "2", "per": "1.00"})


def told() -> list[str]:
    return list(Event.objects.order_by("number").values_list("type", flat=True))


class TestPublish:
    def test_is_refused_when_somebody_else_ended_it_meanwhile(self, base_rule: Campaign, noon: datetime):
        stale = Campaign.objects.get(pk=base_rule.pk)
        campaigns.end(base_rule, by=None, at=noon)

        with pytest.raises(publishable.CampaignHasEnded):
            campaigns.publish(stale, definition=DOUBLE, by=None, at=noon)

        assert Campaign.objects.get().status == CampaignStatus.ENDED
        assert CampaignVersion.objects.count() == 2

    @pytest.mark.parametrize("back", [timedelta(minutes=6), timedelta(days=900)])
    def test_into_the_past_is_refused_once_members_have_earned(
        self, shop: Shop, ada: Member, base_rule: Campaign, back: timedelta
    ):
        shop.sells("receipt-1", "10.00")

        with pytest.raises(publishable.EffectiveInThePast) as refusal:
            campaigns.publish(base_rule, definition=DOUBLE, by=None, at=shop.at, effective_at=shop.at - back)

        assert (refusal.value.status, refusal.value.pointer) == (422, "#/effective_at")
        assert CampaignVersion.objects.count() == 1
        assert Campaign.objects.get().draft == base_rule.draft != DOUBLE

    def test_of_a_moment_ago_is_now(self, shop: Shop, ada: Member, base_rule: Campaign):
        shop.sells("receipt-1", "10.00")

        version = campaigns.publish(
            base_rule, definition=DOUBLE, by=None, at=shop.at, effective_at=shop.later(minutes=-4).at
        )

        assert version.number == 2

    def test_into_the_past_is_possible_when_only_another_program_has_sold(
        self, shop: Shop, ada: Member, noon: datetime
    ):
        shop.sells("receipt-1", "10.00")
        young = factories.ProgramFactory.create(key="young")
        factories.WalletTypeFactory.create(program=young)
        campaign = factories.CampaignFactory.create(program=young)

        version = campaigns.publish(
            campaign, definition=DOUBLE, by=None, at=noon, effective_at=noon - timedelta(days=900)
        )

        assert version.effective_at == noon - timedelta(days=900)


class TestSteps:
    def test_decide_by_the_campaign_as_it_is(self, base_rule: Campaign, noon: datetime):
        stale = Campaign.objects.get(pk=base_rule.pk)
        campaigns.pause(base_rule, by=None, at=noon)

        with pytest.raises(campaigns.CampaignNotRunning):
            campaigns.pause(stale, by=None, at=noon)
        campaigns.resume(stale, by=None, at=noon)

        assert stale.status == CampaignStatus.RUNNING
        assert CampaignVersion.objects.count() == 3

    def test_go_on_with_what_is_in_force_and_leave_the_draft(self, base_rule: Campaign, noon: datetime):
        in_force = base_rule.versions.get().definition
        Campaign.objects.update(draft=DOUBLE)

        for step in (campaigns.pause, campaigns.resume, campaigns.end):
            step(base_rule, by=None, at=noon)

        assert Campaign.objects.get().draft == DOUBLE
        assert [version.definition for version in CampaignVersion.objects.all()] == [in_force] * 4

    def test_tell_a_start_and_an_end_and_no_pause(self, base_rule: Campaign, noon: datetime):
        campaigns.pause(base_rule, by=None, at=noon)
        campaigns.resume(base_rule, by=None, at=noon)
        campaigns.pause(base_rule, by=None, at=noon)
        assert told() == ["campaign.started"]

        campaigns.end(base_rule, by=None, at=noon)

        assert told() == ["campaign.started", "campaign.ended"]

    def test_are_recorded_by_the_programs_clock(self, base_rule: Campaign, program: Program, noon: datetime):
        campaigns.end(base_rule, by=None, at=noon + timedelta(hours=1))

        event = Event.objects.get(type="campaign.ended")
        assert event.recorded_at == event.occurred_at == noon + timedelta(hours=1)
        assert (event.program_id, event.member_id) == (program.pk, None)
