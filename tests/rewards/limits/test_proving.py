"""The nightly check names what is wrong with counts and budgets."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from loyalty.core.db import violated
from members.models import Member
from rewards.books import checking
from rewards.models import Activity, BudgetSlot, CampaignBudget, CampaignCount
from tests.cast import Shop
from tests.rewards.limits.conftest import Publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def sold(publish: Publish, shop: Shop, ada: Member) -> Shop:
    """Three sales within limits of all kinds."""
    in_all = [{"points": 100}, {"times": 50}, {"money": "10.00"}]
    publish("spring", limits={"in_all": in_all, "per_member": [{"times": 9, "per": "day"}]})
    publish("plain")
    for number in range(3):
        shop.sells(f"r{number}", "5.00")
    return shop


def faults(shop: Shop) -> list[tuple[str, str]]:
    check, _ = checking.ask(shop.program, actor="system:test")
    return [(fault.check, fault.detail) for fault in checking.carry_out(check)]


class TestChecks:
    def test_find_nothing_where_all_is_in_order(self, sold: Shop):
        assert faults(sold) == []

    def test_name_a_count_that_somebody_changed(self, sold: Shop):
        CampaignCount.objects.update(times=2)

        assert faults(sold) == [
            (
                "a campaign's counts of a member are what it gave",
                "counts 2 times and 30 points for day:2026-06-01, and gave 3 times and 30",
            )
        ]

    def test_name_a_count_that_is_lost(self, sold: Shop):
        CampaignCount.objects.all().delete()

        ((check, detail),) = faults(sold)

        assert check == "a campaign's counts of a member are what it gave"
        assert detail.startswith("counts 0 times and 0 points")

    def test_name_a_slot_that_somebody_changed(self, sold: Shop):
        slots = BudgetSlot.objects.filter(budget__unit="money")
        slots.filter(used__gt=0).update(used=Decimal("0.25"))

        assert faults(sold) == [
            (
                "what was drawn from a budget is what its campaign gave",
                "says that 0.25 were drawn, its activities 0.3",
            )
        ]

    def test_name_a_budget_whose_slots_are_too_large(self, sold: Shop):
        BudgetSlot.objects.filter(budget__unit="points", number=3).update(allotted=1_000)

        ((check, detail),) = faults(sold)

        assert check == "what was drawn from a budget is what its campaign gave"
        assert detail.startswith("allots 100, its slots 1094")

    def test_name_a_budget_whose_slots_are_lost(self, sold: Shop):
        BudgetSlot.objects.filter(budget__unit="points").delete()

        assert [detail for _, detail in faults(sold)] == [
            "allots 100, its slots 0",
            "says that 0 were drawn, its activities 30",
        ]

    def test_name_an_activity_that_counts_other_points_than_it_gave(self, sold: Shop):
        activity = Activity.objects.get(external_id="r1")
        activity.facts["usage"]["uses"]["spring"][1] = 4
        Activity.objects.filter(pk=activity.pk).update(facts=activity.facts)

        assert {check for check, _ in faults(sold)} == {
            "what limits count of an activity is what its campaigns gave",
            "a campaign's counts of a member are what it gave",
            "what was drawn from a budget is what its campaign gave",
        }


class TestTheDatabase:
    @pytest.mark.parametrize("change", [{"times": -1}, {"points": -1}])
    def test_refuses_counts_below_nothing(self, sold: Shop, change: dict[str, int]):
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            CampaignCount.objects.update(**change)

        assert violated(refused.value) == "a_campaign_never_gave_less_than_nothing"

    def test_refuses_a_second_count_of_one_period(self, sold: Shop):
        count = CampaignCount.objects.get()
        count.pk, count._state.adding = sold.program.pk, True

        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            count.save(force_insert=True)

        assert violated(refused.value) == "one_count_per_member_campaign_and_period"

    def test_refuses_a_second_budget_in_one_unit(self, sold: Shop):
        budget = CampaignBudget.objects.get(unit="points")
        budget.pk, budget._state.adding = sold.program.pk, True

        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            budget.save(force_insert=True)

        assert violated(refused.value) == "one_budget_per_campaign_and_unit"
