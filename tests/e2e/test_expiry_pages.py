"""What finance and marketers do about expiry, in a real browser. Leaves pictures in var/screenshots."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from loyalty.core.models import Program
from members import expiry
from members.models import TierLadder, WalletType
from members.references import MemberReference
from rewards.models import Campaign
from tests import factories
from tests.cast import Shop
from tests.e2e.conftest import DESKTOP, NARROW, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitors = Callable[..., Visitor]
NAMES = [
    ("Ada", "Lovelace"),
    ("Grace", "Hopper"),
    ("Mary", "Jackson"),
    ("Hedy", "Lamarr"),
    ("Joan", "Clarke"),
]


@pytest.fixture
def busy(staffed: Program, points: WalletType, ladder: TierLadder, base_rule: Campaign) -> Program:
    """A program whose points live for 90 days, with purchases on many of the last 110."""
    points.expiry_rule, points.expires_after, points.warns_days_before = "days", 90, 14
    points.save()
    factories.WalletTypeFactory.create(
        program=staffed, key="status", name="Status points", is_spendable=False
    )
    staffed.refresh_from_db()
    for number, (first, last) in enumerate(NAMES):
        factories.IdentifierFactory.create(
            member__program=staffed, member__first_name=first, member__last_name=last, value=f"m{number}"
        )
    now = timezone.now()
    for back in range(110, 0, -2):
        shop = Shop(program=staffed, at=now - timedelta(days=back))
        for number in range(1 + back % 5):
            shop.sells(
                f"r-{back}-{number}", f"{20 + back % 7 * 13}.00", member=MemberReference("card", f"m{number}")
            )
    list(expiry.run(staffed, at=now - timedelta(days=10)))
    list(expiry.run(staffed, at=now))
    return staffed


def test_finance_sees_what_will_expire_and_undoes_a_run(busy: Program, visitors: Visitors) -> None:
    visitor = visitors("finance", DESKTOP)
    page = visitor.logs_in("finance@example.org")

    visitor.goes_to("/admin/members/expiryrun/")
    page.wait_for_timeout(500)
    visitor.looks("expiry")
    page.screenshot(path="var/screenshots/expiry-whole.png", full_page=True)
    page.get_by_role("link", name="See whose points").first.click()
    visitor.looks("expiry-members")
    visitor.goes_to("/admin/members/expiryrun/")
    page.get_by_role("link", name="Undo").first.click()
    visitor.looks("expiry-undo")
    page.get_by_role("button", name="Give the points back").click()
    expect(page.get_by_text("come back within minutes")).to_be_visible()
    expect(page.get_by_text("Being undone").first).to_be_visible()


def test_a_marketer_puts_points_on_hold_from_a_phone(busy: Program, visitors: Visitors) -> None:
    visitor = visitors("marketer", NARROW)
    page = visitor.logs_in("marketer@example.org")

    visitor.goes_to("/admin/members/expiryrun/")
    page.get_by_role("button", name="Put on hold").first.click()
    expect(page.get_by_text("do not expire until you release them")).to_be_visible()
    page.screenshot(path="var/screenshots/expiry-narrow.png", full_page=True)
    visitor.looks()
    page.get_by_role("button", name="Release").click()
    expect(page.get_by_text("expire again")).to_be_visible()


def test_an_administrator_reads_the_rules_of_a_kind_of_points(busy: Program, visitors: Visitors) -> None:
    visitor = visitors("administrator", DESKTOP)
    page = visitor.logs_in("administrator@example.org")
    points = WalletType.objects.get(key="points")

    visitor.goes_to(f"/admin/members/wallettype/{points.pk}/change/")
    page.screenshot(path="var/screenshots/kind-of-points.png", full_page=True)
    visitor.goes_to(f"/admin/members/tierladder/{TierLadder.objects.get().pk}/change/")
    page.screenshot(path="var/screenshots/tiers-with-expiry.png", full_page=True)
    visitor.goes_to("/admin/members/expiryrun/?days=365")
    visitor.looks()
