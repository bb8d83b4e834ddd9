"""Rewards that are for baskets of some size, wherever a basket is."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError

from members.models import Wallet
from rewards.models import Checkout, Redemption, Reward, Voucher
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.rewards.api.test_redemptions_api import statements
from tests.rewards.checkouts.conftest import reward
from tests.rewards.checkouts.test_api import (
    CHECKOUTS,
    at,
    contents,
    euros,
    line,
    opened,
    refused,
    wallet,
    wanted,
)

pytestmark = pytest.mark.usefixtures("_at_noon")

ADA = {"kind": "card", "value": "1001"}


@pytest.fixture
def from_twenty(rich: Shop) -> Reward:
    """500 points for 5 euros off, for baskets of 20 euros and more."""
    return reward(
        rich,
        "five-off",
        500,
        name="5 € off",
        discount_kind="amount",
        discount_amount=Decimal(5),
        minimum_basket=Decimal(20),
    )


class TestCheckout:
    def test_refuses_a_basket_that_is_too_small_and_says_what_is_missing(self, till, from_twenty):
        answer = till.post(CHECKOUTS, wanted(line("1", "19.99"), rewards=["five-off"]))

        assert refused(answer) == (422, "basket_too_small", "#/rewards/0")
        assert answer.json()["missing"] == euros("0.01")
        assert answer.json()["minimum"] == euros("20.00")
        assert answer.json()["detail"] == (
            "“5 € off” is for baskets of 20.00 EUR and more: 0.01 EUR is missing."
        )
        assert wallet() == (1000, 0)
        assert not Checkout.objects.exists()

    def test_takes_it_off_a_basket_that_is_just_large_enough(self, till, from_twenty):
        checkout = opened(till, line("1", "12.00"), line("2", "8.00"), rewards=["five-off"])

        assert checkout["total"] == euros("15.00")

    def test_looks_at_the_basket_before_anything_is_taken_off(self, till, rich: Shop, from_twenty):
        reward(rich, "half", 100, discount_kind="percent", discount_percent=Decimal(50))

        checkout = opened(till, line("1", "20.00"), rewards=["half", "five-off"])

        assert checkout["total"] == euros("5.00")

    def test_keeps_what_it_was_when_a_change_makes_the_basket_too_small(self, till, from_twenty):
        checkout = opened(till, line("1", "20.00"), rewards=["five-off"])
        smaller = contents(line("1", "12.00"), rewards=["five-off"])

        answer = till.edit("PUT", at(checkout), smaller)

        assert refused(answer) == (422, "basket_too_small", "#/rewards/0")
        assert till.get(at(checkout)).json()["total"] == euros("15.00")

    def test_holds_for_vouchers_too(self, till, rich: Shop, from_twenty):
        code = rich.redeems("five-off").voucher_code

        small = till.post(CHECKOUTS, wanted(line("1", "16.80"), vouchers=[code]))
        large = opened(till, line("1", "20.00"), vouchers=[code])

        assert refused(small) == (422, "basket_too_small", "#/vouchers/0")
        assert small.json()["missing"] == euros("3.20")
        assert large["total"] == euros("15.00")


class TestRedeeming:
    @pytest.mark.parametrize("address", ["/v1/redemptions", "/v1/redemptions/hold"])
    def test_refuses_a_basket_that_is_too_small_and_changes_nothing(self, till, from_twenty, address):
        answer = till.post(address, {"member": ADA, "reward": "five-off", "basket": euros("16.80")})

        assert refused(answer) == (422, "basket_too_small", "#/basket")
        assert answer.json()["missing"] == euros("3.20")
        assert wallet() == (1000, 0)
        assert not Redemption.objects.exists()

    def test_takes_a_basket_that_is_large_enough_and_one_that_is_not_told(self, till, from_twenty):
        told = till.post("/v1/redemptions", {"member": ADA, "reward": "five-off", "basket": euros("20.00")})
        untold = till.post("/v1/redemptions", {"member": ADA, "reward": "five-off"})

        assert (told.status_code, untold.status_code) == (201, 201)

    def test_takes_money_of_the_program_only(self, till, from_twenty):
        basket = {"amount": "20.00", "currency": "USD"}

        answer = till.post("/v1/redemptions", {"member": ADA, "reward": "five-off", "basket": basket})

        assert refused(answer) == (422, "invalid_input", "#/basket/currency")

    def test_takes_as_few_statements_as_without(self, till, from_twenty):
        buying = {"member": ADA, "reward": "five-off", "basket": euros("20.00")}
        till.post("/v1/redemptions", buying)

        # The credential, what there is, what there will be.
        assert statements(lambda: till.post("/v1/redemptions", buying)) == 3


class TestPreview:
    def preview(self, till: PartnerClient, **more: Any) -> Any:
        answer = till.post("/v1/redemptions/preview", {"member": ADA, "reward": "five-off", **more})
        assert answer.status_code == 200, answer.content
        return answer.json()

    def test_says_what_is_missing(self, till, from_twenty):
        found = self.preview(till, basket=euros("16.80"))

        assert (found["is_possible"], found["refusal"]["code"]) == (False, "basket_too_small")
        assert found["basket_missing"] == euros("3.20")

    def test_finds_it_possible_with_a_basket_that_is_large_enough(self, till, from_twenty):
        found = self.preview(till, basket=euros("20.00"))

        assert (found["is_possible"], found["basket_missing"]) == (True, None)


class TestVouchers:
    def test_are_checked_against_the_basket(self, till, rich: Shop, from_twenty):
        code = rich.redeems("five-off").voucher_code

        small = till.post("/v1/vouchers/check", {"code": code, "basket": euros("16.80")}).json()
        large = till.post("/v1/vouchers/check", {"code": code, "basket": euros("20.00")}).json()

        told = (small["is_usable"], small["reason"], small["basket_missing"])
        assert told == (False, "basket_too_small", euros("3.20"))
        assert (large["is_usable"], large["reason"], large["basket_missing"]) == (True, None, None)

    def test_are_not_used_for_a_basket_that_is_too_small(self, till, rich: Shop, from_twenty):
        code = rich.redeems("five-off").voucher_code
        use = {"code": code, "external_id": "receipt-9", "basket": euros("16.80")}

        answer = till.post("/v1/vouchers/use", use)

        assert refused(answer) == (422, "basket_too_small", "#/basket")
        assert Voucher.objects.get().uses == 0


class TestTelling:
    def test_stands_in_the_catalogue_and_with_what_the_member_may_have(self, till, from_twenty):
        catalogue = till.get("/v1/rewards/five-off").json()
        status = till.get("/v1/members/card:1001/status").json()
        listed = till.get("/v1/members/card:1001/rewards").json()

        assert catalogue["discount"]["minimum_basket"] == "20.00"
        assert [one["minimum_basket"] for one in status["rewards"]] == ["20.00"]
        assert [one["minimum_basket"] for one in listed["data"]] == ["20.00"]


class TestConstraint:
    @pytest.mark.parametrize(
        "values", [{"discount_kind": "none"}, {"minimum_basket": 0}], ids=["no discount", "nothing"]
    )
    def test_keeps_minimums_that_mean_nothing_out(self, rich: Shop, values):
        given = {"discount_kind": "percent", "discount_percent": 10, "minimum_basket": 20, **values}
        if given["discount_kind"] == "none":
            given["discount_percent"] = None

        with pytest.raises(IntegrityError, match="a_minimum_basket_belongs_to_a_discount"):
            reward(rich, "odd", 100, **given)


def test_a_reward_that_cannot_be_paid_is_not_told_whatever_its_minimum(till, from_twenty):
    Wallet.objects.update(available=0)

    assert till.get("/v1/members/card:1001/status").json()["rewards"] == []
