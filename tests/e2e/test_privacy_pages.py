"""Blocking a member, their consents, and forgetting them, in a browser. Pictures: var/screenshots."""

import pytest

from members import blocking, consents
from members.models import Member
from tests.e2e.conftest import NARROW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.usefixtures("staffed", "ladder")
def test_a_member_is_blocked_let_go_and_erased(visitors, ada, shop):
    shop.sells("r-1", "120.00")
    known = {"actor": "partner:till", "at": shop.at}
    consents.record(
        ada, purpose="newsletter", is_granted=True, version="2026-05", evidence={"form": "sign-up"}, **known
    )
    consents.record(ada, purpose="sms", is_granted=False, source="till-12", **known)
    blocking.block(ada, reason="lost_card", note="Called from Lisbon", **known)
    visitor = visitors()
    visitor.logs_in("administrator@example.org")
    address = f"/admin/members/member/{ada.pk}/"

    page = visitor.goes_to(address)
    visitor.looks("privacy-member")
    page.get_by_role("link", name="End the block").click()
    visitor.looks("privacy-unblock")
    page.get_by_role("button", name="End the block").click()
    page.get_by_role("link", name="Block", exact=False).first.click()
    visitor.looks("privacy-block")
    visitor.goes_to(address)
    page.get_by_role("link", name="Erase").click()
    visitor.looks("privacy-erase")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Erase for good").click()
    visitor.looks("privacy-erased")

    assert page.get_by_text("Lovelace").count() == 0
    assert Member.objects.get().status == "erased"


@pytest.mark.usefixtures("staffed", "ladder")
def test_the_pages_fit_a_telephone(visitors, ada):
    visitor = visitors(size=NARROW)
    visitor.logs_in("administrator@example.org")

    for name in ("", "block/", "consent/", "erase/"):
        visitor.goes_to(f"/admin/members/member/{ada.pk}/{name}")
    visitor.looks("privacy-erase-narrow")
