from typing import Any

import pytest

from members.models import Member, MemberStatus
from rewards.models import Activity, BudgetSlot, CampaignCount, Redemption, Reward
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient

pytestmark = pytest.mark.usefixtures("base_rule", "ladder")

POINTS: dict[str, str | int] = {"kind": "fixed_points", "wallet_type": "points", "points": 100}


def basket(paid: str = "46.00", **more: Any) -> dict[str, Any]:
    member = {"kind": "card", "value": "1001"}
    return {"member": member, "amount": {"amount": paid, "currency": "EUR"}} | more


@pytest.fixture
def big(shop: Shop) -> None:
    """100 points for 50 euros, once a day."""
    run(shop, "big", POINTS, limits={"per_member": [{"times": 1, "per": "day"}]})


def run(shop: Shop, key: str, *effects: dict[str, str | int], **parts: Any) -> None:
    campaigns.publish(
        factories.CampaignFactory.create(program=shop.program, key=key, name=key.title()),
        definition={
            "trigger": {"kind": "sale"},
            "conditions": {"all": [{"fact": "sale.amount", "operator": "gte", "value": "50.00"}]},
            "effects": list(effects),
            **parts,
        },
        by=None,
        at=shop.at,
        effective_at=shop.later(days=-1).at,
    )


class TestPreview:
    def test_says_what_recording_it_would_say(self, till: PartnerClient, ada: Member, big: None):
        previewed = till.post("/v1/transactions/preview", basket("60.00")).json()

        sale = {"kind": "sale", "external_id": "r1", "occurred_at": "2026-06-01T12:00:00Z", **basket("60.00")}
        booked = till.post("/v1/transactions", sale).json()
        for name in ("points", "awards", "wallets", "tier", "messages", "gifts", "member_id"):
            assert previewed[name] == booked[name], name
        assert (previewed["points"], previewed["near"]) == (160, [])

    def test_books_nothing(self, till: PartnerClient, ada: Member, big: None):
        till.post("/v1/transactions/preview", basket("60.00"))

        assert not Activity.objects.exists()
        assert not CampaignCount.objects.exists()

    def test_needs_no_key_and_is_never_a_repeat(self, till: PartnerClient, ada: Member):
        first = till.post("/v1/transactions/preview", basket(), idempotency_key="k1")
        second = till.post("/v1/transactions/preview", basket("13.00"), idempotency_key="k1")

        assert (first.status_code, second.status_code) == (200, 200)
        assert (first.json()["points"], second.json()["points"]) == (46, 13)
        assert till.post("/v1/transactions/preview", basket(), idempotency_key=None).status_code == 200

    def test_names_near_offers_in_words_and_numbers(self, till: PartnerClient, ada: Member, big: None):
        (offer,) = till.post("/v1/transactions/preview", basket()).json()["near"]

        assert offer == {
            "campaign": "big",
            "name": "Big",
            "text": "€4.00 more for 100 extra points",
            "missing": [
                {"unit": "amount", "text": "€4.00 more", "amount": {"amount": "4.00", "currency": "EUR"}}
            ],
            "points": [{"wallet_type": "points", "points": 100}],
            "gifts": [],
            "not_with": [],
        }

    def test_offers_nothing_that_the_member_had_today(self, till: PartnerClient, ada: Member, big: None):
        sale = {"kind": "sale", "external_id": "r1", **basket("60.00")}
        now = till.post("/v1/transactions", sale | {"occurred_at": "2026-06-01T12:00:00Z"})

        previewed = till.post("/v1/transactions/preview", basket(occurred_at="2026-06-01T13:00:00Z")).json()

        assert now.json()["points"] == 160
        assert previewed["near"] == []

    def test_offers_no_more_than_a_budget_has_left(self, till: PartnerClient, ada: Member, shop: Shop):
        run(shop, "few", POINTS, limits={"in_all": [{"points": 70}]})

        (offer,) = till.post("/v1/transactions/preview", basket()).json()["near"]

        assert offer["text"] == "€4.00 more for 70 extra points"
        assert sum(slot.used for slot in BudgetSlot.objects.all()) == 0

    def test_sees_who_is_not_known_as_one_who_joins(self, till: PartnerClient, big: None):
        previewed = till.post("/v1/transactions/preview", {"amount": basket("60.00")["amount"]}).json()

        assert previewed["member_id"] is None
        assert (previewed["points"], previewed["tier"]) == (160, "basic")
        assert previewed["wallets"] == [{"type": "points", "available": 160, "pending": 0, "held": 0}]

    def test_says_which_tier_it_would_lead_to(self, till: PartnerClient, ada: Member):
        previewed = till.post("/v1/transactions/preview", basket("1000.00")).json()

        assert (previewed["tier_before"], previewed["tier"]) == ("basic", "silver")

    def test_tells_of_a_gift_without_its_code(self, till: PartnerClient, ada: Member, shop: Shop):
        factories.RewardFactory.create(
            program=shop.program,
            key="coffee",
            stock=3,
            wallet_type=shop.program.wallet_types.get(key="points"),
        )
        run(shop, "gift", {"kind": "reward", "reward": "coffee"})

        previewed = till.post("/v1/transactions/preview", basket("60.00")).json()

        assert previewed["gifts"] == [{"kind": "reward", "campaign": "gift", "key": "coffee"}]
        assert not Redemption.objects.exists()
        assert Reward.objects.get().stock == 3

    @pytest.mark.parametrize(
        ("change", "status", "pointer"),
        [
            ({"member": {"kind": "card", "value": "9999"}}, 404, "#/member/value"),
            ({"amount": {"amount": "1.00", "currency": "USD"}}, 422, "#/amount/currency"),
            ({"amount": {"amount": "-1.00", "currency": "EUR"}}, 422, "#/amount/amount"),
            ({"occurred_at": "2126-06-01T12:00:00Z"}, 422, "#/occurred_at"),
            ({"external_id": "r1"}, 422, "#/external_id"),
            ({"lines": [{"id": "1"}]}, 422, "#/lines/0/sku"),
        ],
    )
    def test_names_what_is_wrong(self, till: PartnerClient, ada: Member, change, status, pointer):
        answer = till.post("/v1/transactions/preview", basket() | change)

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, pointer)

    def test_refuses_a_blocked_member(self, till: PartnerClient, ada: Member):
        Member.objects.update(status=MemberStatus.BLOCKED)

        answer = till.post("/v1/transactions/preview", basket())

        assert (answer.status_code, answer.json()["code"]) == (409, "member_blocked")

    def test_takes_two_statements(self, till: PartnerClient, ada: Member, big, django_assert_num_queries):
        till.post("/v1/transactions/preview", basket())

        with django_assert_num_queries(2):
            till.post("/v1/transactions/preview", basket())
