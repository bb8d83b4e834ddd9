"""The page of a campaign's budgets in a browser, wide and narrow."""

from typing import Any

import pytest
from django.urls import reverse

from loyalty.core.models import Program
from members.models import Member
from tests.cast import Shop
from tests.e2e.conftest import DESKTOP, NARROW
from tests.rewards.limits.conftest import Publish, publish

__all__ = ["publish"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("size", "name"), [(DESKTOP, "wide"), (NARROW, "narrow")])
def test_shows_budgets_that_are_nearly_used_up_at_their_end_and_missing(
    visitors: Any, staffed: Program, shop: Shop, ada: Member, publish: Publish, size: Any, name: str
):
    in_all = [{"points": 320}, {"times": 12}, {"money": "500.00"}]
    limits = {"in_all": in_all, "per_member": [{"times": 20, "per": "day"}, {"points": 1_000, "per": "year"}]}
    spring = publish("spring", {"kind": "fixed_points", "points": 29}, limits=limits)
    plain = publish("plain")
    for number in range(10):
        shop.sells(f"r{number}", "5.00")
    mia = visitors("mia", size)
    page = mia.logs_in("marketer@example.org")

    mia.goes_to(reverse("admin:rewards_campaign_budget", args=[spring.pk]))

    assert page.get_by_role("progressbar").count() == 3
    assert page.get_by_text("nearly used up").count() == 2
    mia.looks(f"budget-{name}")
    mia.goes_to(reverse("admin:rewards_campaign_budget", args=[plain.pk]))
    assert page.get_by_text("This campaign may give without end.").is_visible()
    mia.looks(f"budget-none-{name}")
