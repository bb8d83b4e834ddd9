"""What staff do about codes: those of a third party, a voucher, and those of members who invite."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from loyalty.core.models import Program
from members.models import Member, WalletType
from members.references import MemberReference
from rewards.happenings import inviting
from rewards.models import Referral, Reward
from tests import factories
from tests.cast import Shop
from tests.e2e.conftest import DESKTOP

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cinema(staffed: Program, ada: Member, shop: Shop) -> Reward:
    reward: Reward = factories.RewardFactory.create(
        program=staffed,
        key="cinema",
        name="Cinema ticket",
        wallet_type=WalletType.objects.get(),
        price=100,
        codes_from="uploaded",
        stock=0,
        discount_kind="amount",
        discount_amount=Decimal(5),
        minimum_basket=Decimal(20),
    )
    return reward


def test_a_marketer_uploads_codes_and_sees_which_lines_brought_none(visitors, cinema: Reward, tmp_path):
    codes = tmp_path / "codes.csv"
    codes.write_text("code\nCINE-0001\nCINE-0002\ntwo words\nCINE-0002\n")
    marketer = visitors("marketer", DESKTOP)
    page = marketer.logs_in("marketer@example.org")

    marketer.goes_to(f"/admin/rewards/reward/{cinema.pk}/change/")
    marketer.looks("reward-without-codes")
    expect(page.get_by_text("0 codes are left: upload more.")).to_be_visible()
    page.get_by_role("link", name="Upload codes").first.click()
    page.locator("input[name=file]").set_input_files(codes)
    marketer.looks("codes-upload")
    page.get_by_role("button", name="Upload the codes").click()
    marketer.looks("codes-uploaded")

    expect(page.get_by_text("2 codes are added")).to_be_visible()
    expect(page.get_by_text("it is in line 3, too")).to_be_visible()
    marketer.goes_to("/admin/rewards/reward/")
    marketer.looks("rewards-with-codes")
    expect(page.get_by_text("Few codes left")).to_be_visible()


def test_support_makes_a_voucher_void(visitors, cinema: Reward, shop: Shop):
    Reward.objects.update(codes_from="made", stock=None)
    now = replace(shop, at=timezone.now() - timedelta(minutes=3))
    now.sells("receipt-1", "2000.00")
    bought = now.redeems("cinema")
    support = visitors("support", DESKTOP)
    page = support.logs_in("support@example.org")

    support.goes_to(f"/admin/rewards/redemption/{bought.id}/change/")
    support.looks("voucher-to-void")
    void = page.locator("form", has_text="Make the voucher void")
    void.locator("[name=reason]").fill("Was on a stolen phone")
    void.get_by_role("button", name="Make it void").click()
    support.looks("voucher-void")

    expect(page.get_by_text("Its voucher is void.")).to_be_visible()


def test_support_ends_a_referral_code(visitors, staffed: Program, ada: Member, shop: Shop):
    code = inviting.invite(MemberReference("card", "1001"), program=staffed, at=shop.at)
    for number, status in enumerate(("waiting", "qualified")):
        friend = factories.MemberFactory.create(program=staffed, first_name=("Grace", "Mary")[number])
        Referral.objects.create(
            program=staffed,
            member=ada,
            friend=friend,
            status=status,
            registered_at=shop.at + timedelta(days=number),
        )
    support = visitors("support", DESKTOP)
    page = support.logs_in("support@example.org")

    support.goes_to("/admin/rewards/referralcode/")
    support.looks("referral-codes")
    page.get_by_role("link", name=code.code).first.click()
    support.looks("referral-code")
    page.locator("[name=reason]").fill("Sold on the web")
    page.get_by_role("button", name="Disable").click()
    support.looks("referral-code-disabled")

    expect(page.get_by_text("Nobody is brought by this code any more.")).to_be_visible()
