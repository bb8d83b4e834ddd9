"""Marketers build rules at the page, in a real browser. Leaves pictures in var/screenshots."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from loyalty.core.models import Program
from members.models import WalletType
from rewards.models import CampaignVersion
from tests.e2e.conftest import PICTURES, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitors = Callable[..., Visitor]


@pytest.fixture
def marketer(visitors: Visitors, staffed: Program, points: WalletType) -> Visitor:
    somebody: Visitor = visitors("marketer")
    somebody.logs_in("marketer@example.org")
    return somebody


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
        choose(page, "Value: Category", "coffee", option="Use “coffee”")
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
        page.get_by_role("button", name="Publish").click()

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


def add(page: Page, effect: str) -> None:
    page.get_by_role("button", name="Add something more").click()
    page.get_by_role("button", name=effect).click()


def choose(page: Page, label: str, text: str, option: str = "") -> None:
    """Find a choice by its beginning in the newest field, as somebody does who types."""
    field = page.get_by_role("combobox", name=label, exact=True).last
    field.click()
    field.fill(text)
    page.get_by_role("option", name=option or text).first.click()
