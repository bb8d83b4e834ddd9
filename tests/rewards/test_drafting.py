"""Definitions as rows of a form and back, without a database."""

import pytest

from rewards import drafting
from tests import factories

POINTS = {"kind": "points_per_unit", "wallet_type": "points", "points": "1", "per": "1.00"}


def leaf(fact: str, operator: str, value: object) -> dict[str, object]:
    return {"fact": fact, "operator": operator, "value": value}


def definition(*leaves: dict[str, object], match: str = "all") -> dict[str, object]:
    return {
        "trigger": {"kind": "sale"},
        "conditions": {match: list(leaves)} if leaves else None,
        "effects": [POINTS],
        "schedule": {"starts_at": None, "ends_at": None},
    }


class TestRows:
    @pytest.mark.parametrize(
        "condition",
        [
            leaf("sale.amount", "gte", "50.00"),
            leaf("sale.amount", "between", ["10.00", "20.00"]),
            leaf("sale.line_count", "in", [1, 2, 3]),
            leaf("moment.weekday", "in", ["saturday", "sunday"]),
            leaf("moment.time", "between", ["08:00", "10:00"]),
            leaf("member.is_birthday", "eq", True),
            leaf("member.tier", "known", False),
            leaf("sale.categories", "has_any", ["Coffee", "Tea"]),
            leaf("member.attribute.colour", "eq", "green"),
            leaf("member.attribute.children", "gte", 2),
        ],
    )
    def test_a_condition_comes_back_as_it_was(self, condition: dict[str, object]):
        whole = definition(condition, match="any")

        found = drafting.rows(whole)

        assert found is not None
        assert drafting.assembled(found) == whole

    @pytest.mark.parametrize(
        "dates",
        [
            {"pending": {"days": 14}},
            {"pending": {"until": "2026-12-24"}},
            {"pending": {"event": "order.shipped", "cancel_after_days": 60}},
            {"expiry": {"rule": "never"}},
            {"expiry": {"rule": "months", "number": 3}},
            {"expiry": {"rule": "end_of_quarter", "number": 0}},
            {"expiry": {"rule": "fixed_date", "date": "2027-01-31"}, "pending": {"days": 7}},
        ],
    )
    def test_dates_that_all_effects_share_come_back_as_they_were(self, dates: dict[str, object]):
        fixed = {"kind": "fixed_points", "wallet_type": "points", "points": 5}
        whole = {**definition(), "effects": [{**POINTS, **dates}, {**fixed, **dates}]}

        found = drafting.rows(whole)

        assert found is not None
        assert drafting.assembled(found) == whole

    def test_no_conditions_are_no_rows(self):
        found = drafting.rows(factories.definition({"kind": "fixed_points", "points": 50}))

        assert found is not None
        assert found["conditions"] == []

    @pytest.mark.parametrize(
        "whole",
        [
            definition({"all": [leaf("sale.amount", "gte", "50.00")]}),
            definition(leaf("sale.amount", "gte", "1.00"), match="none"),
            definition(leaf("member.attribute.zip", "eq", "10115")),
            definition(leaf("sale.categories", "has_any", ["Coffee, ground"])),
            {**definition(), "limits": {"per_member": 1}},
            {**definition(), "effects": [{**POINTS, "lines": leaf("line.category", "eq", "Coffee")}]},
            {**definition(), "effects": [{**POINTS, "pending": {"days": 14}}, POINTS]},
            {**definition(), "effects": "none"},
            {"anything": "else"},
        ],
        ids=[
            "nested",
            "none of these",
            "digits as text",
            "comma in a value",
            "unknown part",
            "lines",
            "own dates",
            "broken",
            "empty",
        ],
    )
    def test_what_would_come_back_as_something_else_does_not_fit(self, whole: dict[str, object]):
        assert drafting.rows(whole) is None
