"""The catalogue of rewards and the preview of a redemption, over the API."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from members.models import Lot, Member, Wallet
from rewards.models import Redemption
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient

CARD = {"kind": "card", "value": "1001"}


@pytest.fixture
def today(shop: Shop) -> Iterator[Shop]:
    """It stays noon, so that no day ends during a test."""
    with time_machine.travel(shop.at, tick=False):
        yield shop


@pytest.fixture
def catalogue(today: Shop, ada: Member, points: Any) -> None:
    """Ada has 1,000 points, and there are rewards of every kind."""
    today.sells("receipt-1", "1000.00")
    miles = factories.WalletTypeFactory.create(program=today.program, key="miles")

    def add(key: str, **more: Any) -> None:
        factories.RewardFactory.create(
            program=today.program, key=key, **{"wallet_type": points, "price": 100, **more}
        )

    add("coffee")
    add("dear", price=1001)
    add("limited", limit_per_member=1, limit_period="day")
    add("gone", stock=0)
    add("off", is_active=False)
    add("later", starts_at=today.at + timedelta(days=1))
    add("flight", wallet_type=miles)


def listed(till: PartnerClient, query: str) -> list[str]:
    return sorted(reward["key"] for reward in till.get(f"/v1/rewards?{query}").json()["data"])


class TestCatalogue:
    def test_shows_what_the_filters_ask_for(self, till: PartnerClient, catalogue):
        assert len(listed(till, "")) == 7
        assert listed(till, "is_on_offer=true") == ["coffee", "dear", "flight", "limited"]
        assert listed(till, "is_on_offer=false") == ["gone", "later", "off"]
        assert listed(till, "wallet_type=miles") == ["flight"]
        assert listed(till, "member=card:1001&wallet_type=points") == ["coffee", "limited"]
        assert listed(till, "member=card:9999") == []

    def test_shows_a_member_nothing_that_would_then_be_refused(
        self, today: Shop, till: PartnerClient, catalogue
    ):
        today.redeems("limited")

        shown = listed(till, "member=card:1001")
        status = till.get("/v1/members/card:1001/status").json()

        assert shown == ["coffee"]
        assert [reward["key"] for reward in status["rewards"]] == ["coffee"]
        for key in ("coffee", "dear", "limited", "gone", "off", "later", "flight"):
            response = till.post("/v1/redemptions", {"member": CARD, "reward": key})
            assert (response.status_code == 201) == (key in shown), key

    @pytest.mark.parametrize("lapses", [True, False])
    def test_does_not_count_points_whose_time_is_over(self, today, till: PartnerClient, catalogue, lapses):
        over = today.at - timedelta(seconds=1)
        if lapses:
            Lot.objects.update(lapses=True)
            Wallet.objects.update(lapses_at=over)
        else:
            Lot.objects.update(expires_at=over)

        assert listed(till, "member=card:1001") == []

    def test_shows_a_blocked_member_nothing(self, till: PartnerClient, catalogue):
        Member.objects.update(status="blocked")

        assert listed(till, "member=card:1001") == []

    def test_asks_for_another_scope_where_it_is_about_a_member(self, till: PartnerClient, catalogue):
        reader = PartnerClient.of(till.credential.partner, scopes=["rewards:read"])

        response = reader.get("/v1/rewards?member=card:1001")

        assert (response.status_code, response.json()["scope"]) == (403, "members:read")
        assert reader.get("/v1/rewards").status_code == 200

    @pytest.mark.parametrize("query", ["is_on_offer=yes", "price=1", "member=ada"])
    def test_refuses_other_filters(self, till: PartnerClient, query):
        response = till.get(f"/v1/rewards?{query}")

        assert (response.status_code, response.json()["code"]) == (400, "invalid_filter")

    def test_is_read_by_key(self, till: PartnerClient, outsider: PartnerClient, catalogue):
        reward = till.get("/v1/rewards/limited").json()

        assert (reward["price"], reward["limit_per_member"], reward["limit_period"]) == (100, 1, "day")
        assert reward["is_on_offer"] is True
        assert outsider.get("/v1/rewards/limited").status_code == 404
        assert till.get("/v1/rewards/cake").json()["code"] == "unknown_reward"

    def test_takes_few_statements(self, till: PartnerClient, catalogue, django_assert_num_queries):
        with django_assert_num_queries(2):
            till.get("/v1/rewards?is_on_offer=true")
        till.get("/v1/rewards?member=card:1001")
        with django_assert_num_queries(4):  # the credential, the member, what they may have, the page
            till.get("/v1/rewards?member=card:1001")


class TestPreview:
    def ask(self, till: PartnerClient, reward: str) -> Any:
        body = {"member": CARD, "reward": reward}
        return till.post("/v1/redemptions/preview", body, idempotency_key=None)

    def test_says_what_would_be_left_and_changes_nothing(self, till: PartnerClient, catalogue):
        told = self.ask(till, "coffee").json()

        assert (told["is_possible"], told["points"], told["available"], told["balance"]) == (
            True,
            100,
            1000,
            900,
        )
        assert (told["missing"], told["left_of_limit"], told["refusal"]) == (0, None, None)
        assert not Redemption.objects.exists()
        assert Wallet.objects.get(type__key="points").available == 1000

    @pytest.mark.parametrize(
        ("reward", "code"),
        [
            ("dear", "insufficient_points"),
            ("gone", "reward_sold_out"),
            ("off", "reward_not_on_offer"),
            ("flight", "insufficient_points"),
        ],
    )
    def test_says_why_it_would_be_refused(self, till: PartnerClient, catalogue, reward, code):
        told = self.ask(till, reward).json()

        refused = till.post("/v1/redemptions", {"member": CARD, "reward": reward}).json()
        assert (told["is_possible"], told["refusal"]["code"]) == (False, code)
        assert (told["refusal"]["code"], told["refusal"]["detail"]) == (refused["code"], refused["detail"])
        assert told["balance"] is None

    def test_counts_towards_the_limit(self, today: Shop, till: PartnerClient, catalogue):
        before = self.ask(till, "limited").json()
        today.redeems("limited")
        after = self.ask(till, "limited").json()

        assert (before["left_of_limit"], before["is_possible"]) == (1, True)
        assert (after["left_of_limit"], after["refusal"]["code"]) == (0, "reward_limit_reached")

    def test_knows_no_other_members_and_rewards(self, till: PartnerClient, catalogue):
        assert self.ask(till, "cake").json()["code"] == "unknown_reward"
        Member.objects.update(status="blocked")
        assert self.ask(till, "coffee").json()["code"] == "member_blocked"

    def test_takes_two_statements(self, till: PartnerClient, catalogue, django_assert_num_queries):
        self.ask(till, "coffee")
        with django_assert_num_queries(2):
            self.ask(till, "coffee")
