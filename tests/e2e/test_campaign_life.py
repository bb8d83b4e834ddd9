"""A campaign's life in a real browser: one asks, another agrees, it starts by itself. Leaves pictures."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import ViewportSize, expect

from loyalty.core.models import Program, User
from members.models import WalletType
from rewards.models import Campaign, CampaignStatus
from rewards.planning import campaigns, turns
from tests import factories
from tests.e2e.conftest import DESKTOP, NARROW, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Visitors = Callable[..., Visitor]


def made(program: Program, key: str, name: str, **schedule: object) -> Campaign:
    effect = {"kind": "points_per_unit", "points": "1", "per": "1.00"}
    definition = factories.definition(effect, schedule={"starts_at": None, "ends_at": None, **schedule})
    return factories.CampaignFactory.create(program=program, key=key, name=name, draft=definition)


@pytest.fixture
def shop(staffed: Program, points: WalletType) -> Program:
    """A program in which somebody else approves, with some campaigns at different places of their lives."""
    now = timezone.now()
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)

    def runs(campaign: Campaign) -> None:
        campaigns.publish(campaign, definition=campaign.draft, by=None, at=now, effective_at=month)

    runs(made(staffed, "base", "A point for each euro"))
    runs(made(staffed, "weekend", "Double points at the weekend", weekdays=["saturday", "sunday"]))
    happy = {"from": "17:00", "until": "19:00"}
    days = ["monday", "tuesday", "wednesday", "thursday"]
    runs(made(staffed, "happy-hour", "Happy hour", weekdays=days, hours=[happy]))
    paused = made(staffed, "late", "20 points for the late hour")
    runs(paused)
    campaigns.pause(paused, by=User.objects.get(email="marketer@example.org"), at=now)
    staffed.campaigns_need_approval = True
    staffed.save()
    made(staffed, "coffee", "Coffee week")
    return staffed


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_a_marketer_submits_another_approves_and_it_starts_by_itself(
    visitors: Visitors, shop: Program, size: ViewportSize
):
    coffee = Campaign.objects.get(key="coffee")
    address = f"/admin/rewards/campaign/{coffee.pk}/change/"
    marketer = visitors("marketer", size)
    page = marketer.logs_in("marketer@example.org")
    marketer.goes_to(address)
    expect(page.get_by_role("button", name="Publish")).to_have_count(0)
    page.get_by_label("What should they know?").fill("For the week in which the new machine comes.")
    marketer.looks(picture=f"life-draft-{size['width']}")
    page.get_by_role("button", name="Submit for review").click()
    expect(page.get_by_text("Submitted: somebody else looks at it now.")).to_be_visible()
    expect(page.get_by_role("button", name="Withdraw from review")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    marketer.looks(picture=f"life-in-review-{size['width']}")

    controller = visitors("finance", size)
    desk = controller.logs_in("finance@example.org")
    controller.goes_to("/admin/core/approval/")
    expect(desk.get_by_text("Campaign: Coffee week")).to_be_visible()
    controller.looks(picture=f"life-inbox-{size['width']}")
    controller.goes_to(address)
    desk.get_by_label("Note (why not, if you reject)").fill("Fine, within the budget.")
    controller.looks(picture=f"life-deciding-{size['width']}")
    desk.get_by_role("button", name="Approve").click()
    expect(desk.get_by_text("Approved: it can be published.")).to_be_visible()

    tomorrow = timezone.localtime() + timedelta(days=1)
    marketer.goes_to(address)
    marketer.looks(picture=f"life-approved-{size['width']}")
    page.get_by_text("Schedule for later").click()
    page.get_by_label("In force from").fill(f"{tomorrow:%Y-%m-%dT}08:00")
    page.get_by_role("button", name="Schedule", exact=True).click()
    expect(page.get_by_text("Scheduled: it starts by itself.")).to_be_visible()
    marketer.looks(picture=f"life-scheduled-{size['width']}")
    turns.keep(shop, at=timezone.now() + timedelta(days=2))

    marketer.goes_to(address)
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    marketer.looks(picture=f"life-running-{size['width']}")
    coffee.refresh_from_db()
    assert coffee.status == CampaignStatus.RUNNING
    marketer.goes_to(f"/admin/rewards/campaign/{coffee.pk}/history/")
    marketer.looks(picture=f"life-history-{size['width']}")


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "narrow"])
def test_versions_calendar_and_list(visitors: Visitors, shop: Program, size: ViewportSize):
    base = Campaign.objects.get(key="base")
    shop.campaigns_need_approval = False
    shop.save()
    changed = factories.definition(
        {"kind": "points_per_unit", "points": "2", "per": "1.00"},
        conditions={"all": [{"fact": "sale.amount", "operator": "gte", "value": "20.00"}]},
        limits={"per_member": [{"times": 2, "per": "day"}]},
    )
    by = User.objects.get(email="marketer@example.org")
    later = timezone.now() + timedelta(days=9)
    campaigns.publish(base, definition=changed, by=by, at=timezone.now(), effective_at=later)
    marketer = visitors("marketer", size)
    page = marketer.logs_in("marketer@example.org")

    marketer.goes_to(f"/admin/rewards/campaign/{base.pk}/versions/")
    expect(page.get_by_text("changed", exact=True).first).to_be_visible()
    marketer.looks(picture=f"life-versions-{size['width']}")
    marketer.goes_to(f"/admin/rewards/campaign/{base.pk}/change/")
    marketer.looks(picture=f"life-next-{size['width']}")
    marketer.goes_to("/admin/rewards/campaign/")
    marketer.looks(picture=f"life-list-{size['width']}")
    page.get_by_role("link", name="Calendar").click()
    page.wait_for_url("**/calendar/")
    marketer.looks(picture=f"life-calendar-{size['width']}")
    page.get_by_role("link", name="Quarter").click()
    marketer.looks(picture=f"life-quarter-{size['width']}")
    page.keyboard.press("Tab")
    marketer.goes_to("/admin/rewards/campaign/calendar/?from=2031-02")
    expect(page.get_by_role("heading", name="February 2031")).to_be_visible()
    marketer.goes_to("/admin/rewards/campaign/calendar/?from=2001-02")
    expect(page.get_by_text("Nothing runs in February 2001")).to_be_visible()
    marketer.looks(picture=f"life-calendar-empty-{size['width']}")
    marketer.goes_to(f"/admin/rewards/campaign/{base.pk}/versions/")
    page.get_by_role("button", name="Go back to it now").first.click()
    expect(page.get_by_text("Members earn by the older version again, from now on.")).to_be_visible()
