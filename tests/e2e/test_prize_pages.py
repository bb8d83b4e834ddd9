"""Badges, challenges and prize draws, in a real browser. Leaves pictures in var/screenshots."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from loyalty.core.models import Program
from members.models import Member
from rewards.models import Badge, Challenge, PrizeDraw
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop
from tests.e2e.conftest import DESKTOP, NARROW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_marketer_draws_the_winners_and_support_sees_what_a_member_has(
    visitors, staffed: Program, ada: Member, shop: Shop, noon
):
    _gives_something(staffed, noon)
    shop.sells("receipt-1", "40.00")
    shop.sells("receipt-2", "12.00")
    draw = PrizeDraw.objects.get(key="summer")
    marketer = visitors("marketer", DESKTOP)
    page = marketer.logs_in("marketer@example.org")

    for model in ("challenge", "badge", "prizedraw"):
        marketer.goes_to(f"/admin/rewards/{model}/")
        marketer.looks(f"{model}s")
    marketer.goes_to("/admin/rewards/challenge/add/")
    marketer.looks("challenge-new")
    marketer.goes_to(f"/admin/rewards/prizedraw/{draw.pk}/change/")
    marketer.looks("prizedraw")
    page.get_by_role("link", name="Winners").click()
    marketer.looks("prizedraw-second-look")
    page.get_by_role("button", name="Draw the winners now").click()
    expect(page.get_by_text("Seed:")).to_be_visible()
    marketer.looks("prizedraw-winners")

    support = visitors("support", NARROW)
    support.logs_in("support@example.org")
    phone = support.goes_to(f"/admin/members/member/{ada.pk}/change/")
    panel = phone.get_by_role("heading", name="Badges, challenges and prize draws")
    panel.scroll_into_view_if_needed()
    expect(phone.get_by_text("won place 1")).to_be_visible()
    support.looks("member-prizes-narrow")


def test_without_any_the_pages_say_what_they_are_for(visitors, staffed: Program):
    marketer = visitors("marketer", NARROW)
    marketer.logs_in("marketer@example.org")

    marketer.goes_to("/admin/rewards/challenge/")

    marketer.looks("challenges-none-narrow")


def _gives_something(program: Program, noon) -> None:
    Badge.objects.create(program=program, key="regular", name="Regular", description="Bought twice.")
    Challenge.objects.create(
        program=program, key="card", name="Coffee card", description="Ten coffees, one free.", goal=10
    )
    PrizeDraw.objects.create(
        program=program,
        key="summer",
        name="Summer prizes",
        closes_at=noon + timedelta(days=1),
        winner_count=3,
    )
    campaign = factories.CampaignFactory.create(program=program, key="gifts", name="Gifts")
    effects = [
        {"kind": "message", "text": "Another stamp on your card!"},
        {"kind": "badge", "badge": "regular"},
        {"kind": "challenge_progress", "challenge": "card", "count": 2},
        {"kind": "prize_draw_entry", "draw": "summer", "entries": 1},
    ]
    campaigns.publish(
        campaign,
        definition={"trigger": {"kind": "sale"}, "conditions": {"all": []}, "effects": effects},
        by=None,
        at=noon,
        effective_at=noon - timedelta(days=900),
    )
    program.refresh_from_db()
