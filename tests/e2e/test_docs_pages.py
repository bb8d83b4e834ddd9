"""The docs for partners in a browser, wide and narrow: nothing sticks out, nothing is refused."""

import pytest

from tests.e2e.conftest import DESKTOP, NARROW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = {
    "guides": "/v1/docs/guides/",
    "quick-start": "/v1/docs/guides/quick-start",
    "reference": "/v1/docs/guides/reference",
    "events": "/v1/docs/guides/events",
    "problems": "/v1/docs/problems",
    "problem": "/v1/docs/problems/insufficient_points",
    "operations": "/v1/docs/operations",
    "operation": "/v1/docs/operations/transactions",
    "catalogue": "/v1/docs/events",
    "search": "/v1/docs/search?q=points",
    "try": "/v1/docs",
}


@pytest.mark.parametrize(("size", "name"), [(DESKTOP, "wide"), (NARROW, "narrow")])
def test_fit_the_screen(visitors, size, name):
    visitor = visitors("partner", size)

    for page, address in PAGES.items():
        visitor.goes_to(address)
        visitor.looks(f"docs-{page}-{name}")


def test_old_addresses_of_problems_still_lead_to_them(visitors):
    page = visitors("partner", DESKTOP).goes_to("/v1/docs/problems#not_found")

    assert page.locator("section:target").get_by_role("link").inner_text() == "not_found"


def test_are_walked_through_by_keyboard(visitors):
    page = visitors("partner", DESKTOP).goes_to("/v1/docs/guides/quick-start")

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("/")
    page.keyboard.type("retry-after")
    page.keyboard.press("Enter")
    page.wait_for_url("**/v1/docs/search?q=retry-after")
    page.locator(".hits a").first.focus()
    page.keyboard.press("Enter")

    page.wait_for_url(lambda address: "/v1/docs/search" not in address)


def test_let_each_block_of_code_be_copied_as_it_is(visitors):
    visitor = visitors("partner", DESKTOP)
    page = visitor.goes_to("/v1/docs/guides/quick-start")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    block = page.locator(".code", has_text="call /v1/members -H")

    block.get_by_role("button", name="Copy").click()

    assert block.get_by_role("button", name="Copied").is_visible()
    assert page.evaluate("navigator.clipboard.readText()") == block.locator("pre").inner_text()
    answer = page.locator(".code.answer pre").first.text_content()
    assert '"key": "corner-market"' in answer


def test_fold_the_contents_on_a_telephone(visitors):
    page = visitors("partner", NARROW).goes_to("/v1/docs/guides/reference")
    link = page.get_by_role("link", name="Sandboxes")
    assert not link.is_visible()

    page.locator(".contents summary").click()

    assert link.is_visible()


def test_say_at_a_wrong_address_where_to_go_on(visitors):
    visitor = visitors("partner", DESKTOP)

    answer = visitor.page.goto(f"{visitor.address}/v1/docs/gides")

    assert answer.status == 404
    assert visitor.page.get_by_role("main").get_by_role("link", name="Operations").is_visible()
