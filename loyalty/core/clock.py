"""What time it is for a program. Operations take the moment as an argument; only interfaces call this."""

from datetime import date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from django.utils import timezone
from msgspec import Meta

from loyalty.core.models import Program

Moment = Annotated[datetime, Meta(tz=True)]
"""As bodies have it: ISO 8601 with an offset; one without an offset is refused."""


def now(program: Program) -> datetime:
    """The program's present, timezone-aware: real time, moved by a sandbox's test clock."""
    return timezone.now() + program.clock_offset


def today(program: Program) -> date:
    """The program's current day in its own time zone."""
    return local_date(program, now(program))


def local_date(program: Program, moment: datetime) -> date:
    """The day that a moment falls on for the program's members."""
    return moment.astimezone(ZoneInfo(program.time_zone)).date()


def start_of_day(program: Program, day: date) -> datetime:
    """The first moment of a day for the program's members."""
    return datetime.combine(day, time.min, ZoneInfo(program.time_zone))
