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
    "operations": "/v1/docs",
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
