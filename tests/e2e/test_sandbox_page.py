"""A sandbox is made, filled, and lives through a month. Leaves pictures in var/screenshots."""

import pytest
from playwright.sync_api import expect

from integrations.models import ClockMove
from loyalty.core.models import Program
from members.models import Member
from tests.cast import Shop
from tests.e2e.conftest import DESKTOP, NARROW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_administrator_makes_a_sandbox_and_lets_time_pass(visitors, staffed: Program, shop: Shop):
    chief = visitors("administrator", DESKTOP)
    page = chief.logs_in("administrator@example.org")

    chief.goes_to("/admin/sandbox/")
    chief.looks("sandbox-of-live")
    page.get_by_label("Name").fill("Coffee trial")
    page.get_by_role("button", name="Make a sandbox").click()
    expect(page.get_by_text("Here it is")).to_be_visible()
    page.get_by_label("Members").fill("5")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("5 members came")).to_be_visible()
    page.get_by_role("button", name="30 days").click()
    expect(page.get_by_text("The clock is there")).to_be_visible(timeout=30_000)
    chief.looks("sandbox")

    assert Member.objects.filter(program__kind="sandbox").count() == 5
    assert ClockMove.objects.get().finished_at is not None

    narrow = visitors("administrator-narrow", NARROW)
    narrow.logs_in("administrator@example.org")
    narrow.goes_to("/admin/sandbox/")
    narrow.looks("sandbox-narrow")
