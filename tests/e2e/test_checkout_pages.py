"""What staff see of checkouts, and how what they use is set up. Leaves pictures in var/screenshots."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from loyalty.core.models import Program
from members.models import Member, Wallet, WalletType
from rewards.checkouts.contents import PointsWanted
from rewards.models import Reward
from tests import factories
from tests.cast import Shop, line
from tests.e2e.conftest import DESKTOP, NARROW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def busy(staffed: Program, ada: Member, shop: Shop) -> Shop:
    """Ada is about to pay, with 300 points, a reward and a voucher."""
    WalletType.objects.update(checkout_points=100, checkout_amount=Decimal("1.00"))
    for key, price, off in (("five-off", 500, "5.00"), ("two-off", 200, "2.00")):
        factories.RewardFactory.create(
            program=staffed,
            key=key,
            price=price,
            wallet_type=WalletType.objects.get(),
            discount_kind="amount",
            discount_amount=Decimal(off),
        )
    shop.program.refresh_from_db()
    now = replace(shop, at=timezone.now() - timedelta(minutes=3))
    now.sells("receipt-1", "2000.00")
    code = now.redeems("two-off").voucher_code
    now.checks_out(
        "0.00",
        lines=(line("beans", "18.40", quantity="2"), line("delivery", "4.00")),
        points=(PointsWanted(wallet_type="points", points=300),),
        rewards=("five-off",),
        vouchers=(code,),
    )
    return now


def test_support_ends_a_checkout_that_keeps_what_the_member_waits_for(visitors, busy: Shop):
    support = visitors("support", DESKTOP)
    page = support.logs_in("support@example.org")

    support.goes_to("/admin/rewards/checkout/")
    support.looks("checkouts")
    page.locator("#result_list tbody tr a").first.click()
    support.looks("checkout")
    page.get_by_role("button", name="Abandon").click()
    support.looks("checkout-abandoned")

    expect(page.get_by_text("Everything that it had reserved is free again.")).to_be_visible()
    expect(page.get_by_role("button", name="Abandon")).to_have_count(0)
    assert (Wallet.objects.get().available, Wallet.objects.get().held) == (1800, 0)


def test_is_read_on_a_phone(visitors, busy: Shop):
    support = visitors("support", NARROW)
    page = support.logs_in("support@example.org")

    support.goes_to("/admin/rewards/checkout/")
    page.locator("#result_list tbody tr a").first.click()
    support.looks("checkout-narrow")


def test_a_marketer_says_what_a_reward_takes_off(visitors, busy: Shop):
    marketer = visitors("marketer", DESKTOP)
    page = marketer.logs_in("marketer@example.org")

    marketer.goes_to(f"/admin/rewards/reward/{Reward.objects.get(key='five-off').pk}/change/")
    marketer.looks("reward-discount")
    page.locator("[name=discount_kind]").select_option("percent")
    page.locator("[name=discount_percent]").fill("10")
    page.locator("[name=discount_maximum]").fill("20")
    marketer.looks("reward-discount-percent")
    page.get_by_role("button", name="Save", exact=True).click()

    page.wait_for_url("**/admin/rewards/reward/")
    reward = Reward.objects.get(key="five-off")
    assert (reward.discount_kind, reward.discount_amount) == ("percent", None)
    assert reward.discount_percent == Decimal(10)
    assert reward.discount_maximum == Decimal(20)


def test_an_administrator_says_what_points_pay(visitors, busy: Shop):
    administrator = visitors("administrator", DESKTOP)
    page = administrator.logs_in("administrator@example.org")
    points = WalletType.objects.get()

    administrator.goes_to(f"/admin/members/wallettype/{points.pk}/change/")
    page.locator("[name=checkout_points]").fill("")
    page.get_by_role("button", name="Save", exact=True).click()
    administrator.looks("rate-lacking")
    expect(page.get_by_text("Say both: how many points pay how much.")).to_be_visible()
    page.locator("[name=checkout_points]").fill("200")
    page.get_by_role("button", name="Save", exact=True).click()

    page.wait_for_url("**/admin/members/wallettype/")
    points.refresh_from_db()
    assert points.checkout_points == 200
