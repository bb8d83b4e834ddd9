"""Codes of campaigns, listed and entered."""

from datetime import timedelta
from typing import Any

import pytest

from rewards.models import Activity, Campaign
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop

ADDRESS = "/v1/members/card:1001/codes"


@pytest.fixture
def summer(shop: Shop, ada) -> Campaign:
    """A hundred points for the code “Summer 26”."""
    summer: Campaign = factories.CampaignFactory.create(program=shop.program, key="summer")
    campaigns.publish(
        summer,
        definition=factories.definition(
            {"kind": "fixed_points", "points": 100}, trigger={"kind": "code_entered", "codes": ["Summer 26"]}
        ),
        by=None,
        at=shop.at,
        effective_at=shop.at - timedelta(days=9),
    )
    return summer


def entered(code: str, external_id: str = "c-1") -> dict[str, Any]:
    return {"external_id": external_id, "occurred_at": "2026-06-01T12:00:00Z", "code": code}


class TestCodes:
    def test_are_told_as_marketers_wrote_them(self, till, summer, django_assert_num_queries):
        with django_assert_num_queries(3):
            response = till.get("/v1/campaigns/summer/codes")

        assert response.json() == {"campaign": "summer", "codes": ["Summer 26"]}

    def test_are_none_of_a_campaign_that_listens_to_sales(self, till, base_rule):
        assert till.get("/v1/campaigns/base/codes").status_code == 404


class TestEnter:
    def test_gives_what_the_campaign_promises_once(self, till, summer, django_assert_num_queries):
        till.post(ADDRESS, entered("other", "c-0"))

        with django_assert_num_queries(14):
            first = till.post(ADDRESS, entered("SUMMER26"))
        repeat = till.post(ADDRESS, entered("SUMMER26"))
        second = till.post(ADDRESS, entered("summer 26", "c-2"))

        assert (first.status_code, first.json()["points"]) == (201, 100)
        assert repeat.json() == first.json()
        assert second.json()["points"] == 0

    def test_is_slowed_after_ten_wrong_ones_whatever_comes_then(self, till, summer):
        for number in range(10):
            assert till.post(ADDRESS, entered("guess", f"g-{number}")).status_code == 201

        response = till.post(ADDRESS, entered("SUMMER26"))

        assert (response.status_code, response.json()["code"]) == (429, "too_many_codes")
        assert Activity.objects.count() == 10

    def test_knows_no_member_of_another_program(self, outsider, summer):
        assert outsider.post(ADDRESS, entered("SUMMER26")).status_code == 404
