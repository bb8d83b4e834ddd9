"""
How long points live, and how long they wait: whole days in the program's time zone.

Points are there until their last day is over. Everything here ends at that midnight, the first
moment that belongs to the next day and after which the last day does not come again.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from msgspec import Struct

RULES: Final = (
    "never", "days", "months", "end_of_month", "end_of_quarter", "end_of_year", "fixed_date", "inactivity",
)  # fmt: skip
_MONTHS_OF_A_PERIOD: Final = {"end_of_month": 1, "end_of_quarter": 3, "end_of_year": 12}


class Lifespan(Struct, frozen=True):
    """
    A rule by which points expire, one of `RULES`.

    `number` counts days or months; with the end of a month, quarter or year it counts the further
    ones: 0 is the end of that in which the points are earned. `on_date` is the fixed date.
    """

    rule: str
    number: int = 0
    on_date: date | None = None

    @property
    def is_by_activity(self) -> bool:
        """Points live as long as the member is active: the wallet has their date, not the lot."""
        return self.rule == "inactivity"


NEVER: Final = Lifespan("never")


@lru_cache(maxsize=8192)
def ends_at(lifespan: Lifespan, *, earned_on: date, zone: ZoneInfo) -> datetime | None:
    """The first moment at which points that were earned on that day are gone; None if there is none."""
    last_day = last_day_of(lifespan, earned_on=earned_on)
    return None if last_day is None else midnight_after(last_day, zone)


def last_day_of(lifespan: Lifespan, *, earned_on: date) -> date | None:
    """
    The last day of points that were earned on that day; None for those without a date of their own.

    Months that are too short end on their last day, and so do years without a 29th of February.
    """
    if lifespan.rule == "days":
        return earned_on + timedelta(days=lifespan.number)
    if lifespan.rule == "months":
        return earned_on + relativedelta(months=lifespan.number)
    if lifespan.rule in _MONTHS_OF_A_PERIOD:
        return _end_of_period(earned_on, _MONTHS_OF_A_PERIOD[lifespan.rule], lifespan.number)
    if lifespan.rule == "fixed_date":
        assert lifespan.on_date is not None, "a fixed date is given"
        return _next_anniversary(lifespan.on_date, earned_on)
    return None


def lapses_at(lifespan: Lifespan, *, active_on: date, zone: ZoneInfo) -> datetime:
    """When points go that live by activity, if the member was active on that day for the last time."""
    assert lifespan.is_by_activity
    return midnight_after(active_on + relativedelta(months=lifespan.number), zone)


def _end_of_period(day: date, months: int, further: int) -> date:
    """The last day of the period (of 1, 3 or 12 months) in which the day is, or of a further one."""
    first_month = day.month - 1 - (day.month - 1) % months
    last_month = day.year * 12 + first_month + months * (further + 1) - 1
    year, month = divmod(last_month, 12)
    return date(year, month + 1, monthrange(year, month + 1)[1])


def _next_anniversary(on_date: date, earned_on: date) -> date:
    """The date itself, or its next anniversary for points that are earned on it or later."""
    if earned_on < on_date:
        return on_date
    years = earned_on.year - on_date.year
    this_year = on_date + relativedelta(years=years)
    return this_year if earned_on < this_year else on_date + relativedelta(years=years + 1)


@lru_cache(maxsize=8192)
def midnight_after(day: date, zone: ZoneInfo) -> datetime:
    """
    The moment, in UTC, at which a day is over in that zone.

    Where the clocks leap over midnight, the next day begins with the leap; where they go back from
    the next day into this one, it is over when midnight comes for the second time.
    """
    midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)
    last, first = midnight.replace(fold=1).astimezone(UTC), midnight.astimezone(UTC)
    is_second = (last - timedelta.resolution).astimezone(zone).date() <= day < last.astimezone(zone).date()
    return last if is_second else first
