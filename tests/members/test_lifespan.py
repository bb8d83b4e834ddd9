from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.lifespan import NEVER, Lifespan, ends_at, lapses_at, last_day_of, midnight_after

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    "Europe/Berlin", "America/New_York", "Pacific/Apia", "Africa/Cairo", "America/Sao_Paulo", "Asia/Beirut",
    "America/Havana", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Gaza", "UTC",
]  # fmt: skip
zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(min_value=date(2000, 1, 1), max_value=date(2060, 12, 31))
periods = st.sampled_from([("end_of_month", 1), ("end_of_quarter", 3), ("end_of_year", 12)])


class TestLastDay:
    @pytest.mark.parametrize(
        ("lifespan", "earned_on", "last_day"),
        [
            (NEVER, "2026-06-01", None),
            (Lifespan("inactivity", 6), "2026-06-01", None),
            (Lifespan("days", 30), "2026-01-31", "2026-03-02"),
            (Lifespan("days", 1), "2028-02-28", "2028-02-29"),
            (Lifespan("months", 1), "2026-01-31", "2026-02-28"),
            (Lifespan("months", 1), "2028-01-31", "2028-02-29"),
            (Lifespan("months", 12), "2028-02-29", "2029-02-28"),
            (Lifespan("months", 48), "2028-02-29", "2032-02-29"),
            (Lifespan("end_of_month"), "2026-02-01", "2026-02-28"),
            (Lifespan("end_of_month"), "2028-02-29", "2028-02-29"),
            (Lifespan("end_of_month", 1), "2026-01-31", "2026-02-28"),
            (Lifespan("end_of_month", 11), "2026-01-31", "2026-12-31"),
            (Lifespan("end_of_quarter"), "2026-03-31", "2026-03-31"),
            (Lifespan("end_of_quarter"), "2026-04-01", "2026-06-30"),
            (Lifespan("end_of_quarter", 1), "2026-11-15", "2027-03-31"),
            (Lifespan("end_of_year"), "2026-01-01", "2026-12-31"),
            (Lifespan("end_of_year", 1), "2026-12-31", "2027-12-31"),
            (Lifespan("fixed_date", on_date=date(2026, 12, 31)), "2024-02-29", "2026-12-31"),
            (Lifespan("fixed_date", on_date=date(2026, 12, 31)), "2026-12-30", "2026-12-31"),
            (Lifespan("fixed_date", on_date=date(2026, 12, 31)), "2026-12-31", "2027-12-31"),
            (Lifespan("fixed_date", on_date=date(2026, 3, 1)), "2028-02-29", "2028-03-01"),
            (Lifespan("fixed_date", on_date=date(2024, 2, 29)), "2026-05-01", "2027-02-28"),
            (Lifespan("fixed_date", on_date=date(2024, 2, 29)), "2027-02-28", "2028-02-29"),
        ],
    )
    def test_is_counted_by_the_rule(self, lifespan: Lifespan, earned_on: str, last_day: str | None):
        found = last_day_of(lifespan, earned_on=date.fromisoformat(earned_on))

        assert found == (date.fromisoformat(last_day) if last_day else None)

    @given(days, periods, st.integers(0, 60))
    def test_of_a_period_is_the_day_before_a_new_one(self, earned_on: date, period, further: int):
        rule, months = period

        last_day = last_day_of(Lifespan(rule, further), earned_on=earned_on)

        assert last_day is not None
        following = last_day + timedelta(days=1)
        begun = earned_on.year * 12 + (earned_on.month - 1) // months * months
        assert following.day == 1
        assert following.year * 12 + following.month - 1 == begun + months * (further + 1)

    @given(days, st.dates(min_value=date(2000, 1, 1), max_value=date(2060, 12, 31)))
    def test_fixed_comes_within_a_year_after_the_date_and_never_before_earning(
        self, earned_on: date, on_date: date
    ):
        last_day = last_day_of(Lifespan("fixed_date", on_date=on_date), earned_on=earned_on)

        assert last_day is not None
        assert last_day >= on_date
        assert last_day > earned_on
        assert last_day == on_date or last_day <= earned_on + timedelta(days=366)

    @given(days, st.integers(1, 240))
    def test_of_months_is_the_same_day_or_the_last_of_a_shorter_month(self, earned_on: date, number: int):
        last_day = last_day_of(Lifespan("months", number), earned_on=earned_on)

        assert last_day is not None
        assert (last_day.year - earned_on.year) * 12 + last_day.month - earned_on.month == number
        assert last_day.day == earned_on.day or (last_day + timedelta(days=1)).day == 1


class TestMidnight:
    @pytest.mark.parametrize(
        ("zone", "day", "over"),
        [
            # Two hours ahead of UTC in summer, one in winter.
            ("Europe/Berlin", date(2026, 6, 1), datetime(2026, 6, 1, 22, tzinfo=UTC)),
            ("Europe/Berlin", date(2026, 3, 28), datetime(2026, 3, 28, 23, tzinfo=UTC)),
            ("Europe/Berlin", date(2026, 3, 29), datetime(2026, 3, 29, 22, tzinfo=UTC)),
            ("Europe/Berlin", date(2026, 10, 25), datetime(2026, 10, 25, 23, tzinfo=UTC)),
            ("America/New_York", date(2026, 3, 8), datetime(2026, 3, 9, 4, tzinfo=UTC)),
            ("America/New_York", date(2026, 11, 1), datetime(2026, 11, 2, 5, tzinfo=UTC)),
            # No midnight: the clocks leap from it to one o'clock.
            ("America/Sao_Paulo", date(2018, 11, 3), datetime(2018, 11, 4, 3, tzinfo=UTC)),
            ("Asia/Beirut", date(2026, 3, 28), datetime(2026, 3, 28, 22, tzinfo=UTC)),
            ("Africa/Cairo", date(2026, 4, 23), datetime(2026, 4, 23, 22, tzinfo=UTC)),
            # The hour before midnight twice.
            ("America/Sao_Paulo", date(2018, 2, 17), datetime(2018, 2, 18, 3, tzinfo=UTC)),
            ("Africa/Cairo", date(2026, 10, 29), datetime(2026, 10, 29, 22, tzinfo=UTC)),
            # The hour after midnight twice: the first of them begins the day.
            ("America/Havana", date(2026, 10, 31), datetime(2026, 11, 1, 4, tzinfo=UTC)),
            # A minute of the new day, and then the hour before it once more.
            ("America/St_Johns", date(2010, 11, 6), datetime(2010, 11, 7, 3, 30, tzinfo=UTC)),
            # The 30th of December did not happen there.
            ("Pacific/Apia", date(2011, 12, 29), datetime(2011, 12, 30, 10, tzinfo=UTC)),
            ("Pacific/Apia", date(2011, 12, 30), datetime(2011, 12, 30, 10, tzinfo=UTC)),
        ],
    )
    def test_ends_the_day(self, zone: str, day: date, over: datetime):
        assert midnight_after(day, ZoneInfo(zone)) == over

    @given(days, zones)
    def test_parts_the_day_from_the_next(self, day: date, zone: ZoneInfo):
        over = midnight_after(day, zone)

        assert (over - timedelta(microseconds=1)).astimezone(zone).date() <= day
        assert over.astimezone(zone).date() > day
        for hours in range(1, 4):  # and the day does not come again
            assert (over + timedelta(hours=hours)).astimezone(zone).date() > day

    @given(days, zones, st.integers(1, 500))
    def test_comes_at_the_end_of_the_last_day_of_points(self, earned_on: date, zone: ZoneInfo, number: int):
        lifespan = Lifespan("days", number)

        found = ends_at(lifespan, earned_on=earned_on, zone=zone)

        assert found == midnight_after(earned_on + timedelta(days=number), zone)


class TestLapsing:
    def test_counts_months_from_the_last_activity(self):
        lapses = lapses_at(Lifespan("inactivity", 6), active_on=date(2026, 8, 31), zone=BERLIN)

        assert lapses == datetime(2027, 2, 28, 23, tzinfo=UTC)
