"""Adjusting points in a real browser: above the limit one asks, another one agrees. Leaves pictures."""

from collections.abc import Callable

import pytest
from playwright.sync_api import ViewportSize, expect

from loyalty.core.models import Assignment, Program, Role, User
from members import reasons
from members.models import Member, Wallet, WalletType
from tests.e2e.conftest import DESKTOP, NARROW, PASSWORD, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitors = Callable[..., Visitor]


@pytest.fixture
def desk(staffed: Program, points: WalletType) -> Program:
    """The program with the usual reasons and limits, and two people in support."""
    reasons.set_up_usual(staffed)
    sue = User.objects.create_user("sue@example.org", PASSWORD, is_staff=True, first_name="Sue")
    Assignment.objects.create(user=sue, program=staffed, role=Role.SUPPORT)
    return staffed


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_support_asks_above_the_limit_a_colleague_agrees_and_the_points_are_there(
    visitors: Visitors, desk: Program, ada: Member, size: ViewportSize
):
    support = visitors("support", size)
    page = support.logs_in("support@example.org")
    support.goes_to(f"/admin/members/member/{ada.pk}/change/")
    page.get_by_role("link", name="Adjust points").click()
    page.wait_for_url("**/adjust/")
    support.looks(picture=f"adjust-empty-{size['width']}")

    page.get_by_label("How many").fill("800")
    page.get_by_label("Reason").select_option("complaint")
    page.get_by_label("Note").fill("Two cold meals in a row; she has been with us for years.")
    expect(page.locator("#outlook")).to_contain_text("More than 500 points at once")
    expect(page.get_by_role("button", name="Ask a second person")).to_be_visible()
    support.looks(picture=f"adjust-above-{size['width']}")
    page.get_by_role("button", name="Ask a second person").click()
    expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
    support.looks(picture=f"adjust-asked-{size['width']}")
    assert not Wallet.objects.filter(available__gt=0).exists()
    support.goes_to("/admin/core/approval/")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    support.looks(picture=f"approvals-none-{size['width']}")
    support.goes_to("/admin/core/approval/?show=asked")
    expect(page.get_by_role("button", name="Withdraw the request")).to_be_visible()
    support.looks(picture=f"approvals-asked-{size['width']}")

    sue = visitors("sue", size)
    page = sue.logs_in("sue@example.org")
    sue.goes_to("/admin/core/approval/")
    sue.looks(picture=f"approvals-waiting-{size['width']}")
    page.get_by_text("Reject…").click()
    expect(page.get_by_placeholder("Why not?")).to_be_visible()
    sue.looks(picture=f"approvals-rejecting-{size['width']}")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved and done: +800 Points: Complaint.")).to_be_visible()
    page = sue.goes_to(f"/admin/members/member/{ada.pk}/change/")

    expect(page.get_by_text("+800").first).to_be_visible()
    sue.looks(picture=f"adjusted-{size['width']}")
    assert Wallet.objects.get(member=ada).available == 800


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_within_the_limits_it_is_booked_at_once_and_can_be_undone(
    visitors: Visitors, desk: Program, ada: Member, size: ViewportSize
):
    support = visitors("support", size)
    page = support.logs_in("support@example.org")
    support.goes_to(f"/admin/members/member/{ada.pk}/adjust/")

    page.get_by_label("Reason").select_option("misuse")
    page.get_by_label("How many").fill("100")
    expect(page.get_by_role("alert")).to_contain_text("only takes points")
    support.looks(picture=f"adjust-refused-{size['width']}")
    page.get_by_label("Reason").select_option("goodwill")
    expect(page.locator("#outlook")).to_contain_text("booked at once")
    support.looks(picture=f"adjust-within-{size['width']}")
    page.get_by_role("button", name="Adjust points").click()
    expect(page.get_by_text("100 points given. The balance is 100 now.")).to_be_visible()
    page.get_by_role("link", name="Undo").click()
    support.looks(picture=f"adjust-undo-{size['width']}")
    page.get_by_role("button", name="Undo the adjustment").click()
    expect(page.get_by_text("The adjustment is undone.")).to_be_visible()
    support.looks(picture=f"adjust-undone-{size['width']}")

    assert Wallet.objects.get(member=ada).available == 0


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_an_administrator_sets_up_the_usual_reasons_and_limits(
    visitors: Visitors, staffed: Program, points: WalletType, ada: Member, size: ViewportSize
):
    support = visitors("support", size)
    support.logs_in("support@example.org")
    page = support.goes_to(f"/admin/members/member/{ada.pk}/adjust/")
    expect(page.get_by_text("There are no reasons for adjustments yet")).to_be_visible()
    support.looks(picture=f"adjust-no-reasons-{size['width']}")

    administrator = visitors("administrator", size)
    administrator.logs_in("administrator@example.org")
    page = administrator.goes_to("/admin/members/reasoncode/")
    administrator.looks(picture=f"reasons-none-{size['width']}")
    page.get_by_role("button", name="Set up the usual").click()

    expect(page.get_by_text("Purchase without card")).to_be_visible()
    administrator.looks(picture=f"reasons-{size['width']}")
    administrator.goes_to("/admin/members/adjustmentlimit/")
    administrator.looks(picture=f"limits-{size['width']}")
    administrator.goes_to("/admin/members/reasoncode/add/")
    administrator.looks(picture=f"reason-add-{size['width']}")
