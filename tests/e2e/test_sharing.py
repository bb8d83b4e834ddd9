"""Support passes points on, fills a household and merges two records, in a real browser."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import ViewportSize, expect

from loyalty.core.models import Program
from members.models import Member, WalletType
from members.references import MemberReference
from tests import factories
from tests.cast import Shop
from tests.e2e.conftest import DESKTOP, NARROW, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitors = Callable[..., Visitor]


@pytest.fixture
def family(staffed: Program, ada: Member, shop: Shop) -> list[Member]:
    """Ada, her husband William, and a second record of hers with another card."""
    WalletType.objects.update(
        transfers_to="anyone", transfer_minimum=50, transfer_monthly_limit=2_000, transfer_fee_percent=2
    )
    Member.objects.filter(pk=ada.pk).update(birth_date="1990-12-10")
    people = [ada]
    for first, card, born in (("William", "2002", "1988-02-21"), ("Augusta Ada", "3003", "1990-12-10")):
        person = factories.MemberFactory.create(program=staffed, first_name=first, birth_date=born)
        factories.IdentifierFactory.create(member=person, value=card)
        factories.IdentifierFactory.create(member=person, kind="email", value=f"{card}@example.org")
        people.append(person)
    today = timezone.now() - timedelta(hours=2)
    for receipt, days, amount, card in (
        ("r-1", 9, "640.00", "1001"),
        ("r-2", 6, "210.50", "2002"),
        ("r-3", 5, "420.00", "3003"),
        ("r-4", 2, "88.00", "3003"),
    ):
        at = today - timedelta(days=days)
        till = Shop(program=Program.objects.get(pk=staffed.pk), at=at)
        WalletType.objects.update(expiry_rule="days", expires_after=60 + 10 * days)
        till.program.refresh_from_db()
        till.sells(receipt, amount, store="Market Square", member=MemberReference("card", card))
    return people


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_support_shares_and_merges(visitors: Visitors, family: list[Member], size: ViewportSize):
    ada, william, double = family
    name = "desktop" if size == DESKTOP else "narrow"
    sue = visitors("sue", size)
    page = sue.logs_in("support@example.org")

    sue.goes_to(f"/admin/members/member/{ada.pk}/transfer/")
    sue.looks(f"sharing-transfer-find-{name}")
    page.get_by_role("searchbox", name="Card, e-mail").fill("love")
    page.get_by_role("button", name="Search").click()
    sue.looks(f"sharing-transfer-found-{name}")
    page.get_by_role("listitem").filter(has_text="William").get_by_role("link", name="Choose").click()
    page.get_by_label("How many").fill("20")
    page.get_by_role("button", name="Transfer the points").click()
    expect(page.get_by_text("At least 50 points")).to_be_visible()
    sue.looks(f"sharing-transfer-refused-{name}")
    page.get_by_label("How many").fill("120")
    page.get_by_role("button", name="Transfer the points").click()
    expect(page.get_by_role("button", name="Undo the transfer")).to_be_visible()
    sue.looks(f"sharing-transfer-made-{name}")

    sue.goes_to(f"/admin/members/member/{ada.pk}/household/")
    sue.looks(f"sharing-household-none-{name}")
    page.get_by_role("button", name="Start a household").click()
    page.get_by_role("searchbox", name="Card, e-mail").fill("2002")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("is in the household now")).to_be_visible()
    sue.looks(f"sharing-household-{name}")

    sue.goes_to(f"/admin/members/member/{ada.pk}/merge/")
    sue.looks(f"sharing-merge-find-{name}")
    page.get_by_role("link", name="Compare").first.click()
    sue.looks(f"sharing-merge-preview-{name}")
    page.get_by_role("button", name="Merge the two records").click()
    expect(page.get_by_role("button", name="Undo the merge")).to_be_visible()
    sue.looks(f"sharing-merge-done-{name}")

    sue.goes_to(f"/admin/members/member/{ada.pk}/change/")
    expect(page.get_by_text("Records merged into this one")).to_be_visible()
    sue.looks(f"sharing-survivor-{name}")
    sue.goes_to(f"/admin/members/member/{double.pk}/change/")
    expect(page.get_by_text("Merged into Ada Lovelace")).to_be_visible()
    sue.looks(f"sharing-duplicate-{name}")
    for address in ("members/transfer", "members/merge"):
        sue.goes_to(f"/admin/{address}/")
        sue.looks(f"sharing-{address.replace('/', '-')}-{name}")

    sue.goes_to(f"/admin/members/member/{ada.pk}/change/")
    page.get_by_role("link", name="What moved").click()
    page.get_by_role("button", name="Undo the merge").click()
    expect(page.get_by_text("All that had moved went back.")).to_be_visible()
    sue.looks(f"sharing-merge-undone-{name}")
