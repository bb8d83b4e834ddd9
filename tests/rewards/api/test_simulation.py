from collections.abc import Iterator
from datetime import datetime

import pytest
import time_machine
from django.utils import timezone

from members.models import Member
from rewards.models import Activity, CampaignCount
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.rewards.api.test_preview import POINTS, basket, run

pytestmark = pytest.mark.usefixtures("base_rule", "ladder")


@pytest.fixture(autouse=True)
def _no_day_ends(noon: datetime) -> Iterator[None]:
    with time_machine.travel(noon, tick=False):
        yield


@pytest.fixture
def big(shop: Shop) -> None:
    """100 points for 50 euros, once a day."""
    run(shop, "big", POINTS, limits={"per_member": [{"times": 1, "per": "day"}]})


def said(till: PartnerClient, paid: str) -> dict[str, tuple[bool, int, list[str]]]:
    verdicts = till.post("/v1/campaigns/simulate", basket(paid), idempotency_key=None).json()["verdicts"]
    return {one["campaign"]: (one["matched"], one["points"], one["reasons"]) for one in verdicts}


@pytest.mark.usefixtures("big")
class TestSimulate:
    def test_says_what_each_campaign_gives_or_lacks(self, till: PartnerClient, ada: Member):
        verdicts = said(till, "46.00")

        assert verdicts["base"][:2] == (True, 46)
        assert verdicts["big"][:2] == (False, 0)
        assert "4.00" in verdicts["big"][2][0]

    def test_books_nothing_and_uses_no_limit(self, till: PartnerClient, ada: Member):
        first, again = said(till, "60.00"), said(till, "60.00")

        assert first == again
        assert first["big"][:2] == (True, 100)
        assert not Activity.objects.exists()
        assert not CampaignCount.objects.exists()

    def test_knows_the_limits_that_a_member_has_reached(self, till: PartnerClient, ada: Member):
        till.post("/v1/transactions", sale_now("r-1", "60.00"))

        matched, points, reasons = said(till, "60.00")["big"]

        assert (matched, points) == (False, 0)
        assert reasons == ["1 of 1 today"]

    def test_refuses_who_is_nobody(self, till: PartnerClient):
        response = till.post("/v1/campaigns/simulate", basket("60.00"))

        assert (response.status_code, response.json()["code"]) == (404, "unknown_member")

    def test_takes_two_round_trips(self, till: PartnerClient, ada: Member, django_assert_num_queries):
        said(till, "60.00")

        with django_assert_num_queries(2):
            said(till, "60.00")


def sale_now(external_id: str, paid: str) -> dict[str, object]:
    return basket(paid) | {
        "kind": "sale",
        "external_id": external_id,
        "occurred_at": timezone.now().isoformat(),
    }
