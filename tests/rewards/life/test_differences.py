"""What differs between two definitions, in words that a marketer would use."""

from typing import Any

import pytest

from loyalty.core.models import Program
from rewards.planning import differences
from rewards.planning.differences import ADDED, CHANGED, REMOVED, SAME
from tests import factories

FIFTY = {"fact": "sale.amount", "operator": "gte", "value": "50.00"}
TWENTY = {"fact": "sale.amount", "operator": "gte", "value": "20.00"}
WEEKEND = {"fact": "moment.weekday", "operator": "in", "value": ["saturday", "sunday"]}
BASE = {"kind": "points_per_unit", "points": "1", "per": "1.00"}


@pytest.fixture
def euros() -> Program:
    return factories.ProgramFactory.build()


def told(program: Program, before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    found = differences.between(before, after, program=program)
    return [(each.part, each.change, each.before, each.after) for each in found if each.change != SAME]


class TestBetween:
    def test_the_same_has_no_difference_and_all_its_lines(self, euros: Program):
        definition = factories.definition(BASE, conditions={"all": [FIFTY]})

        found = differences.between(definition, definition, program=euros)

        assert [(each.part, each.change) for each in found] == [
            ("trigger", SAME),
            ("conditions", SAME),
            ("effects", SAME),
        ]

    def test_a_condition_is_added_changed_and_removed(self, euros: Program):
        none = factories.definition(BASE)
        fifty = factories.definition(BASE, conditions={"all": [FIFTY]})
        twenty = factories.definition(BASE, conditions={"all": [TWENTY]})

        assert told(euros, none, fifty) == [("conditions", ADDED, "", "Only of at least €50.00")]
        assert told(euros, fifty, none) == [("conditions", REMOVED, "Only of at least €50.00", "")]
        assert told(euros, fifty, twenty) == [
            ("conditions", CHANGED, "Only of at least €50.00", "Only of at least €20.00")
        ]

    def test_that_one_of_two_is_enough_now_is_told(self, euros: Program):
        both = factories.definition(BASE, conditions={"all": [FIFTY, WEEKEND]})
        either = factories.definition(BASE, conditions={"any": [FIFTY, WEEKEND]})

        assert told(euros, both, either) == [
            ("conditions", CHANGED, "All of the conditions are needed", "One of the conditions is enough")
        ]

    def test_effects_of_another_kind_are_one_that_goes_and_one_that_comes(self, euros: Program):
        before = factories.definition(BASE)
        after = factories.definition({"kind": "fixed_points", "points": 50})

        assert told(euros, before, after) == [
            ("effects", ADDED, "", "50 points"),
            ("effects", REMOVED, "1 point for each full €1.00", ""),
        ]

    def test_every_other_part_is_in_words_too(self, euros: Program, db: None):
        before = factories.definition(BASE)
        after = factories.definition(
            BASE,
            audience={"segments": ["coffee"], "control_percent": 10},
            limits={"per_member": [{"times": 2, "per": "day"}], "in_all": [{"money": "500.00"}]},
            stacking={"priority": 5, "group": "winter", "choose": "best"},
            schedule={
                "starts_at": "2026-12-01T00:00:00+01:00",
                "ends_at": None,
                "weekdays": ["saturday"],
                "hours": [{"from": "17:00", "until": "19:00"}],
            },
        )

        assert [(part, after) for part, _, _, after in told(euros, before, after)] == [
            ("audience", "By members of coffee"),
            ("audience", "10 % of members are held out, to compare with"),
            ("limits", "2 times a day for a member."),
            ("limits", "€500.00 in all."),
            ("stacking", "Priority 5"),
            ("stacking", "Of the campaigns of the group winter, the best for the member counts."),
            ("schedule", "From 1 Dec 2026, 00:00"),
            ("schedule", "Only on Saturday."),
            ("schedule", "Only from 17:00 until 19:00."),
        ]

    def test_a_limit_of_another_period_is_another_limit(self, euros: Program):
        daily = factories.definition(BASE, limits={"per_member": [{"times": 2, "per": "day"}]})
        weekly = factories.definition(BASE, limits={"per_member": [{"times": 2, "per": "week"}]})

        assert [change for _, change, _, _ in told(euros, daily, weekly)] == [ADDED, REMOVED]

    def test_what_is_not_complete_is_shown_as_it_is_stored(self, euros: Program):
        before, after = (
            factories.definition(BASE),
            factories.definition({"kind": "fixed_points", "points": ""}),
        )

        ((_, _, _, said), _) = told(euros, before, after)

        assert said == '{"wallet_type": "points", "kind": "fixed_points", "points": ""}'

    @pytest.mark.parametrize(
        "broken", [{}, {"trigger": None}, {"trigger": {"kind": "sale"}, "effects": None}]
    )
    def test_a_draft_that_says_next_to_nothing_can_be_compared(self, euros: Program, broken: dict[str, Any]):
        assert differences.between(broken, factories.definition(BASE), program=euros)
        assert differences.between(factories.definition(BASE), broken, program=euros)

    def test_moments_that_are_written_differently_are_the_same(self, euros: Program):
        here = factories.definition(BASE, schedule={"starts_at": "2026-12-01T00:00:00+01:00"})
        there = factories.definition(BASE, schedule={"starts_at": "2026-11-30T23:00:00+00:00"})

        assert told(euros, here, there) == []
