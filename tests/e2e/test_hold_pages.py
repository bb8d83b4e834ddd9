"""What support does about reserved points, in a real browser. Leaves pictures in var/screenshots."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from loyalty.core.models import Program
from members import holds
from members.models import Member, Wallet
from tests.cast import Shop
from tests.e2e.conftest import DESKTOP, NARROW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_support_gives_reserved_points_free_from_the_members_page(
    visitors, staffed: Program, ada: Member, shop: Shop
):
    shop.sells("receipt-1", "1700.00")
    now = replace(shop, at=timezone.now() - timedelta(minutes=3))
    now.holds(500)
    paid, left = now.holds(120), now.holds(80)
    holds.settle(paid.hold.id, points=90, sale_external_id="till-7/000123", **now._where())
    holds.release(left.hold.id, **now._where())
    support = visitors("support", DESKTOP)
    page = support.logs_in("support@example.org")

    support.goes_to("/admin/members/hold/")
    support.looks("holds")
    support.goes_to("/admin/members/hold/?q=nobody")
    support.looks("holds-none")
    support.goes_to(f"/admin/members/hold/{paid.hold.id}/change/")
    support.looks("hold-settled")
    support.goes_to(f"/admin/members/member/{ada.pk}/change/")
    support.looks("member-with-hold")
    page.get_by_role("button", name="Give free").click()
    support.looks("member-without-hold")

    expect(page.get_by_text("500 points are free again.")).to_be_visible()
    expect(page.get_by_text("Reserved at a checkout")).to_have_count(0)
    assert (Wallet.objects.get().available, Wallet.objects.get().held) == (1610, 0)


def test_open_holds_are_read_on_a_phone(visitors, staffed: Program, ada: Member, shop: Shop):
    shop.sells("receipt-1", "700.00")
    held = replace(shop, at=timezone.now()).holds(500)
    support = visitors("support", NARROW)
    support.logs_in("support@example.org")

    support.goes_to("/admin/members/hold/?status__exact=held")
    support.looks("holds-narrow")
    support.goes_to(f"/admin/members/hold/{held.hold.id}/change/")
    support.looks("hold-narrow")
    support.goes_to(f"/admin/members/member/{ada.pk}/change/")
    support.looks("member-with-hold-narrow")
