"""What support does about redemptions, in a real browser. Leaves pictures in var/screenshots."""

from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from loyalty.core.models import Program
from members.models import Member, Wallet
from rewards import redeeming
from rewards.redeeming import vouchers
from tests import factories
from tests.cast import Shop
from tests.e2e.conftest import DESKTOP, NARROW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def today(shop: Shop, ada: Member, points: Any) -> Shop:
    factories.RewardFactory.create(
        program=shop.program,
        wallet_type=points,
        key="coffee",
        name="A month of coffee",
        stock=9,
        voucher_uses=30,
        limit_per_member=3,
        limit_period="month",
    )
    shop.sells("receipt-1", "2700.00")
    return replace(shop, at=timezone.now())


def test_support_hands_over_cancels_and_takes_back(visitors, staffed: Program, today: Shop):
    bought, used, held = today.redeems("coffee"), today.redeems("coffee"), today.reserves("coffee")
    by_the_till: dict[str, Any] = {"program": today.program, "source": "till"}
    for number in range(2):
        vouchers.use(used.voucher_code, external_id=f"till-7/{number}", at=today.at, **by_the_till)
    vouchers.roll_back(used.voucher_code, external_id="till-7/1", at=today.at, **by_the_till)
    support = visitors("support", DESKTOP)
    page = support.logs_in("support@example.org")

    support.goes_to("/admin/rewards/redemption/")
    support.looks("redemptions")
    support.goes_to(f"/admin/rewards/redemption/{held.pk}/change/")
    support.looks("redemption-held")
    support.goes_to(f"/admin/rewards/redemption/{bought.id}/change/")
    support.looks("redemption-confirmed")
    page.get_by_label("Tracking").scroll_into_view_if_needed()
    support.looks("redemption-actions")
    page.get_by_label("Tracking").fill("JD014600006228974")
    page.get_by_role("button", name="Handed over").click()
    expect(page.get_by_text("Handed over.", exact=True)).to_be_visible()
    support.looks("redemption-fulfilled")
    support.goes_to(f"/admin/rewards/redemption/{used.id}/change/")
    support.looks("redemption-voucher-used")
    taken_back = page.locator("form", has=page.get_by_role("button", name="Returned"))
    taken_back.get_by_label("Reason").scroll_into_view_if_needed()
    support.looks("redemption-uses")
    taken_back.get_by_label("Reason").fill("The machine is broken")
    page.get_by_role("button", name="Returned").click()
    expect(page.get_by_text("Returned: the points are back.")).to_be_visible()
    support.looks("redemption-returned")

    assert Wallet.objects.get().available == 2700 - 2 * 500
    assert redeeming.read(used.id, program=today.program).status == "returned"


def test_redemptions_are_read_on_a_phone_and_rewards_are_set_up(visitors, staffed: Program, today: Shop):
    bought = today.redeems("coffee")
    support = visitors("support", NARROW)
    support.logs_in("support@example.org")
    marketer = visitors("marketer", DESKTOP)
    marketer.logs_in("marketer@example.org")

    support.goes_to(f"/admin/rewards/redemption/{bought.id}/change/")
    support.looks("redemption-narrow")
    marketer.goes_to("/admin/rewards/reward/")
    marketer.looks("rewards")
    reward = redeeming.read(bought.id, program=today.program).reward
    marketer.goes_to(f"/admin/rewards/reward/{reward.pk}/change/")
    marketer.looks("reward")
