"""The calendar: which campaign gives points on which days."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from loyalty.core.models import Program, User
from members.models import WalletType
from rewards.models import Campaign, CampaignVersion
from rewards.planning import agenda, campaigns, reviews
from rewards.planning.agenda import Block
from tests import factories
from tests.rewards.life.conftest import giving

pytestmark = pytest.mark.django_db

JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)


def publish(program: Program, key: str, *, at: datetime, conditions: Any = None, **schedule: Any) -> Campaign:
    effect = {"kind": "fixed_points", "points": 5}
    definition = factories.definition(effect, conditions=conditions, schedule=schedule)
    campaign = factories.CampaignFactory.create(program=program, key=key, name=key, draft=definition)
    campaigns.publish(campaign, definition=definition, by=None, at=at)
    return campaign


def lanes(program: Program, at: datetime, first: date = JUNE, last: date = JULY) -> dict[str, Any]:
    found = agenda.of(program, first=first, last=last, at=at)
    return {lane.campaign.key: lane for lane in found.lanes}


class TestAgenda:
    def test_shows_the_days_from_start_to_end_in_the_programs_time_zone(
        self, program: Program, points: WalletType, noon: datetime
    ):
        # Midnight in Berlin is ten in the evening of the day before in UTC.
        ends = "2026-06-10T22:00:00+00:00"
        publish(program, "short", at=noon, starts_at="2026-06-03T22:00:00+00:00", ends_at=ends)

        lane = lanes(program, noon)["short"]

        assert lane.reaches == lane.days == [Block(3, 10)]  # the 4th to the 10th

    def test_a_part_of_a_day_is_a_day(self, program: Program, points: WalletType, noon: datetime):
        publish(program, "morning", at=noon, ends_at="2026-06-02T08:00:00+02:00")

        assert lanes(program, noon)["morning"].days == [Block(0, 2)]

    def test_an_open_end_reaches_to_the_edge(self, program: Program, points: WalletType, noon: datetime):
        publish(program, "base", at=noon)

        assert lanes(program, noon)["base"].days == [Block(0, 30)]
        assert lanes(program, noon, date(2027, 2, 1), date(2027, 3, 1))["base"].days == [Block(0, 28)]

    @pytest.mark.parametrize(
        ("schedule", "conditions"),
        [
            ({"weekdays": ["saturday", "sunday"]}, None),
            (
                {},
                {"all": [{"fact": "moment.weekday", "operator": "in", "value": ["saturday", "sunday"]}]},
            ),
        ],
    )
    def test_says_on_which_weekdays_it_gives_anything(
        self, program: Program, points: WalletType, noon: datetime, schedule: Any, conditions: Any
    ):
        publish(program, "weekend", at=noon, conditions=conditions, **schedule)

        lane = lanes(program, noon)["weekend"]

        assert lane.reaches == [Block(0, 30)]
        assert lane.days == [Block(5, 7), Block(12, 14), Block(19, 21), Block(26, 28)]
        assert lane.rhythm == "Only on Saturday and Sunday."

    def test_knows_days_of_the_month_and_seasons(self, program: Program, points: WalletType, noon: datetime):
        publish(program, "payday", at=noon, month_days=[15, -1])
        publish(program, "summer", at=noon, year_days=[{"from": "06-20", "until": "06-22"}])

        found = lanes(program, noon)

        assert found["payday"].days == [Block(14, 15), Block(29, 30)]
        assert found["summer"].days == [Block(19, 22)]

    def test_a_pause_is_a_gap(self, program: Program, points: WalletType, noon: datetime):
        campaign = publish(program, "base", at=noon)
        campaigns.pause(campaign, by=None, at=noon + timedelta(days=4))
        campaigns.resume(campaign, by=None, at=noon + timedelta(days=9))

        assert lanes(program, noon)["base"].days == [Block(0, 5), Block(9, 30)]

    def test_shows_what_is_on_its_way_but_no_drafts_and_no_archive(
        self, program: Program, points: WalletType, marta: User, noon: datetime
    ):
        draft = giving(3, starts_at="2026-06-15T00:00:00+02:00")
        factories.CampaignFactory.create(program=program, key="draft", draft=draft)
        asked = factories.CampaignFactory.create(program=program, key="asked", draft=draft)
        reviews.submit(asked, by=marta, at=noon)
        ended = publish(program, "ended", at=noon)
        campaigns.end(ended, by=None, at=noon + timedelta(days=1))
        archived = publish(program, "archived", at=noon)
        campaigns.end(archived, by=None, at=noon + timedelta(days=1))
        campaigns.archive(archived, by=None, at=noon + timedelta(days=1))

        found = lanes(program, noon)

        assert {key: lane.days for key, lane in found.items()} == {
            "ended": [Block(0, 2)],
            "asked": [Block(14, 30)],
        }

    def test_counts_what_runs_at_the_same_time(self, program: Program, points: WalletType, noon: datetime):
        publish(program, "base", at=noon)
        publish(program, "weekend", at=noon, weekdays=["saturday"])
        found = agenda.of(program, first=JUNE, last=date(2026, 6, 9), at=noon)

        assert found.at_once() == [1, 1, 1, 1, 1, 2, 1, 1]

    def test_has_nothing_of_another_program(self, program: Program, points: WalletType, noon: datetime):
        other = factories.ProgramFactory.create()
        factories.WalletTypeFactory.create(program=other)
        publish(other, "theirs", at=noon)

        assert lanes(program, noon) == {}

    def test_asks_twice_however_many_there_are(
        self, program: Program, points: WalletType, noon: datetime, django_assert_num_queries: Any
    ):
        several = [factories.CampaignFactory.create(program=program, key=f"c{n}") for n in range(30)]
        CampaignVersion.objects.bulk_create(
            CampaignVersion(
                program=program, campaign=each, number=1, definition=giving(n + 1), effective_at=noon
            )
            for n, each in enumerate(several)
        )
        Campaign.objects.filter(program=program).update(status="running")

        with django_assert_num_queries(2):
            found = agenda.of(program, first=JUNE, last=JULY, at=noon)

        assert len(found.lanes) == 30
