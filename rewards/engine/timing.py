"""When an effect's points can be spent and when they are gone, if it says so itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from rewards.engine.operands import read_between, read_date
from rewards.engine.problems import Place, shown
from rewards.engine.reasons import Reason

EVENT_TYPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}\Z")
DAYS_AT_MOST = 3_660
MONTHS_AT_MOST = 1_200
PERIODS_AT_MOST = 400
EARLIEST, LATEST = date(2000, 1, 1), date(2999, 12, 31)

_NUMBERS = {
    "days": (1, DAYS_AT_MOST),
    "months": (1, MONTHS_AT_MOST),
    "end_of_month": (0, PERIODS_AT_MOST),
    "end_of_quarter": (0, PERIODS_AT_MOST),
    "end_of_year": (0, PERIODS_AT_MOST // 4),
}
"""The rules that count something, with the least and the most that they count."""
_RULES = ("never", *_NUMBERS, "fixed_date")


class Expiry(msgspec.Struct, frozen=True):
    """
    When points expire, whatever the member's tier or the kind of points says.

    `number` counts days or months; with the end of a month, quarter or year it counts the further
    ones, 0 being the end of that in which the points are earned.
    """

    rule: str
    number: int = 0
    on_date: date | None = None

    def said(self) -> Reason:
        if self.on_date is not None:
            return Reason("expiry.fixed_date", {"date": self.on_date.isoformat()})
        if self.rule in ("end_of_month", "end_of_quarter", "end_of_year") and not self.number:
            return Reason(f"expiry.{self.rule}")
        code = f"expiry.{self.rule}" if self.rule in ("never", "days", "months") else f"expiry.{self.rule}.of"
        return Reason(code, {"count": self.number} if self.number else {})


class Pending(msgspec.Struct, frozen=True):
    """
    What points wait for before they can be spent: `days`, a day (`until`), or an event.

    Points whose event has not come after `cancel_after_days` are cancelled.
    """

    days: int = 0
    until: date | None = None
    event_type: str = ""
    cancel_after_days: int = 0

    def said(self) -> Reason:
        if self.until is not None:
            return Reason("pending.until", {"date": self.until.isoformat()})
        if self.event_type:
            return Reason("pending.event", {"event_type": self.event_type, "count": self.cancel_after_days})
        return Reason("pending.days", {"count": self.days})


def read_expiry(raw: object, place: Place) -> Expiry | None:
    """The block as it was given; what is wrong with it is noted at the place."""
    if not isinstance(raw, Mapping):
        return place.refuse("not_an_object", found=shown(raw))
    rule = raw.get("rule")
    if not isinstance(rule, str) or rule not in _RULES:
        return (place / "rule").refuse("not_a_choice", found=shown(rule), choices=", ".join(_RULES))
    if rule == "fixed_date":
        place.mapping(raw, keys=("rule", "date"))
        on_date = _day(raw.get("date"), place / "date")
        return None if on_date is None else Expiry(rule, on_date=on_date)
    if rule == "never":
        place.mapping(raw, keys=("rule",))
        return Expiry(rule)
    place.mapping(raw, keys=("rule", "number"))
    low, high = _NUMBERS[rule]
    number = read_between(raw.get("number", 0 if low == 0 else None), low, high, place / "number")
    return None if number is None else Expiry(rule, number)


def read_pending(raw: object, place: Place) -> Pending | None:
    """The block as it was given; what is wrong with it is noted at the place."""
    if not isinstance(raw, Mapping):
        return place.refuse("not_an_object", found=shown(raw))
    if len(raw.keys() & _WAYS.keys()) != 1:
        return place.refuse("pending_is_one_of", found=", ".join(map(shown, raw)) or shown(None))
    ((way, read),) = ((way, read) for way, read in _WAYS.items() if way in raw)
    return read(raw, way, place)


def _days(raw: Mapping[str, Any], way: str, place: Place) -> Pending | None:
    place.mapping(raw, keys=(way,))
    days = read_between(raw[way], 1, DAYS_AT_MOST, place / way)
    return None if days is None else Pending(days=days)


def _until(raw: Mapping[str, Any], way: str, place: Place) -> Pending | None:
    place.mapping(raw, keys=(way,))
    until = _day(raw[way], place / way)
    return None if until is None else Pending(until=until)


def _event(raw: Mapping[str, Any], way: str, place: Place) -> Pending | None:
    place.mapping(raw, keys=(way, "cancel_after_days"))
    event_type = raw[way]
    if not isinstance(event_type, str) or not EVENT_TYPE.match(event_type):
        (place / way).refuse("not_an_event_type", found=shown(event_type))
    at = place / "cancel_after_days"
    days = read_between(raw.get("cancel_after_days"), 1, DAYS_AT_MOST, at)
    return None if days is None else Pending(event_type=str(event_type), cancel_after_days=days)


_WAYS = {"days": _days, "until": _until, "event": _event}


def _day(raw: object, place: Place) -> date | None:
    day = read_date(raw, place)
    if day is None or EARLIEST <= day <= LATEST:
        return day
    return place.refuse("out_of_range", low=EARLIEST.isoformat(), high=LATEST.isoformat())
