from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine

from members.models import Member
from rewards.models import Badge, Challenge
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient

PARTS = ("activities", "badges", "challenges", "rewards", "redemptions", "vouchers")


@pytest.fixture(autouse=True)
def _at_noon(noon: datetime) -> Iterator[None]:
    with time_machine.travel(noon, tick=False):
        yield


def part(till: PartnerClient, name: str, **filters: str) -> list[dict[str, Any]]:
    response = till.get(f"/v1/members/card:1001/{name}", filters)
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["data"]
    return found


def gives(program: Any, *effects: dict[str, Any], at: datetime) -> None:
    campaigns.publish(
        factories.CampaignFactory.create(program=program),
        definition={"trigger": {"kind": "sale"}, "effects": list(effects)},
        by=None,
        at=at,
        effective_at=at - timedelta(days=900),
    )
    program.refresh_from_db()


class TestAnyPart:
    @pytest.mark.parametrize("name", PARTS)
    def test_is_empty_at_first(self, till, ada, ladder, name):
        assert part(till, name) == []

    @pytest.mark.parametrize("name", PARTS)
    def test_of_nobody_is_not_found(self, till, outsider, ada, name):
        assert till.get(f"/v1/members/card:9999/{name}").status_code == 404
        assert outsider.get(f"/v1/members/{ada.pk}/{name}").status_code == 404

    @pytest.mark.parametrize("name", PARTS)
    def test_refuses_parameters_that_it_does_not_know(self, till, ada, name):
        response = till.get(f"/v1/members/card:1001/{name}?member=card:1001")

        assert (response.status_code, response.json()["code"]) == (400, "invalid_filter")


class TestActivities:
    def test_show_what_the_member_did_and_what_it_earned(
        self, till, ada, shop: Shop, django_assert_num_queries
    ):
        shop.sells("receipt-1", "12.50", store="berlin-mitte")
        shop.hears_of("login-1", "app.login")
        shop.takes_back("return-1", "receipt-1", "2.50")

        with django_assert_num_queries(3):
            back, login, sale = part(till, "activities")

        assert (sale["kind"], sale["store"], sale["points"], sale["source"]) == (
            "sale", "berlin-mitte", 12, "till"
        )  # fmt: skip
        assert sale["amount"] == {"amount": "12.50", "currency": "EUR"}
        assert sale["returned"] == {"amount": "2.50", "currency": "EUR"}
        assert [(award["campaign"], award["points"]) for award in sale["awards"]] == [("base", 12)]
        assert (login["kind"], login["event_type"], login["amount"]) == ("event", "app.login", None)
        assert (back["kind"], back["points"], back["returned"]) == ("return", -2, None)

    def test_can_be_filtered(self, till, ada, shop: Shop):
        shop.sells("receipt-1", "10.00")
        shop.later(hours=1).sells("receipt-2", "10.00", occurred_at=shop.at - timedelta(days=2))
        shop.hears_of("login-1", "app.login")

        def ids(**filters: str) -> list[str]:
            return [one["external_id"] for one in part(till, "activities", **filters)]

        assert ids(kind="sale") == ["receipt-1", "receipt-2"]
        assert ids(event_type="app.login") == ["login-1"]
        assert ids(kind="sale", occurred_from="2026-06-01T12:00:00Z") == ["receipt-1"]
        assert ids(occurred_before="2026-06-01T12:00:00Z") == ["receipt-2"]

    def test_come_in_pages(self, till, ada, shop: Shop):
        for number in range(3):
            shop.sells(f"receipt-{number}", "10.00")

        first = till.get("/v1/members/card:1001/activities", {"limit": 2}).json()
        second = till.get(first["next"]).json()

        shown = [one["external_id"] for one in (*first["data"], *second["data"])]
        assert shown == ["receipt-2", "receipt-1", "receipt-0"]


class TestBadgesAndChallenges:
    def test_show_the_badges_of_the_member(self, till, ada, shop: Shop, django_assert_num_queries):
        Badge.objects.create(program=shop.program, key="early", name="Early bird")
        gives(shop.program, {"kind": "badge", "badge": "early"}, at=shop.at)
        shop.sells("receipt-1", "10.00")

        with django_assert_num_queries(3):
            badges = part(till, "badges")

        assert badges == [{"key": "early", "name": "Early bird", "earned_at": "2026-06-01T12:00:00Z"}]

    def test_show_all_challenges_with_the_members_progress(
        self, till, ada, shop: Shop, django_assert_num_queries
    ):
        Challenge.objects.create(program=shop.program, key="card", name="Stamp card", goal=2)
        Challenge.objects.create(program=shop.program, key="later", name="Later", goal=3)
        gives(shop.program, {"kind": "challenge_progress", "challenge": "card"}, at=shop.at)
        for number in range(2):
            shop.sells(f"receipt-{number}", "10.00")

        with django_assert_num_queries(3):
            later, card = part(till, "challenges")

        assert (later["key"], later["progress"], later["completions"]) == ("later", 0, 0)
        assert (card["key"], card["progress"], card["completions"], card["goal"]) == ("card", 2, 1, 2)


class TestRewards:
    def test_are_those_that_would_not_be_refused(
        self, till, ada, shop: Shop, points, django_assert_num_queries
    ):
        made = {"program": shop.program, "wallet_type": points}
        factories.RewardFactory.create(**made, key="coffee", price=50)
        factories.RewardFactory.create(**made, key="cake", price=80, limit_per_member=1)
        factories.RewardFactory.create(**made, key="mug", price=500)
        shop.sells("receipt-1", "200.00")

        before = part(till, "rewards")
        shop.redeems("cake")
        with django_assert_num_queries(2):
            after = part(till, "rewards")

        assert [one["key"] for one in before] == ["coffee", "cake"]
        assert after == [
            {
                "key": "coffee",
                "name": "Free coffee",
                "wallet_type": "points",
                "price": 50,
                "minimum_basket": None,
            }
        ]

    def test_are_none_for_one_who_is_blocked(self, till, ada, shop: Shop, points):
        factories.RewardFactory.create(program=shop.program, wallet_type=points, price=1)
        shop.sells("receipt-1", "200.00")
        Member.objects.update(status="blocked")

        assert part(till, "rewards") == []


class TestRedemptions:
    def test_are_the_members_own_with_their_codes(
        self, till, ada, shop: Shop, points, django_assert_num_queries
    ):
        bert = factories.MemberFactory.create(program=shop.program)
        factories.IdentifierFactory.create(member=bert, kind="card", value="2002")
        factories.RewardFactory.create(program=shop.program, wallet_type=points, key="coffee", price=50)
        shop.sells("receipt-1", "200.00")
        bought = shop.redeems("coffee")

        with django_assert_num_queries(3):
            (mine,) = part(till, "redemptions")

        assert (mine["id"], mine["voucher"]["code"]) == (str(bought.id), bought.voucher_code)
        assert till.get("/v1/members/card:2002/redemptions").json()["data"] == []
        assert part(till, "redemptions", status="cancelled") == []

    def test_vouchers_are_told_without_their_codes(
        self, till, ada, shop: Shop, points, django_assert_num_queries
    ):
        factories.RewardFactory.create(program=shop.program, wallet_type=points, key="coffee", price=50)
        shop.sells("receipt-1", "200.00")
        bought = shop.redeems("coffee")

        with django_assert_num_queries(3):
            (voucher,) = part(till, "vouchers", status="issued")

        assert voucher["redemption_id"] == str(bought.id)
        assert bought.voucher_code not in str(voucher)
