"""The page of a campaign that says how its budgets stand."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.core.models import Program, Role
from members.models import Member
from rewards.models import Campaign
from tests import factories
from tests.cast import Shop
from tests.clients import staff
from tests.rewards.limits.conftest import Publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(program: Program) -> Client:
    return staff(program, Role.MARKETER)


def text(client: Client, campaign: Campaign) -> str:
    """What the page says, without its markup."""
    answer = client.get(reverse("admin:rewards_campaign_budget", args=[campaign.pk]))
    assert answer.status_code == 200
    body = re.sub(r"<(script|style|nav|head)\b.*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


class TestBudgetPage:
    def test_says_what_is_used_and_left(self, marketer: Client, publish: Publish, shop: Shop, ada: Member):
        in_all = [{"points": 1_000}, {"money": "500.00"}]
        campaign = publish("spring", limits={"in_all": in_all, "per_member": [{"times": 2, "per": "day"}]})
        shop.sells("r1", "5.00")

        said = text(marketer, campaign)

        assert "10 of 1,000" in said
        assert "1 % used, 990 left. You are warned when 80 % are used." in said
        assert "0.10 of 500.00 EUR" in said
        assert "under 1 % used, 499.90 left." in said
        assert "One member gets at most 2 times a day" in said

    def test_tells_of_the_end(self, marketer: Client, publish: Publish, shop: Shop, ada: Member):
        campaign = publish("spring", limits={"in_all": [{"points": 15}], "when_spent": "refuse"})
        for number in range(3):
            shop.sells(f"r{number}", "5.00")

        publish("spring", limits={"in_all": [{"points": 10}], "when_spent": "refuse"})
        shop.sells("r4", "5.00")

        said = text(marketer, campaign)
        assert "at its end 10 of 10 100 % used, 0 left. At its end since 1 Jun 2026" in said
        assert "gets nothing of this campaign" in said

    def test_says_that_there_is_no_budget(self, marketer: Client, publish: Publish, shop: Shop):
        assert "This campaign may give without end." in text(marketer, publish("plain"))

    def test_is_not_there_for_a_campaign_of_another_program(self, marketer: Client):
        campaign = factories.CampaignFactory.create()

        answer = marketer.get(reverse("admin:rewards_campaign_budget", args=[campaign.pk]))

        assert answer.status_code == 404
