from datetime import date

import pytest

from rewards.engine import explain
from rewards.engine.definition import parse, problems
from rewards.engine.evaluate import evaluate
from rewards.engine.gifts import GiftEffect
from rewards.engine.timing import Expiry, Pending
from tests.rewards.engine.builders import campaign, definition, facts, fixed, per_unit, times


class TestTimesOfAnEffect:
    @pytest.mark.parametrize(
        ("block", "read"),
        [
            ({"rule": "never"}, Expiry("never")),
            ({"rule": "days", "number": 10}, Expiry("days", 10)),
            ({"rule": "months", "number": 3}, Expiry("months", 3)),
            ({"rule": "end_of_year"}, Expiry("end_of_year", 0)),
            ({"rule": "end_of_quarter", "number": 2}, Expiry("end_of_quarter", 2)),
            (
                {"rule": "fixed_date", "date": "2026-12-31"},
                Expiry("fixed_date", on_date=date(2026, 12, 31)),
            ),
            (None, None),
        ],
    )
    def test_may_say_when_its_points_expire(self, block, read):
        (effect,) = parse(definition({**fixed(), "expiry": block})).effects

        assert not isinstance(effect, GiftEffect)
        assert effect.expiry == read

    @pytest.mark.parametrize(
        ("block", "read"),
        [
            ({"days": 14}, Pending(days=14)),
            ({"until": "2026-12-24"}, Pending(until=date(2026, 12, 24))),
            (
                {"event": "order.shipped", "cancel_after_days": 60},
                Pending(event_type="order.shipped", cancel_after_days=60),
            ),
        ],
    )
    def test_may_say_what_its_points_wait_for(self, block, read):
        (effect,) = parse(definition({**times(), "pending": block})).effects

        assert not isinstance(effect, GiftEffect)
        assert effect.pending == read

    @pytest.mark.parametrize(
        ("blocks", "pointer", "text"),
        [
            ({"expiry": "never"}, "expiry", "must be an object"),
            ({"expiry": {"rule": "inactivity", "number": 3}}, "expiry/rule", "never, days, months"),
            ({"expiry": {"rule": "days"}}, "expiry/number", "whole number such as 50, not nothing"),
            ({"expiry": {"rule": "days", "number": 0}}, "expiry/number", "from 1 to 3,660"),
            ({"expiry": {"rule": "end_of_year", "number": -1}}, "expiry/number", "from 0 to 100"),
            ({"expiry": {"rule": "never", "number": 1}}, "expiry/number", "Known are: rule."),
            ({"expiry": {"rule": "fixed_date"}}, "expiry/date", 'such as "2026-12-24"'),
            ({"expiry": {"rule": "fixed_date", "date": "9999-12-31"}}, "expiry/date", "to 2999-12-31"),
            ({"pending": {}}, "pending", "here is nothing"),
            ({"pending": {"days": 1, "until": "2026-12-24"}}, "pending", "here is days, until"),
            ({"pending": {"days": "14"}}, "pending/days", "not 14"),
            ({"pending": {"days": 14, "cancel_after_days": 3}}, "pending/cancel_after_days", "Known are"),
            ({"pending": {"until": "24.12.2026"}}, "pending/until", "not 24.12.2026"),
            ({"pending": {"event": "shipped"}}, "pending/cancel_after_days", "not nothing"),
            ({"pending": {"event": "a b", "cancel_after_days": 6}}, "pending/event", "not a b"),
            ({"pending": {"event": ["x"], "cancel_after_days": 6}}, "pending/event", "not a list"),
        ],
    )
    def test_that_make_no_sense_are_named_with_their_place(self, blocks, pointer, text):
        (problem,) = problems(definition({**fixed(), **blocks}))

        assert problem.pointer == f"#/effects/0/{pointer}"
        assert text in problem.text()

    def test_come_with_the_awards(self):
        rule = campaign({**fixed(), "pending": {"days": 14}}, {**per_unit(), "expiry": {"rule": "never"}})

        awards = evaluate([rule], facts(), rounding="down")

        assert [(a.pending, a.expiry) for a in awards] == [
            (Pending(days=14), None),
            (None, Expiry("never")),
        ]

    @pytest.mark.parametrize(
        ("blocks", "said"),
        [
            ({}, "For every sale: 50 points."),
            ({"pending": {"days": 1}}, "For every sale: 50 points (pending for 1 day)."),
            (
                {"pending": {"days": 14}, "expiry": {"rule": "months", "number": 3}},
                "For every sale: 50 points (pending for 14 days, expiring after 3 months).",
            ),
            (
                {"pending": {"event": "order.shipped", "cancel_after_days": 60}},
                "For every sale: 50 points"
                " (pending until the event order.shipped, cancelled without it after 60 days).",
            ),
            ({"expiry": {"rule": "never"}}, "For every sale: 50 points (never expiring)."),
            (
                {"expiry": {"rule": "end_of_year"}},
                "For every sale: 50 points (expiring at the end of the year).",
            ),
            (
                {"expiry": {"rule": "end_of_month", "number": 1}},
                "For every sale: 50 points (expiring at the end of the following month).",
            ),
            (
                {"expiry": {"rule": "fixed_date", "date": "2026-12-31"}},
                "For every sale: 50 points (expiring on 2026-12-31).",
            ),
        ],
    )
    def test_are_said_in_the_sentence(self, blocks, said):
        assert explain.sentence(definition({**fixed(), **blocks}), currency="EUR") == said
