"""Campaigns as partners see them."""

from datetime import timedelta
from typing import Any

import pytest

from rewards.models import Campaign, CampaignMeasurement
from rewards.performance import measuring
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop

SINCE = timedelta(days=9)


@pytest.fixture
def weeks(shop: Shop) -> Campaign:
    """For silver members, once a week each, from a budget of 1,000 points; since nine days, until July."""
    weeks: Campaign = factories.CampaignFactory.create(program=shop.program, key="weeks", name="Silver weeks")
    publish(
        weeks,
        shop,
        audience={"tiers": ["silver"], "control_percent": 10},
        limits={"per_member": [{"times": 1, "per": "week"}], "in_all": [{"points": 1000}]},
        schedule={"ends_at": "2026-07-01T00:00:00Z", "weekdays": ["monday"], "time_zone": "Europe/Berlin"},
    )
    return weeks


def publish(campaign: Campaign, shop: Shop, **more: Any) -> None:
    campaigns.publish(
        campaign,
        definition=factories.definition({"kind": "fixed_points", "points": 100}, **more),
        by=None,
        at=shop.at,
        effective_at=shop.at - SINCE,
    )
    shop.program.refresh_from_db()


def keys(till: Any, query: str = "") -> list[str]:
    return [one["key"] for one in till.get(f"/v1/campaigns?{query}").json()["data"]]


class TestList:
    def test_tells_published_ones_in_few_queries_however_many(self, till, weeks, django_assert_num_queries):
        factories.CampaignFactory.create(program=weeks.program, key="draft")
        till.get("/v1/campaigns")

        with django_assert_num_queries(5):
            found = till.get("/v1/campaigns").json()["data"]

        assert [one["key"] for one in found] == ["weeks", "base"]

    def test_filters_by_state(self, till, weeks, shop):
        campaigns.pause(weeks, by=None, at=shop.at)

        assert keys(till, "status=paused") == ["weeks"]
        assert keys(till, "status=running") == ["base"]
        assert keys(till, "status=ended") == []

    def test_filters_by_what_they_listen_to(self, till, weeks, shop):
        code = factories.CampaignFactory.create(program=shop.program, key="code")
        publish(code, shop, trigger={"kind": "code_entered", "codes": ["SUN"]})

        assert keys(till, "trigger=code_entered") == ["code"]
        assert keys(till, "trigger=sale") == ["weeks", "base"]

    @pytest.mark.parametrize(
        ("moment", "running"),
        [
            ("2026-05-01T00:00:00Z", ["base"]),
            ("2026-06-30T23:59:59Z", ["weeks", "base"]),
            ("2026-07-01T00:00:00Z", ["base"]),
            ("2020-01-01T00:00:00Z", []),
        ],
    )
    def test_filters_by_when_they_run(self, till, weeks, moment, running):
        assert keys(till, f"running_at={moment}") == running

    def test_refuses_states_that_nobody_is_shown(self, till):
        response = till.get("/v1/campaigns?status=draft")

        assert (response.status_code, response.json()["code"]) == (400, "invalid_filter")

    def test_shows_another_program_nothing(self, outsider, weeks):
        assert keys(outsider) == []
        assert outsider.get("/v1/campaigns/weeks").status_code == 404


class TestRead:
    def test_says_what_it_gives_for_what_to_whom_and_what_is_left(
        self, till, weeks, django_assert_num_queries
    ):
        with django_assert_num_queries(5):
            found = till.get("/v1/campaigns/weeks").json()

        assert found["text"].startswith("For every sale by a member in tier Silver: 100 points. ")
        assert (found["status"], found["trigger"], found["version"]) == ("running", "sale", 1)
        assert found["schedule"] == {
            "starts_at": None,
            "ends_at": "2026-07-01T00:00:00Z",
            "time_zone": "Europe/Berlin",
            "weekdays": ["monday"],
            "hours": [],
            "month_days": [],
            "seasons": [],
        }
        assert found["audience"]["tiers"] == ["silver"]
        assert found["audience"]["control_percent"] == 10
        assert found["member_limits"] == [{"period": "week", "times": 1, "points": None}]
        assert found["budgets"] == [{"unit": "points", "allotted": "1000", "left": "1000"}]

    def test_tells_the_version_in_force_and_not_what_is_worked_on(self, till, weeks):
        before = till.get("/v1/campaigns/weeks").json()
        Campaign.objects.filter(pk=weeks.pk).update(draft={"trigger": {"kind": "event"}})

        assert till.get("/v1/campaigns/weeks").json() == before

    def test_knows_no_draft(self, till, program):
        factories.CampaignFactory.create(program=program, key="draft")

        assert till.get("/v1/campaigns/draft").status_code == 404


class TestPerformance:
    def test_says_that_nothing_was_counted_yet(self, till, base_rule):
        found = till.get("/v1/campaigns/base/performance").json()

        assert (found["counted_at"], found["figures"]) == (None, None)
        assert (found["effect"]["verdict"], found["effect"]["is_known"]) == ("not_counted", False)

    def test_claims_no_effect_without_a_control_group(
        self, till, shop, ada, base_rule, django_assert_num_queries
    ):
        shop.sells("r-1", "20.00")
        measuring.measure(base_rule, at=shop.at + timedelta(hours=1))

        with django_assert_num_queries(3):
            found = till.get("/v1/campaigns/base/performance").json()

        assert (found["figures"]["reached"], found["figures"]["points"]) == (1, 20)
        assert found["figures"]["sales"] == {"amount": "20.00", "currency": "EUR"}
        assert found["effect"]["verdict"] == "no_control_group"
        assert found["effect"]["uplift"] is None
        assert "cannot be known" in found["effect"]["text"]

    def test_tells_the_uplift_over_a_control_group(self, till, shop, ada, weeks):
        measuring.measure(weeks, at=shop.at)
        kept = CampaignMeasurement.objects.get(campaign=weeks)
        kept.figures["compared"] |= {
            "is_experiment": True,
            "sums": [sums("treated", 12), sums("control", 10)],
        }
        kept.save()

        found = till.get("/v1/campaigns/weeks/performance").json()["effect"]

        assert (found["verdict"], found["is_known"]) == ("more", True)
        assert (found["uplift"]["difference"], found["uplift"]["percent"]) == ("2.00", "20.00")
        assert 0 < float(found["uplift"]["low"]) < 2 < float(found["uplift"]["high"])


def sums(key: str, mean: int) -> dict[str, Any]:
    """A thousand members: one half bought for one less than that mean, the other for one more."""
    squares = 500 * ((mean - 1) ** 2 + (mean + 1) ** 2)
    return {
        "key": key,
        "share": "0.5",
        "got_something": key == "treated",
        "members": 1000,
        "buyers": 1000,
        "sales": str(1000 * mean),
        "sales_squares": str(squares),
        **dict.fromkeys(("before", "before_squares", "products", "cost"), "0"),
        "points": 0,
    }
