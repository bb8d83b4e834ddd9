"""Slots of budgets: how sales draw from them, alone and many at once, past the engine."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction

from loyalty.core.db import Batch, Moved, settled, violated
from loyalty.core.models import Event, Program
from rewards.deciding import budgets
from rewards.deciding.drawing import SLOTS, Purses, Slot
from rewards.models import BudgetSlot, Campaign, CampaignBudget
from tests import factories
from tests.races import at_once

THE_BUDGET = UUID(int=1)


def slot(number: int, left: int, *, used: int = 0) -> Slot:
    return Slot(UUID(int=100 + number), THE_BUDGET, number, Decimal(left + used), Decimal(used))


def budget_of(campaign: Campaign, **limit: Any) -> CampaignBudget:
    with transaction.atomic():
        budgets.allot(campaign, {"limits": {"in_all": [limit]}})
    return CampaignBudget.objects.get(campaign=campaign)


@pytest.fixture
def campaign(program: Program) -> Campaign:
    return factories.CampaignFactory.create(program=program, key="double")


class TestPurses:
    def test_draw_from_the_own_slot_as_long_as_it_has_enough(self):
        purses = Purses(own=3)
        purses.know([slot(3, 100)])

        purses.draw(THE_BUDGET, Decimal(40))

        assert purses.left(THE_BUDGET) == 60
        assert purses.to_look_at() == set()

    def test_are_to_be_looked_at_once_a_slot_passes_four_fifths(self):
        purses = Purses(own=3)
        purses.know([slot(3, 30, used=70)])

        purses.draw(THE_BUDGET, Decimal(10))

        assert purses.to_look_at() == {THE_BUDGET}

    def test_know_that_nothing_is_left_of_an_empty_budget_without_reading(self):
        purses = Purses(empty=[THE_BUDGET])

        purses.open([THE_BUDGET])

        assert purses.is_whole(THE_BUDGET)
        assert purses.left(THE_BUDGET) == 0


@pytest.mark.django_db(transaction=True)
class TestDraws:
    @pytest.mark.parametrize("when_spent", ["trim", "refuse"])
    def test_of_64_at_once_end_at_exactly_the_budget_and_never_above(
        self, campaign: Campaign, when_spent: str
    ):
        """10,000 points, of which each takes 170; a trimmed one takes what is left."""
        budget = budget_of(campaign, points=10_000)

        given = at_once(64, lambda number: _takes(budget.pk, 170, number, when_spent))

        (standing,) = budgets.standing([campaign])[campaign.pk]
        assert standing.used == sum(given)
        if when_spent == "trim":
            assert standing.used == 10_000
            assert sorted(set(given)) == [0, 10_000 % 170, 170]
        else:
            assert standing.used == 10_000 // 170 * 170
            assert set(given) == {0, 170}

    def test_come_after_the_guard_and_write_nothing_if_too_little_is_left(self, campaign: Campaign):
        budget = budget_of(campaign, points=160)
        first = BudgetSlot.objects.get(budget=budget, number=0)
        batch = Batch()
        batch.draw(BudgetSlot, ("id", "used"), [(first.pk, Decimal(11))], up_to="allotted")
        batch.update(Campaign, ("id", "name"), [(campaign.pk, "Changed")])

        with pytest.raises(Moved):
            batch.write()

        assert not BudgetSlot.objects.filter(used__gt=0).exists()
        assert not Campaign.objects.filter(name="Changed").exists()

    @pytest.mark.parametrize(
        "change", [{"used": Decimal("10.00000001")}, {"used": -1}, {"allotted": -1}, {"used": 11}]
    )
    def test_past_the_program_are_refused_by_the_database(self, campaign: Campaign, change: dict[str, Any]):
        budget = budget_of(campaign, points=160)

        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            BudgetSlot.objects.filter(budget=budget, number=0).update(**change)

        assert violated(refused.value) == "a_budget_is_never_overshot"


def _takes(budget_id: UUID, wanted: int, number: int, when_spent: str) -> int:
    """A sale as far as a budget is concerned: what it got of what it wanted."""

    def attempt(is_locking: bool) -> int:
        purses = Purses(own=number % SLOTS)
        purses.open([budget_id], is_locking=is_locking)
        left = int(purses.left(budget_id))
        given = min(wanted, left) if when_spent == "trim" else (wanted if left >= wanted else 0)
        if given:
            purses.draw(budget_id, Decimal(given))
        batch = Batch()
        purses.add_to(batch)
        batch.write()
        return given

    return settled(attempt, races=("a_budget_is_never_overshot",))


@pytest.mark.django_db
class TestAllotting:
    def test_lies_in_slots_that_add_up(self, campaign: Campaign):
        budget = budget_of(campaign, points=1_003)

        slots = list(BudgetSlot.objects.filter(budget=budget).order_by("number"))

        assert [int(one.allotted) for one in slots] == [73] + [62] * 15
        assert sum(one.allotted for one in slots) == 1_003

    def test_divides_money_by_the_cent(self, campaign: Campaign):
        budget = budget_of(campaign, money="500.00")

        assert set(BudgetSlot.objects.filter(budget=budget).values_list("allotted", flat=True)) == {
            Decimal("31.25")
        }

    def test_of_a_larger_limit_leaves_what_was_used(self, campaign: Campaign):
        budget = budget_of(campaign, points=160)
        BudgetSlot.objects.filter(budget=budget, number__lt=2).update(used=10)

        budgets.allot(campaign, {"limits": {"in_all": [{"points": 320}]}})

        (standing,) = budgets.standing([campaign])[campaign.pk]
        assert [standing.used, standing.allotted, standing.left] == [20, 320, 300]
        slots = BudgetSlot.objects.filter(budget=budget)
        assert sum(one.allotted for one in slots) == 320
        assert all(one.allotted >= one.used for one in slots)

    def test_never_goes_below_what_is_used(self, campaign: Campaign):
        budget = budget_of(campaign, points=160)
        BudgetSlot.objects.filter(budget=budget, number__lt=9).update(used=10)

        budgets.allot(campaign, {"limits": {"in_all": [{"points": 40}]}})

        (standing,) = budgets.standing([campaign])[campaign.pk]
        assert [standing.used, standing.allotted, standing.share] == [90, 90, 1]

    def test_of_the_same_limit_changes_nothing(self, campaign: Campaign, noon):
        budget = budget_of(campaign, points=160)
        CampaignBudget.objects.update(warned_at=noon)

        budgets.allot(campaign, {"limits": {"in_all": [{"points": 160}]}})

        budget.refresh_from_db()
        assert budget.warned_at == noon

    def test_without_a_limit_ends_the_budget_and_remembers_what_was_used(self, campaign: Campaign):
        budget = budget_of(campaign, points=160)
        BudgetSlot.objects.filter(budget=budget, number=0).update(used=10)

        budgets.allot(campaign, {})
        none = budgets.standing([campaign])
        budgets.allot(campaign, {"limits": {"in_all": [{"points": 200}, {"points": 180}]}})

        assert none == {}
        (standing,) = budgets.standing([campaign])[campaign.pk]
        assert [standing.used, standing.allotted] == [10, 180]

    def test_is_told_in_one_query(self, campaign: Campaign, django_assert_num_queries: Callable[..., Any]):
        budget_of(campaign, points=160)

        with django_assert_num_queries(1):
            assert budgets.standing([campaign, uuid4()]).keys() == {campaign.pk}


@pytest.mark.django_db
class TestAlerts:
    def test_warn_once_at_four_fifths_and_tell_the_end_once(self, campaign: Campaign, noon):
        budget = budget_of(campaign, points=160)
        slots = BudgetSlot.objects.filter(budget=budget)
        slots.filter(number__lt=12).update(used=10)
        none = budgets.sweep(campaign.program, at=noon)
        slots.filter(number=12).update(used=8)

        assert [none, *(budgets.sweep(campaign.program, at=noon) for _ in range(2))] == [0, 1, 0]

        slots.update(used=10)
        assert [budgets.sweep(campaign.program, at=noon) for _ in range(2)] == [1, 0]
        assert _told() == [
            ("budget.warning", {"campaign": "double", "unit": "points", "allotted": 160, "used": 128}),
            ("budget.exhausted", {"campaign": "double", "unit": "points", "allotted": 160, "used": 160}),
        ]
        budget.refresh_from_db()
        assert budget.is_empty

    def test_come_anew_for_another_allotment(self, campaign: Campaign, noon):
        budget = budget_of(campaign, money="16.00")
        BudgetSlot.objects.filter(budget=budget).update(used=1)
        budgets.sweep(campaign.program, at=noon)

        budgets.allot(campaign, {"limits": {"in_all": [{"money": "17.00"}]}})
        budgets.sweep(campaign.program, at=noon)

        budget.refresh_from_db()
        assert not budget.is_empty
        assert [event for event, _ in _told()] == ["budget.warning", "budget.exhausted", "budget.warning"]
        assert _told()[2][1] == {"campaign": "double", "unit": "money", "allotted": "17.00", "used": "16.00"}

    def test_tell_of_the_end_if_what_is_left_did_not_do(self, campaign: Campaign, noon):
        budget = budget_of(campaign, points=160)
        BudgetSlot.objects.filter(budget=budget).update(used=9)

        budgets.look([budget.pk], at=noon, short=[budget.pk])

        assert [event for event, _ in _told()] == ["budget.warning", "budget.exhausted"]
        budget.refresh_from_db()
        assert not budget.is_empty


def _told() -> list[tuple[str, dict[str, Any]]]:
    return list(
        Event.objects.filter(type__startswith="budget.").order_by("number").values_list("type", "data")
    )
