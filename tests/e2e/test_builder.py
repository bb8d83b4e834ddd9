"""Marketers build rules at the page, in a real browser. Leaves pictures in var/screenshots."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from playwright.sync_api import APIResponse, Page, Route, expect

from loyalty.core.models import Program
from members.models import WalletType
from rewards.models import Campaign, CampaignVersion, KnownField, KnownValue
from tests import factories
from tests.e2e.conftest import DESKTOP, NARROW, PICTURES, Visitor
from tests.factories import NOON
from tests.rewards.engine.strategies import whole_definitions

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitors = Callable[..., Visitor]
RULE: Final = {
    "trigger": {"kind": "sale"},
    "effects": [{"kind": "fixed_points", "wallet_type": "points", "points": 5}],
}
EVERYTHING: Final = {
    "trigger": {"kind": "sale"},
    "audience": {"segments": ["coffee-lovers"], "control_percent": 10},
    "conditions": {
        "all": [
            {"fact": "sale.amount", "operator": "between", "value": ["20.00", "200.00"]},
            {"fact": "history.purchases", "days": 30, "operator": "lt", "value": 4},
            {
                "any": [
                    {"fact": "moment.weekday", "operator": "in", "value": ["saturday", "sunday"]},
                    {
                        "fact": "lines.amount",
                        "operator": "gte",
                        "value": "7.50",
                        "lines": {"all": [{"fact": "line.category", "operator": "in", "value": ["coffee"]}]},
                    },
                    {"none": [{"fact": "member.is_birthday", "operator": "eq", "value": True}]},
                ]
            },
        ]
    },
    "effects": [
        {
            "kind": "points_per_unit",
            "wallet_type": "points",
            "points": "2",
            "per": "1.00",
            "of": "matching_lines",
            "lines": {"all": [{"fact": "line.is_promotional", "operator": "eq", "value": False}]},
            "pending": {"days": 14},
            "expiry": {"rule": "end_of_year", "number": 1},
        },
        {"kind": "message", "text": "Thank you! You earned double points today."},
    ],
    "limits": {"per_member": [{"times": 2, "per": "week"}], "in_all": [{"money": "500.00"}]},
    "stacking": {"group": "weekend", "priority": 5},
    "schedule": {
        "starts_at": "2030-12-01T08:00:00+01:00",
        "weekdays": ["friday", "saturday"],
        "hours": [{"from": "17:00", "until": "19:00"}],
    },
}


@pytest.fixture
def marketer(visitors: Visitors, staffed: Program, points: WalletType) -> Visitor:
    """Somebody who is logged in, in a program that knows two categories and a tier."""
    for value, label in (("coffee", "Coffee and tea"), ("cakes", "Cakes")):
        KnownValue.objects.create(
            program=staffed, field=KnownField.CATEGORY, value=value, label=label, last_seen=NOON.date()
        )
    somebody: Visitor = visitors("marketer")
    somebody.logs_in("marketer@example.org")
    return somebody


@pytest.fixture
def campaign(program: Program, points: WalletType) -> Campaign:
    return factories.CampaignFactory.create(program=program, key="coffee", name="Coffee", draft=RULE)


def opened(marketer: Visitor, campaign: Campaign) -> Page:
    page = marketer.goes_to(f"/admin/rewards/campaign/{campaign.pk}/change/")
    expect(page.get_by_role("toolbar", name="Editing")).to_be_visible()
    return page


def definition_in(page: Page) -> Any:
    """What would be saved, once what was typed last is drawn."""
    page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn)))")
    return json.loads(page.locator("[name=definition]").input_value())


class TestBuilding:
    def test_a_nested_rule_is_built_read_in_words_and_published_as_it_was_built(self, marketer: Visitor):
        page = marketer.goes_to("/admin/rewards/campaign/add/")

        page.get_by_label("Name").first.fill("Coffee hour")
        page.get_by_role("button", name="Add a condition").click()
        choose(page, "What to look at", "Sale amount")
        page.get_by_label("Value: Sale amount", exact=True).fill("20")
        page.get_by_role("button", name="Add a group").click()
        choose(page, "What to look at", "Weekday")
        page.get_by_role("button", name="Sunday").click()
        page.get_by_role("button", name="Saturday").click()
        page.get_by_role("button", name="Add a condition to this group").click()
        choose(page, "What to look at", "Amount spent on some items")
        page.get_by_label("Value: Amount spent on some items").fill("7,50")
        page.locator("[data-scope=line]").get_by_role("button", name="Add a condition").click()
        choose(page, "What to look at", "Category")
        choose(page, "Value: Category", "tea", option="Coffee and tea")
        marketer.looks(picture="builder-nested")
        add(page, "Fixed points")
        page.get_by_label("Points", exact=True).last.fill("50")
        page.get_by_text("Limits and budget").click()
        page.get_by_role("button", name="Add a limit").click()
        page.get_by_role("button", name="Add a budget").click()
        page.get_by_label("Unit").last.select_option("money")
        page.get_by_text("Only on some days").click()
        page.get_by_role("button", name="Mon", exact=True).click()
        page.get_by_label("Runs from").fill("2030-12-01T08:00")
        expect(page.locator("#sentence")).to_contain_text("coffee")
        marketer.looks()
        page.screenshot(path=PICTURES / "builder-complete.png", full_page=True)
        page.get_by_role("button", name="Publish now").click()

        expect(page.get_by_text("Version 1 is published.")).to_be_visible()
        assert CampaignVersion.objects.get().definition == {
            "trigger": {"kind": "sale"},
            "conditions": {
                "all": [
                    {"fact": "sale.amount", "operator": "gte", "value": "20"},
                    {
                        "any": [
                            {"fact": "moment.weekday", "operator": "in", "value": ["saturday", "sunday"]},
                            {
                                "fact": "lines.amount",
                                "operator": "gte",
                                "value": "7.50",
                                "lines": {
                                    "all": [{"fact": "line.category", "operator": "in", "value": ["coffee"]}]
                                },
                            },
                        ]
                    },
                ]
            },
            "effects": [
                {"kind": "points_per_unit", "wallet_type": "points", "points": "1", "per": "1.00"},
                {"kind": "fixed_points", "wallet_type": "points", "points": 50},
            ],
            "limits": {"per_member": [{"times": 1, "per": "day"}], "in_all": [{"money": "500.00"}]},
            "schedule": {"weekdays": ["monday"], "starts_at": "2030-12-01T08:00:00+01:00"},
        }

    def test_it_can_be_done_by_keyboard_alone(self, marketer: Visitor, campaign: Campaign):
        page = opened(marketer, campaign)
        keys = page.keyboard

        page.get_by_role("button", name="Add a condition").focus()
        keys.press("Enter")
        keys.type("weekd")
        keys.press("Enter")
        assert focused(page) == "How to compare"
        keys.press("Tab")
        keys.press("Space")
        page.get_by_role("button", name="Add a condition").focus()
        keys.press("Enter")
        keys.type("sale amount")
        keys.press("Enter")
        keys.press("Tab")
        keys.type("30")
        keys.press("Alt+ArrowUp")
        assert focused(page) == "Value: Sale amount"
        marketer.looks()

        weekday = {"fact": "moment.weekday", "operator": "in", "value": ["monday"]}
        amount = {"fact": "sale.amount", "operator": "gte", "value": "30"}
        assert definition_in(page)["conditions"] == {"all": [amount, weekday]}
        page.get_by_role("button", name="Remove: Sale amount").press("Enter")
        assert definition_in(page)["conditions"] == {"all": [weekday]}
        assert focused(page) == "What to look at"

    def test_steps_are_undone_and_done_again(self, marketer: Visitor, campaign: Campaign):
        page = opened(marketer, campaign)
        add(page, "A message")
        page.get_by_role("textbox", name="Message").fill("Thank you!")
        built = definition_in(page)

        page.keyboard.press("Control+z")
        page.keyboard.press("Control+z")
        undone = definition_in(page)
        page.get_by_role("button", name="Redo").click()
        page.keyboard.press("Control+Shift+Z")

        assert undone == RULE
        assert definition_in(page) == built

    def test_variants_take_the_effects_over_and_give_them_back(self, marketer: Visitor, campaign: Campaign):
        page = opened(marketer, campaign)

        page.get_by_role("button", name="Test variants").click()
        split = definition_in(page)
        marketer.looks()
        page.get_by_role("button", name="Remove: Variant A").click()

        assert "effects" not in split
        assert [variant["percent"] for variant in split["audience"]["variants"]] == [50, 50]
        assert definition_in(page) == RULE


class TestErrors:
    def test_are_said_at_their_fields_once_somebody_was_there_or_wants_to_publish(
        self, marketer: Visitor, campaign: Campaign
    ):
        campaign.draft = {
            **RULE,
            "conditions": {
                "all": [
                    {"fact": "sale.amount", "operator": "gte", "value": "plenty"},
                    {"fact": "lines.amount", "operator": "gte", "value": "5"},
                ]
            },
        }
        campaign.save()
        page = opened(marketer, campaign)
        amount = page.get_by_label("Value: Sale amount")
        expect(page.get_by_text("Still to do")).to_be_visible()
        assert amount.get_attribute("aria-invalid") is None

        page.get_by_role("button", name="Publish now").click()

        expect(page.get_by_text("Saved, but not published")).to_be_visible()
        expect(amount).to_have_attribute("aria-invalid", "true")
        expect(page.locator(".rb-trouble", has_text="“plenty” is no amount")).to_be_visible()
        marketer.looks(picture="builder-errors")
        page.locator(".rb-notes button", has_text="“plenty”").click()
        expect(amount).to_be_focused()
        assert not CampaignVersion.objects.exists()


class TestKeeping:
    def test_the_draft_is_saved_as_one_types_and_is_there_after_a_reload(
        self, marketer: Visitor, campaign: Campaign
    ):
        page = opened(marketer, campaign)

        page.get_by_label("Points", exact=True).fill("77")
        expect(page.get_by_role("status")).to_contain_text("Saved ")
        page.reload()

        expect(page.get_by_label("Points", exact=True)).to_have_value("77")
        campaign.refresh_from_db()
        assert campaign.draft["effects"][0]["points"] == 77

    def test_a_new_campaign_is_kept_from_its_name_on(self, marketer: Visitor):
        page = marketer.goes_to("/admin/rewards/campaign/add/")

        page.get_by_label("Name").first.fill("Milk week")
        page.get_by_label("Description").click()
        page.wait_for_url("**/change/")

        assert Campaign.objects.get().key == "milk-week"

    def test_publishing_waits_for_what_is_on_its_way_to_the_server(self, marketer: Visitor):
        page = marketer.goes_to("/admin/rewards/campaign/add/")
        kept: list[tuple[Route, APIResponse]] = []
        page.route("**/autosave/", lambda route: kept.append((route, route.fetch())))
        page.get_by_label("Name").first.fill("Milk week")
        with page.expect_request("**/autosave/"):
            page.get_by_label("Description").click()
        while not kept:
            page.wait_for_timeout(10)

        page.get_by_role("button", name="Publish now").click()
        route, answer = kept.pop()
        route.fulfill(response=answer)

        expect(page.get_by_text("Version 1 is published.")).to_be_visible()
        assert Campaign.objects.get().key == "milk-week"

    def test_work_survives_a_lost_connection_and_a_crash(self, marketer: Visitor, campaign: Campaign):
        page = opened(marketer, campaign)
        page.route("**/autosave/", lambda route: route.abort())

        page.get_by_label("Points", exact=True).fill("88")
        expect(page.get_by_role("status")).to_contain_text("kept on this computer")
        page.unroute("**/autosave/")
        page.on("dialog", lambda dialog: dialog.accept())
        marketer.complaints.clear()
        page = opened(marketer, campaign)
        expect(page.get_by_label("Points", exact=True)).to_have_value("5")
        marketer.looks(picture="builder-left-behind")
        page.get_by_role("button", name="Bring it back").click()
        expect(page.get_by_role("status")).to_contain_text("Saved ")

        campaign.refresh_from_db()
        assert campaign.draft["effects"][0]["points"] == 88

    @pytest.mark.parametrize(("choice", "kept"), [("Keep mine", 11), ("Take theirs", 22)])
    def test_two_people_choose_whose_draft_stays(
        self, marketer: Visitor, campaign: Campaign, choice: str, kept: int
    ):
        page = opened(marketer, campaign)
        theirs = factories.definition({"kind": "fixed_points", "points": 22})
        Campaign.objects.filter(pk=campaign.pk).update(draft=theirs)

        page.get_by_label("Points", exact=True).fill("11")
        expect(page.get_by_role("alert")).to_contain_text("22 points")
        marketer.complaints.clear()
        marketer.looks(picture="builder-conflict")
        page.get_by_role("button", name=choice).click()
        expect(page.get_by_label("Points", exact=True)).to_have_value(str(kept))
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.locator(".rb-saved.saved")).to_be_visible()

        campaign.refresh_from_db()
        assert campaign.draft["effects"][0]["points"] == kept


class TestRoundTrip:
    def test_whatever_a_campaign_says_comes_back_as_it_was(self, marketer: Visitor, campaign: Campaign):
        """Every field is gone through and typed again as it is."""

        @settings(max_examples=15, derandomize=True, deadline=None, database=None)
        @given(whole_definitions)
        def comes_back(definition: dict[str, Any]) -> None:
            Campaign.objects.filter(pk=campaign.pk).update(draft=definition)
            page = opened(marketer, campaign)

            page.evaluate(TYPE_ALL_AGAIN)

            assert json.dumps(definition_in(page), sort_keys=True) == json.dumps(definition, sort_keys=True)

        comes_back()
        marketer.looks()


TYPE_ALL_AGAIN = """async () => {
  for (const part of document.querySelectorAll("details.rb-card")) part.open = true;
  for (const field of document.querySelectorAll("[data-campaign-builder] input")) {
    field.focus();
    if (!["radio", "datetime-local"].includes(field.type) && field.role !== "combobox") {
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
      await new Promise((done) => setTimeout(done));
    }
    field.blur();
  }
  await new Promise((done) => setTimeout(done, 50));
}"""


class TestLooks:
    @pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_are_the_same_in_the_light_and_in_the_dark_wide_and_narrow(
        self, visitors: Visitors, staffed: Program, campaign: Campaign, size: Any, scheme: Any
    ):
        campaign.draft = EVERYTHING
        campaign.save()
        somebody = visitors("marketer", size)
        somebody.page.emulate_media(color_scheme=scheme)
        somebody.logs_in("marketer@example.org")
        page = opened(somebody, campaign)
        page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", scheme == "dark")
        page.wait_for_timeout(1_200)

        page.screenshot(path=PICTURES / f"builder-{scheme}-{size['width']}.png", full_page=True)
        somebody.looks()

        expect(page.get_by_text("Worth a thought").or_(page.locator("#sentence")).first).to_be_visible()


def focused(page: Page) -> Any:
    return page.evaluate("document.activeElement.getAttribute('aria-label')")


def add(page: Page, effect: str) -> None:
    page.get_by_role("button", name="Add something more").click()
    page.locator(".rb-tile", has_text=effect).first.click()


def choose(page: Page, label: str, text: str, option: str = "") -> None:
    """Find a choice by its beginning in the newest field, as somebody does who types."""
    field = page.get_by_role("combobox", name=label, exact=True).last
    field.click()
    field.fill(text)
    page.get_by_role("option", name=option or text).first.click()
