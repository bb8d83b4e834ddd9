"""When a campaign runs: from and until when, on which days, at which hours, in which time zone."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from rewards.engine.catalogue import WEEKDAYS
from rewards.engine.operands import read_between, read_time
from rewards.engine.operators import Predicate
from rewards.engine.problems import Place, shown

HOURS_AT_MOST = 10
PERIODS_AT_MOST = 20
LAST_DAY = -1

_DAY_OF_YEAR = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z", re.ASCII)


class Hours(msgspec.Struct, frozen=True):
    """From a time of day until before another; over midnight if that is not later."""

    start: time
    end: time

    def has(self, at: time) -> bool:
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


class Season(msgspec.Struct, frozen=True):
    """From a day of the year, "12-01", to another, that day included; over the new year if turned round."""

    first: str
    last: str

    def has(self, day: str) -> bool:
        if self.first <= self.last:
            return self.first <= day <= self.last
        return day >= self.first or day <= self.last


class Schedule(msgspec.Struct, frozen=True):
    """
    When a campaign runs. `starts_at` and the exclusive `ends_at` are in UTC; None is an open end.

    What is empty asks nothing. Days and hours are those of `zone`, or of the activity's own moment.
    """

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    zone: ZoneInfo | None = None
    weekdays: frozenset[str] = frozenset()
    hours: tuple[Hours, ...] = ()
    month_days: frozenset[int] = frozenset()
    seasons: tuple[Season, ...] = ()

    @property
    def recurs(self) -> bool:
        """Whether it runs on some days or hours only."""
        return bool(self.weekdays or self.hours or self.month_days or self.seasons)

    def local(self, moment: datetime) -> datetime:
        return moment if self.zone is None else moment.astimezone(self.zone)

    def is_on(self, local: datetime) -> bool:
        """Whether its days and hours have that local moment, whatever its beginning and its end."""
        is_open = not self.hours or any(hours.has(local.time()) for hours in self.hours)
        return is_open and self.runs_on(local)

    def runs_on(self, day: date) -> bool:
        """Whether its weekdays, days of the month and seasons have that day."""
        return (
            (not self.weekdays or WEEKDAYS[day.weekday()] in self.weekdays)
            and (not self.month_days or self.has_day(day))
            and (not self.seasons or any(season.has(day.strftime("%m-%d")) for season in self.seasons))
        )

    def has_day(self, day: date) -> bool:
        """Whether that day of the month is one of its own."""
        is_last = day.day == monthrange(day.year, day.month)[1]
        return day.day in self.month_days or (is_last and LAST_DAY in self.month_days)

    def predicate(self) -> Predicate | None:
        starts_at, ends_at, recurs = self.starts_at, self.ends_at, self.recurs
        if starts_at is None and ends_at is None and not recurs:
            return None

        def runs(facts: Any) -> bool:
            instant = facts.instant
            if starts_at is not None and instant < starts_at:
                return False
            if ends_at is not None and instant >= ends_at:
                return False
            return not recurs or self.is_on(self.local(facts.moment.local))

        return runs


ALWAYS = Schedule()
KEYS = ("starts_at", "ends_at", "time_zone", "weekdays", "hours", "month_days", "year_days")


def parse(raw: object, place: Place) -> Schedule:
    """What the JSON says; what is wrong with it is noted at the place."""
    found = None if raw is None else place.mapping(raw, keys=KEYS)
    if found is None:
        return ALWAYS
    starts_at = _instant(found.get("starts_at"), place / "starts_at")
    ends_at = _instant(found.get("ends_at"), place / "ends_at")
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        (place / "ends_at").refuse("ends_before_it_starts")
    return Schedule(
        starts_at,
        ends_at,
        _zone(found.get("time_zone"), place / "time_zone"),
        frozenset(_each(found, "weekdays", len(WEEKDAYS), _weekday, place)),
        tuple(_each(found, "hours", HOURS_AT_MOST, _hours, place)),
        frozenset(_each(found, "month_days", 32, _month_day, place)),
        tuple(_each(found, "year_days", PERIODS_AT_MOST, _season, place)),
    )


def _each(found: Mapping[str, Any], name: str, at_most: int, read: Any, place: Place) -> list[Any]:
    if found.get(name) is None:
        return []
    items = (place / name).items(found[name], at_most=at_most, what="entry") or []
    values = [read(item, place / name / index) for index, item in enumerate(items)]
    return [value for value in values if value is not None]


def _instant(raw: object, place: Place) -> datetime | None:
    if raw is None:
        return None
    try:
        moment = datetime.fromisoformat(raw) if isinstance(raw, str) else None
        if moment is not None and moment.utcoffset() is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return place.refuse("not_an_instant", found=shown(raw))


def _zone(raw: object, place: Place) -> ZoneInfo | None:
    if raw is None:
        return None
    try:
        if isinstance(raw, str) and raw:
            return ZoneInfo(raw)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    return place.refuse("not_a_time_zone", found=shown(raw))


def _weekday(raw: object, place: Place) -> str | None:
    if isinstance(raw, str) and raw in WEEKDAYS:
        return raw
    return place.refuse("not_a_choice", found=shown(raw), choices=", ".join(WEEKDAYS))


def _hours(raw: object, place: Place) -> Hours | None:
    found = place.mapping(raw, keys=("from", "until"))
    if found is None:
        return None
    start = read_time(found.get("from"), place / "from")
    end = read_time(found.get("until"), place / "until")
    if start is None or end is None:
        return None
    if start == end:
        return place.refuse("no_time_between", time=shown(found["from"]))
    return Hours(start, end)


def _month_day(raw: object, place: Place) -> int | None:
    return LAST_DAY if raw == LAST_DAY and not isinstance(raw, bool) else read_between(raw, 1, 31, place)


def _season(raw: object, place: Place) -> Season | None:
    found = place.mapping(raw, keys=("from", "until"))
    if found is None:
        return None
    first = _day_of_year(found.get("from"), place / "from")
    last = _day_of_year(found.get("until"), place / "until")
    return None if first is None or last is None else Season(first, last)


def _day_of_year(raw: object, place: Place) -> str | None:
    if isinstance(raw, str) and _DAY_OF_YEAR.match(raw):
        month, day = map(int, raw.split("-"))
        if day <= monthrange(2024, month)[1]:  # a leap year, which has every day
            return raw
    return place.refuse("not_a_day_of_the_year", found=shown(raw))
