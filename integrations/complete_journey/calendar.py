"""
When the purchases of the data happened, in a program's time, moved by whole days where asked.

The files give UTC without saying so: the year runs from 2017-01-01 11:53 to 2018-01-01 04:01, and
the daily rush moves by one hour when summer time begins. In the shops' own zone that is exactly the
year 2017. What counts for members is the clock on the shop's wall, so that is kept: a basket of
17:30 there becomes a basket of 17:30 in the program's zone, whichever that is.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

SHOPS_ZONE: Final = ZoneInfo("America/New_York")
LAST_DAY: Final = date(2017, 12, 31)


@dataclass(frozen=True, slots=True)
class Calendar:
    """
    Moments of the data as moments of a program.

    Wall times that the program's zone skips in spring count as one hour later, those that it has
    twice in autumn as the first, unless the data themselves say that it was the second.
    """

    zone: ZoneInfo
    days: int = 0

    def moved(self, moment: datetime) -> datetime:
        """A moment of the data, in UTC, as it counts for the program."""
        wall = moment.astimezone(SHOPS_ZONE)
        moved = wall.replace(tzinfo=None) + timedelta(days=self.days)
        return moved.replace(tzinfo=self.zone, fold=wall.fold).astimezone(UTC)

    def unmoved(self, moment: datetime) -> datetime:
        """The moment of the data that `moved()` turns into this one, for use as a limit."""
        wall = moment.astimezone(self.zone)
        unmoved = wall.replace(tzinfo=None) - timedelta(days=self.days)
        return unmoved.replace(tzinfo=SHOPS_ZONE, fold=wall.fold).astimezone(UTC)

    def end_of(self, day: date) -> datetime:
        """The first moment that no longer belongs to a day of the program."""
        return datetime.combine(day + timedelta(days=1), datetime.min.time(), self.zone)


def days_to_end_on(day: date) -> int:
    """By how many days the year of the data is to be moved so that this is its last day."""
    return (day - LAST_DAY).days


def days_between(*, raw: datetime, moved: datetime, zone: ZoneInfo) -> int:
    """By how many days a purchase was moved when it was imported."""
    return (moved.astimezone(zone).date() - raw.astimezone(SHOPS_ZONE).date()).days
