"""Somebody on the phone asks for a statement: found by keyboard, printed, and on a small screen too."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from members.models import Member
from tests.cast import Shop
from tests.e2e.conftest import NARROW, expect

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def year(staffed: Any, shop: Shop, ada: Member) -> Member:
    """Sixty sales in the spring of 2026: more than a sheet of paper holds."""
    began = replace(shop, at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    for number in range(60):
        began.later(days=number).sells(f"receipt-{number}", "10.00", store="Old Town")
    return ada


def test_a_period_is_asked_for_by_keyboard(year: Member, visitors: Any):
    support = visitors("support")
    support.logs_in("support@example.org")
    page = support.goes_to(f"/admin/members/member/{year.pk}/change/")

    page.get_by_role("link", name="Statement", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/statement/")
    page.get_by_label("From").fill("2026-03-01")
    page.get_by_label("To", exact=True).fill("2026-03-31")
    page.get_by_label("To", exact=True).press("Enter")

    expect(page.get_by_role("row", name="Closing balance")).to_contain_text("310")
    support.looks("statement")


def test_a_statement_is_printed_on_numbered_sheets(year: Member, visitors: Any):
    support = visitors("support")
    support.logs_in("support@example.org")
    page = support.goes_to(
        f"/admin/members/member/{year.pk}/statement/paper/?start=2026-03-01&end=2026-04-29"
    )

    printed = page.pdf(prefer_css_page_size=True)

    expect(page.get_by_role("button", name="Print, or keep as PDF")).to_be_visible()
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") > 1


def test_a_statement_fits_a_small_screen(year: Member, visitors: Any):
    support = visitors("support", NARROW)
    support.logs_in("support@example.org")

    support.goes_to(f"/admin/members/member/{year.pk}/statement/")
    support.looks("statement-narrow")
    support.goes_to(f"/admin/members/member/{year.pk}/statement/paper/")
