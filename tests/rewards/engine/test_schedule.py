from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from rewards.engine import definition as definitions
from rewards.engine.explain import explain, sentence
from tests.rewards.engine.builders import BERLIN, campaign, definition, facts, fixed

EVENING = [{"from": "17:00", "until": "19:00"}]
NIGHT = [{"from": "22:00", "until": "06:00"}]
CHRISTMAS = [{"from": "12-01", "until": "01-06"}]
SUMMER = [{"from": "06-01", "until": "08-31"}]


def verdict(schedule, at):
    moment = datetime.fromisoformat(at).replace(tzinfo=BERLIN)
    [found] = explain([campaign(schedule=schedule)], facts(at=moment), rounding="down")
    return found


class TestASchedule:
    @pytest.mark.parametrize(
        ("schedule", "at", "text"),
        [
            ({"weekdays": ["saturday", "sunday"]}, "2026-06-06T12:00", None),
            (
                {"weekdays": ["monday", "sunday"]},
                "2026-06-06T12:00",
                "runs on Monday and Sunday, not on Saturday",
            ),
            ({"hours": EVENING}, "2026-06-06T17:00", None),
            ({"hours": EVENING}, "2026-06-06T19:00", "runs from 17:00 until 19:00, not at 19:00"),
            ({"hours": NIGHT}, "2026-06-06T23:00", None),
            ({"hours": NIGHT}, "2026-06-06T05:59", None),
            ({"hours": NIGHT}, "2026-06-06T06:00", "runs from 22:00 until 06:00, not at 06:00"),
            ({"month_days": [1, 15]}, "2026-06-15T12:00", None),
            ({"month_days": [-1]}, "2028-02-29T12:00", None),
            ({"month_days": [-1]}, "2026-02-28T12:00", None),
            (
                {"month_days": [-1, 1]},
                "2028-02-28T12:00",
                "runs on day 1 of the month and the last day of the month, not on day 28",
            ),
            ({"year_days": CHRISTMAS}, "2026-12-01T00:00", None),
            ({"year_days": CHRISTMAS}, "2026-01-06T23:59", None),
            ({"year_days": CHRISTMAS}, "2026-01-07T00:00", "runs from 12-01 to 01-06 each year"),
            ({"year_days": SUMMER}, "2026-08-31T23:59", None),
            ({"year_days": SUMMER}, "2026-09-01T00:00", "runs from 06-01 to 08-31 each year"),
            ({"hours": EVENING, "time_zone": "America/New_York"}, "2026-06-06T23:30", None),
            (
                {"hours": EVENING, "time_zone": "America/New_York"},
                "2026-06-06T17:30",
                "runs from 17:00 until 19:00, not at 11:30",
            ),
        ],
    )
    def test_has_its_days_and_hours_or_says_them(self, schedule, at, text):
        found = verdict(schedule, at)

        assert found.has_matched is (text is None)
        assert text is None or found.text() == text

    def test_is_told_in_words(self):
        raw = definition(
            fixed(),
            schedule={
                "weekdays": ["sunday", "saturday"],
                "hours": EVENING,
                "month_days": [-1],
                "year_days": SUMMER,
                "time_zone": "America/New_York",
            },
        )

        assert sentence(raw, currency="EUR") == (
            "For every sale: 50 points. Only on Saturday and Sunday, on the last day of the month,"
            " from 06-01 to 08-31 each year, from 17:00 until 19:00 (America/New_York)."
        )

    @pytest.mark.parametrize(
        ("schedule", "pointer", "text"),
        [
            ({"time_zone": "Mars/Olympus"}, "/time_zone", "not Mars/Olympus"),
            ({"time_zone": "../etc/passwd"}, "/time_zone", "must be a time zone"),
            ({"time_zone": 1}, "/time_zone", "must be a time zone"),
            ({"weekdays": ["caturday"]}, "/weekdays/0", "“caturday” is no choice"),
            ({"weekdays": []}, "/weekdays", "at least one entry"),
            ({"hours": [{"from": "17:00", "until": "17:00"}]}, "/hours/0", "Nothing lies between"),
            ({"hours": [{"from": "17:00"}]}, "/hours/0/until", "must be a time of day"),
            ({"hours": ["17:00"]}, "/hours/0", "must be an object"),
            ({"month_days": [0]}, "/month_days/0", "from 1 to 31"),
            ({"month_days": [True]}, "/month_days/0", "whole number"),
            ({"year_days": [{"from": "02-30", "until": "03-01"}]}, "/year_days/0/from", "day of the year"),
            ({"year_days": [{"from": "2-3", "until": "03-01"}]}, "/year_days/0/from", "day of the year"),
            ({"year_days": [1]}, "/year_days/0", "must be an object"),
        ],
    )
    def test_that_is_wrong_is_refused_at_its_place(self, schedule, pointer, text):
        [problem] = definitions.problems(definition(fixed(), schedule=schedule))

        assert problem.pointer == f"#/schedule{pointer}"
        assert text in problem.text()

    def test_says_beginning_and_end_in_its_own_time_zone(self):
        schedule = {
            "starts_at": "2026-06-01T00:00:00-04:00",
            "ends_at": "2026-07-01T00:00:00-04:00",
            "time_zone": "America/New_York",
        }
        raw = definition(fixed(), schedule=schedule)

        said = sentence(raw, currency="EUR", zone=ZoneInfo("Asia/Tokyo"))

        assert said.endswith("Runs from 2026-06-01 00:00 until 2026-07-01 00:00.")
