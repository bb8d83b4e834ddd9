"""From a template to a draft in a real browser, and a program from file to program. Leaves pictures."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize, expect

from loyalty.core.models import Program
from members.models import TierLadder
from rewards.models import Campaign, Reward
from tests import factories
from tests.e2e.conftest import DESKTOP, NARROW, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitors = Callable[..., Visitor]


@pytest.fixture
def furnished(staffed: Program, ladder: TierLadder, base_rule: Campaign) -> Program:
    """The program with tiers, a reward and a rule for every purchase."""
    factories.RewardFactory.create(program=staffed, key="coffee", wallet_type=ladder.wallet_type)
    return staffed


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_a_template_is_a_draft_within_a_few_clicks(
    visitors: Visitors, furnished: Program, size: ViewportSize
):
    marketer = visitors("marketer", size)
    page = marketer.logs_in("marketer@example.org")
    marketer.goes_to("/admin/rewards/campaign/")
    marketer.looks(picture=f"campaigns-{size['width']}")

    page.get_by_role("link", name="New campaign").click()
    page.wait_for_url("**/campaign/new/")
    marketer.looks(picture=f"gallery-{size['width']}")
    page.get_by_role("link", name="Taking part").click()
    expect(page.get_by_text("Welcome", exact=True)).to_be_hidden()
    page.get_by_role("link", name="All", exact=True).click()
    page.get_by_label("Search the templates").fill("quiet hours")
    expect(page.locator("[data-recipe]:visible")).to_have_count(1)
    marketer.looks(picture=f"gallery-searched-{size['width']}")
    page.keyboard.press("Enter")
    page.wait_for_url("**/new/happy-hour/")
    marketer.looks(picture=f"recipe-{size['width']}")
    page.get_by_label("Base points count").fill("3")
    expect(page.locator("#outlook")).to_contain_text("3 times")
    page.get_by_label("Name of the campaign").fill("Quiet afternoons")
    page.get_by_role("button", name="Make the draft").click()
    expect(page.get_by_text("The draft is ready.")).to_be_visible()

    assert Campaign.objects.get(key="quiet-afternoons").draft["effects"][0]["factor"] == "3"


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_words_become_chips_by_keyboard_alone_and_faults_are_told(
    visitors: Visitors, furnished: Program, size: ViewportSize
):
    marketer = visitors("marketer", size)
    page = marketer.logs_in("marketer@example.org")
    marketer.goes_to("/admin/rewards/campaign/new/category-bonus/")

    page.get_by_label("Which categories").press("Tab")
    page.get_by_role("button", name="Make the draft").click()
    expect(page.get_by_text("This field is required.")).to_be_visible()
    marketer.looks(picture=f"recipe-refused-{size['width']}")
    for word in ("Coffee", "Fresh, of the day", "Tea"):
        page.get_by_label("Which categories").fill(word)
        page.keyboard.press("Enter")
    page.keyboard.press("Backspace")
    expect(page.locator(".rg-word")).to_have_count(2)
    expect(page.locator("#outlook")).to_contain_text("Fresh, of the day")
    marketer.looks(picture=f"recipe-words-{size['width']}")
    page.get_by_role("button", name="Make the draft").click()
    expect(page.get_by_text("The draft is ready.")).to_be_visible()

    made = Campaign.objects.exclude(key="base").get()
    assert made.draft["effects"][0]["lines"]["all"][0]["value"] == ["Coffee", "Fresh, of the day"]


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_a_campaign_is_copied_from_its_page(visitors: Visitors, furnished: Program, size: ViewportSize):
    marketer = visitors("marketer", size)
    page = marketer.logs_in("marketer@example.org")
    marketer.goes_to(f"/admin/rewards/campaign/{Campaign.objects.get().pk}/change/")

    page.get_by_role("button", name="Copy", exact=True).click()

    expect(page.get_by_text("This is the copy, a draft.")).to_be_visible()
    marketer.looks(picture=f"copied-{size['width']}")
    assert Campaign.objects.get(key="a-point-for-each-euro-copy").status == "draft"


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_the_program_goes_out_as_a_file_and_comes_back_changed(
    visitors: Visitors, furnished: Program, size: ViewportSize, tmp_path: Path
):
    administrator = visitors("administrator", size)
    page = administrator.logs_in("administrator@example.org")
    administrator.goes_to("/admin/program-as-code/")
    administrator.looks(picture=f"program-as-code-{size['width']}")

    with page.expect_download() as download:
        page.get_by_role("link", name="coffee.yaml").click()
    text = download.value.path().read_text()
    bad, good = tmp_path / "bad.yaml", tmp_path / "good.yaml"
    bad.write_text(text.replace("price: 500", "price: lots").replace("points: '1'", "points: many"))
    tea = "  tea: {name: Tea, wallet_type: points, price: 80}\n"
    base = text[text.index("  base:\n") :].replace("  base:", "  new-rule:").replace("'1.00'", "'0.50'")
    good.write_text(text[: text.index("  base:\n")].replace("price: 500", "price: 450") + base)
    good.write_text(good.read_text().replace("rewards:\n", f"rewards:\n{tea}"))
    page.get_by_label("YAML, at most 1 MB").set_input_files(bad)
    page.get_by_role("button", name="See the differences").first.click()
    expect(page.get_by_text("Write a whole number.")).to_be_visible()
    administrator.complaints.clear()  # The browser says that the answer was a refusal.
    administrator.looks(picture=f"program-as-code-refused-{size['width']}")
    page.get_by_label("YAML, at most 1 MB").set_input_files(good)
    page.get_by_role("button", name="See the differences").first.click()
    expect(page.get_by_role("button", name="Apply to Corner Coffee Club")).to_be_visible()
    administrator.looks(picture=f"program-as-code-differences-{size['width']}")
    page.get_by_role("button", name="Apply to Corner Coffee Club").click()
    expect(page.get_by_text("Applied: 3 differences.")).to_be_visible()

    assert dict(Reward.objects.values_list("key", "price")) == {"coffee": 450, "tea": 80}
    assert Campaign.objects.get(key="new-rule").status == "draft"
