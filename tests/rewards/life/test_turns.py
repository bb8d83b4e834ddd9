"""Campaigns begin and end by themselves, by the program's clock, and say so once."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from loyalty.core.models import Event, Program
from rewards.models import Campaign, CampaignStatus
from rewards.planning import campaigns, publishable, turns
from rewards.tasks import turn_campaigns
from tests import factories
from tests.rewards.life.conftest import giving

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def told() -> list[tuple[str, datetime, datetime]]:
    rows = Event.objects.order_by("number")
    return [(row.type, row.occurred_at, row.recorded_at) for row in rows]


def status() -> str:
    return Campaign.objects.get().status


class TestAScheduledCampaign:
    def test_starts_at_its_moment_and_says_so_then(
        self, program: Program, campaign: Campaign, noon: datetime
    ):
        campaigns.schedule(campaign, definition=campaign.draft, by=None, at=noon, effective_at=noon + DAY)
        assert (status(), told()) == (CampaignStatus.SCHEDULED, [])

        assert turns.keep(program, at=noon + DAY - timedelta(seconds=1)) == 0
        assert turns.keep(program, at=noon + DAY + timedelta(minutes=1)) == 1
        assert turns.keep(program, at=noon + DAY + timedelta(minutes=2)) == 0

        late = noon + DAY + timedelta(minutes=1)
        assert (status(), told()) == (CampaignStatus.RUNNING, [("campaign.started", noon + DAY, late)])

    def test_waits_for_its_schedule_too(self, program: Program, campaign: Campaign, noon: datetime):
        definition = giving(5, starts_at=(noon + 2 * DAY).isoformat())
        campaigns.publish(campaign, definition=definition, by=None, at=noon)
        assert status() == CampaignStatus.SCHEDULED

        turns.keep(program, at=noon + DAY)
        assert status() == CampaignStatus.SCHEDULED
        turns.keep(program, at=noon + 2 * DAY)

        assert status() == CampaignStatus.RUNNING

    def test_that_is_called_off_never_starts(self, program: Program, campaign: Campaign, noon: datetime):
        campaigns.schedule(campaign, definition=campaign.draft, by=None, at=noon, effective_at=noon + DAY)

        campaigns.call_off(campaign, by=None, at=noon + timedelta(hours=1))

        assert turns.keep(program, at=noon + 2 * DAY) == 0
        assert (status(), told()) == (CampaignStatus.DRAFT, [])

    def test_is_not_scheduled_for_a_moment_that_has_passed(
        self, program: Program, campaign: Campaign, noon: datetime
    ):
        with pytest.raises(publishable.EffectiveInThePast):
            campaigns.schedule(campaign, definition=campaign.draft, by=None, at=noon, effective_at=noon)

        assert status() == CampaignStatus.DRAFT


class TestARunningCampaign:
    @pytest.fixture
    def short(self, campaign: Campaign, noon: datetime) -> Campaign:
        """It runs for two days."""
        definition = giving(5, ends_at=(noon + 2 * DAY).isoformat())
        campaigns.publish(campaign, definition=definition, by=None, at=noon)
        return campaign

    def test_ends_when_its_schedule_does(self, program: Program, short: Campaign, noon: datetime):
        turns.keep(program, at=noon + DAY)
        assert status() == CampaignStatus.RUNNING

        turns.keep(program, at=noon + 3 * DAY)

        assert status() == CampaignStatus.ENDED
        assert told()[1:] == [("campaign.ended", noon + 2 * DAY, noon + 3 * DAY)]

    def test_goes_on_if_a_later_version_says_so(self, program: Program, short: Campaign, noon: datetime):
        campaigns.publish(short, definition=giving(5), by=None, at=noon + DAY)

        turns.keep(program, at=noon + 3 * DAY)

        assert status() == CampaignStatus.RUNNING

    def test_does_not_end_while_a_version_is_to_come(self, program: Program, short: Campaign, noon: datetime):
        campaigns.publish(short, definition=giving(9), by=None, at=noon, effective_at=noon + 5 * DAY)

        turns.keep(program, at=noon + 3 * DAY)

        assert status() == CampaignStatus.RUNNING

    def test_ends_during_a_pause_too(self, program: Program, short: Campaign, noon: datetime):
        campaigns.pause(short, by=None, at=noon + DAY)

        turns.keep(program, at=noon + 3 * DAY)

        assert status() == CampaignStatus.ENDED

    def test_does_not_say_a_second_time_that_it_ended(
        self, program: Program, short: Campaign, noon: datetime
    ):
        campaigns.end(short, by=None, at=noon + DAY)

        turns.keep(program, at=noon + 3 * DAY)

        assert [event_type for event_type, _, _ in told()] == ["campaign.started", "campaign.ended"]

    def test_after_a_long_standstill_both_are_told(
        self, program: Program, campaign: Campaign, noon: datetime
    ):
        definition = giving(5, starts_at=(noon + DAY).isoformat(), ends_at=(noon + 2 * DAY).isoformat())
        campaigns.publish(campaign, definition=definition, by=None, at=noon)

        turns.keep(program, at=noon + 9 * DAY)

        assert [(event_type, at) for event_type, at, _ in told()] == [
            ("campaign.started", noon + DAY),
            ("campaign.ended", noon + 2 * DAY),
        ]


class TestTheRound:
    def test_goes_by_each_programs_own_clock(self, campaign: Campaign, noon: datetime):
        sandbox = factories.ProgramFactory.create(
            key="sandbox", kind="sandbox", clock_offset=timedelta(days=36_500)
        )
        factories.WalletTypeFactory.create(program=sandbox)
        ahead = factories.CampaignFactory.create(program=sandbox, draft=giving(5))
        in_2100 = datetime.fromisoformat("2100-01-01T00:00:00+00:00")
        for each in (campaign, ahead):
            campaigns.schedule(each, definition=each.draft, by=None, at=noon, effective_at=in_2100)

        turn_campaigns()

        campaign.refresh_from_db()
        ahead.refresh_from_db()
        assert (campaign.status, ahead.status) == (CampaignStatus.SCHEDULED, CampaignStatus.RUNNING)

    def test_asks_once_however_many_campaigns_have_nothing_to_do(
        self, program: Program, points: Any, noon: datetime, django_assert_num_queries: Any
    ):
        for number in range(5):
            each = factories.CampaignFactory.create(program=program, draft=giving(number + 1))
            campaigns.publish(each, definition=each.draft, by=None, at=noon)

        with django_assert_num_queries(1):
            turns.keep(program, at=noon + DAY)


class TestPause:
    def test_does_not_put_a_scheduled_version_in_force_before_its_time(
        self, program: Program, campaign: Campaign, noon: datetime
    ):
        campaigns.publish(campaign, definition=giving(10), by=None, at=noon)
        campaigns.publish(campaign, definition=giving(90), by=None, at=noon, effective_at=noon + 3 * DAY)

        paused = campaigns.pause(campaign, by=None, at=noon + DAY)
        resumed = campaigns.resume(campaign, by=None, at=noon + 2 * DAY)

        assert (paused.definition, resumed.definition) == (giving(10), giving(10))
        newest = campaign.versions.order_by("-number")[0]
        assert (newest.definition, newest.effective_at) == (giving(90), noon + 3 * DAY)
