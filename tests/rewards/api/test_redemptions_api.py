"""Redemptions over the API: reserved, confirmed, given up, read, listed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members.models import Member, Wallet
from rewards import redeeming
from rewards.models import Redemption, Reward, Voucher
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient

CARD = {"kind": "card", "value": "1001"}
WANTED = {"member": CARD, "reward": "coffee"}


@pytest.fixture
def today(shop: Shop) -> Iterator[Shop]:
    """It stays noon, so that no day ends during a test."""
    with time_machine.travel(shop.at, tick=False):
        yield shop


@pytest.fixture
def coffee(shop: Shop, ada: Member, points: Any) -> Reward:
    shop.sells("receipt-1", "1000.00")
    reward: Reward = factories.RewardFactory.create(
        program=shop.program, wallet_type=points, key="coffee", name="Coffee", price=100, stock=5
    )
    return reward


def post(till: PartnerClient, path: str, body: Any = None) -> Any:
    return till.post(f"/v1/redemptions/{path}", {} if body is None else body)


class TestHold:
    def test_is_confirmed_handed_over_and_returned(self, till: PartnerClient, coffee: Reward):
        held = post(till, "hold", WANTED | {"lives_for_seconds": 60})
        address = held.json()["id"]
        confirmed = post(till, f"{address}/confirm")
        fulfilled = post(till, f"{address}/fulfil", {"tracking": "JD01"})
        returned = post(till, f"{address}/return", {"reason": "Broken"})

        assert (held.status_code, held.json()["status"], held.json()["voucher"]) == (201, "held", None)
        assert (confirmed.status_code, confirmed.json()["status"]) == (200, "confirmed")
        assert confirmed.json()["voucher"]["code"] == Voucher.objects.get().code
        assert fulfilled.json()["tracking"] == "JD01"
        assert (returned.json()["status"], returned.json()["reason"]) == ("returned", "Broken")
        assert returned.json()["voucher"]["status"] == "void"
        assert till.get(f"/v1/redemptions/{address}").json() == returned.json()
        assert Wallet.objects.get().available == 1000

    def test_repeats_are_answered_with_the_first_one(self, till: PartnerClient, coffee: Reward):
        first = till.post("/v1/redemptions/hold", WANTED, idempotency_key="k")
        again = till.post("/v1/redemptions/hold", WANTED, idempotency_key="k")

        assert again.json() == first.json()
        assert again.headers["Idempotent-Replayed"] == "true"
        assert Redemption.objects.count() == 1

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"member": CARD}, "#/reward"),
            (WANTED | {"lives_for_seconds": 0}, "#/lives_for_seconds"),
            (WANTED | {"lives_for_seconds": 604_801}, "#/lives_for_seconds"),
            (WANTED | {"points": 1}, "#/points"),
            (WANTED | {"reward": "x" * 41}, "#/reward"),
        ],
    )
    def test_refuses_what_makes_no_sense(self, till: PartnerClient, coffee: Reward, body, pointer):
        response = post(till, "hold", body)

        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer)
        assert not Redemption.objects.exists()

    def test_refuses_more_than_the_limit_and_says_which(self, till: PartnerClient, coffee: Reward):
        Reward.objects.update(limit_per_member=1, limit_period="month")
        post(till, "hold", WANTED)

        response = post(till, "hold", WANTED)

        problem = response.json()
        assert (response.status_code, problem["code"]) == (409, "reward_limit_reached")
        assert (problem["limit"], problem["period"]) == (1, "month")

    def test_that_is_over_says_so_before_any_job_came_by(self, shop, till: PartnerClient, coffee: Reward):
        held = shop.reserves("coffee")  # in June, long ago

        read = till.get(f"/v1/redemptions/{held.pk}").json()
        refused = post(till, f"{held.pk}/confirm")

        assert (read["status"], read["ended_at"]) == ("expired", "2026-06-01T12:15:00Z")
        assert refused.status_code == 409
        assert refused.json()["redemption_status"] == "expired"


class TestCancel:
    def test_refuses_what_was_handed_over(self, today: Shop, till: PartnerClient, coffee: Reward):
        bought = today.redeems("coffee")
        post(till, f"{bought.id}/fulfil")

        response = post(till, f"{bought.id}/cancel")

        assert (response.status_code, response.json()["code"]) == (409, "redemption_not_in_state")
        assert response.json()["redemption_status"] == "fulfilled"

    @pytest.mark.parametrize("verb", ["confirm", "cancel", "fulfil", "return"])
    @pytest.mark.parametrize("address", ["nonsense", "01976c1e-5d7a-7000-8000-90ab2c4d6e8f"])
    def test_and_all_others_know_only_what_there_is(self, till: PartnerClient, verb, address):
        response = post(till, f"{address}/{verb}")

        assert (response.status_code, response.json()["code"]) == (404, "unknown_redemption")

    def test_refuses_a_novel_for_a_reason(self, today: Shop, till: PartnerClient, coffee: Reward):
        bought = today.redeems("coffee")

        response = post(till, f"{bought.id}/cancel", {"reason": "x" * 201})

        assert response.json()["errors"][0]["pointer"] == "#/reason"
        assert Redemption.objects.get().status == "confirmed"


class TestList:
    def test_shows_what_the_filters_ask_for(self, today: Shop, till: PartnerClient, coffee: Reward):
        factories.RewardFactory.create(
            program=today.program, key="tea", wallet_type=coffee.wallet_type, price=10
        )
        bought, tea = today.redeems("coffee"), today.redeems("tea")
        redeeming.cancel(bought.id, program=today.program, source="till", actor="till", at=today.at)

        def listed(query: str) -> list[str]:
            return [row["reward"] for row in till.get(f"/v1/redemptions?{query}").json()["data"]]

        assert listed("") == ["tea", "coffee"]
        assert listed("status=cancelled") == ["coffee"]
        assert listed("reward=tea&status=confirmed") == ["tea"]
        assert listed("member=card:1001&limit=1") == ["tea"]
        assert listed("member=card:9999") == []
        assert listed("reward=cake") == []
        assert listed("redeemed_before=2026-06-01T00:00:00Z") == []
        assert len(till.get("/v1/redemptions?limit=1").json()["data"]) == 1
        assert tea.voucher_code in till.get("/v1/redemptions").content.decode()

    @pytest.mark.parametrize("query", ["status=bought", "color=red", "redeemed_from=yesterday", "member=1"])
    def test_refuses_other_filters(self, till: PartnerClient, query):
        response = till.get(f"/v1/redemptions?{query}")

        assert (response.status_code, response.json()["code"]) == (400, "invalid_filter")
        assert response.json()["parameter"] == query.partition("=")[0]

    def test_shows_nothing_of_another_program(self, today: Shop, coffee: Reward, outsider: PartnerClient):
        bought = today.redeems("coffee")

        assert outsider.get("/v1/redemptions").json()["data"] == []
        assert outsider.get(f"/v1/redemptions/{bought.id}").status_code == 404


def statements(work: Callable[[], Any]) -> int:
    """How many the work sends, without the savepoints that stand for its transactions here."""
    with CaptureQueriesContext(connection) as sent:
        assert work().status_code in (200, 201)
    return sum("SAVEPOINT" not in query["sql"] for query in sent.captured_queries)


class TestQueries:
    def test_are_few_for_reading(self, today: Shop, till: PartnerClient, coffee: Reward):
        bought = [today.redeems("coffee") for _ in range(3)][0]

        assert statements(lambda: till.get(f"/v1/redemptions/{bought.id}")) == 2
        # The credential, the member, the page.
        assert statements(lambda: till.get("/v1/redemptions?member=card:1001")) == 3
        assert statements(lambda: till.get("/v1/redemptions?reward=coffee")) == 3

    def test_are_three_for_buying_at_once(self, today: Shop, till: PartnerClient, coffee: Reward):
        Reward.objects.update(limit_per_member=9, limit_period="day")
        till.post("/v1/redemptions", WANTED)

        # The credential, what there is, what there will be.
        assert statements(lambda: till.post("/v1/redemptions", WANTED)) == 3

    def test_are_as_many_as_the_steps_of_a_life(self, today: Shop, till: PartnerClient, coffee: Reward):
        till.post("/v1/redemptions", WANTED)
        held = post(till, "hold", WANTED).json()["id"]

        # The credential, three for the key, four for the locks; then what each does.
        assert statements(lambda: post(till, "hold", WANTED)) == 15
        assert statements(lambda: post(till, f"{held}/confirm")) == 14
        assert statements(lambda: post(till, f"{held}/fulfil")) == 11
        assert statements(lambda: post(till, f"{held}/return")) == 18
