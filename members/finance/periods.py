"""Days, months and quarters of a program's time zone, and the moments at which they begin."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

Step = Literal["day", "month", "quarter"]
STEPS: Final[tuple[Step, ...]] = ("day", "month", "quarter")
_MONTHS: Final = {"month": 1, "quarter": 3}


@dataclass(frozen=True, slots=True)
class Period:
    """From a first day until before a day."""

    start: date
    end: date

    @property
    def last_day(self) -> date:
        return self.end - timedelta(days=1)


def moment(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def start_of(day: date, step: Step) -> date:
    """The first day of the day's period."""
    if step == "day":
        return day
    length = _MONTHS[step]
    return date(day.year, (day.month - 1) // length * length + 1, 1)


def next_start(start: date, step: Step) -> date:
    if step == "day":
        return start + timedelta(days=1)
    months = start.year * 12 + start.month - 1 + _MONTHS[step]
    return date(months // 12, months % 12 + 1, 1)


def periods(*, first: date, last: date, step: Step) -> list[Period]:
    """The periods that the days fall into, in order; the last one ends with the last day."""
    return list(_periods(first, last, step))


def _periods(first: date, last: date, step: Step) -> Iterator[Period]:
    start = start_of(first, step)
    while start <= last:
        end = next_start(start, step)
        yield Period(start, min(end, last + timedelta(days=1)))
        start = end


def back(day: date, *, steps: int, step: Step) -> date:
    """The start of the period that lies so many periods before the day's own."""
    start = start_of(day, step)
    for _ in range(steps):
        start = start_of(start - timedelta(days=1), step)
    return start


def cohort_names(earned: date) -> tuple[str, str, str, str]:
    """
    What a breakage rate may name to be about points earned on that day, the closest first.

    Month, quarter, year, and all: "2026-03", "2026-Q1", "2026", "".
    """
    quarter = (earned.month + 2) // 3
    return f"{earned:%Y-%m}", f"{earned.year}-Q{quarter}", f"{earned.year}", ""
