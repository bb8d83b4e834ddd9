"""How often and how much a campaign gives: for one activity, for one member in a period, and in all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from rewards.engine.operands import read_between, read_money
from rewards.engine.problems import Place, shown

LIMITS_AT_MOST = 10
TIMES_AT_MOST = 10**9
POINTS_AT_MOST = 2**53 - 1
PERIODS = ("day", "week", "month", "quarter", "year", "ever")
UNITS = ("times", "points", "money")
TRIM, REFUSE = "trim", "refuse"

type Left = int | Decimal


class PerMember(msgspec.Struct, frozen=True):
    """So many `times` or `points` for one member in each `period`; exactly one of the two is set."""

    period: str
    times: int | None = None
    points: int | None = None


ONCE_EVER = PerMember("ever", times=1)
"""What holds for a code, unless its campaign says more."""


class InAll(msgspec.Struct, frozen=True):
    """So many times or points, or so much money, over the campaign's whole life."""

    unit: str
    amount: Left


class Limits(msgspec.Struct, frozen=True):
    """
    What bounds a campaign.

    Points are those of the kind that its first effect gives; money is what all of its points cost.
    `refuses` says what happens where a budget is not enough any more: all or nothing, or what is left.
    """

    at_least: int = 0
    at_most: int | None = None
    per_member: tuple[PerMember, ...] = ()
    in_all: tuple[InAll, ...] = ()
    refuses: bool = False

    @property
    def are_counted(self) -> bool:
        """Whether it must be known what the campaign gave before."""
        return bool(self.per_member or self.in_all)

    def periods(self, local: datetime) -> tuple[str, ...]:
        """The keys of the periods of a moment in which it must be counted what the member gets."""
        return tuple(dict.fromkeys(period_key(limit.period, local) for limit in self.per_member))


NONE = Limits()


def period_key(period: str, local: datetime) -> str:
    """The period of that kind that a local moment is in: "day:2026-11-22", "week:2026-W47", "ever" …"""
    return _period_key(period, local.date())


@lru_cache(maxsize=1024)
def _period_key(period: str, day: date) -> str:
    """Asked for many times a sale, and the same all day long."""
    if period == "ever":
        return period
    if period == "week":
        year, week, _ = day.isocalendar()
        return f"week:{year:04}-W{week:02}"
    named = {
        "day": f"{day:%Y-%m-%d}",
        "month": f"{day:%Y-%m}",
        "quarter": f"{day:%Y}-Q{(day.month + 2) // 3}",
        "year": f"{day:%Y}",
    }
    return f"{period}:{named[period]}"


class Usage(msgspec.Struct, frozen=True):
    """
    What campaigns have given before an activity.

    `counters`: by "<campaign>/<period key>", how many times and points the member had. `left`: by
    "<campaign>/<unit>", what is left in all; what is not named has not been touched. `point_values`:
    by wallet type, what one of its points costs.
    """

    counters: Mapping[str, tuple[int, int]] = {}
    left: Mapping[str, Left] = {}
    point_values: Mapping[str, Decimal] = {}

    def counted(self, campaign_key: str, period: str) -> tuple[int, int]:
        return self.counters.get(f"{campaign_key}/{period}", (0, 0))

    def left_of(self, campaign_key: str, limit: InAll) -> Left:
        return self.left.get(f"{campaign_key}/{limit.unit}", limit.amount)

    def of(self, campaign_keys: frozenset[str]) -> Usage:
        """Only what concerns these campaigns."""

        def mine[Value](found: Mapping[str, Value]) -> dict[str, Value]:
            return {key: value for key, value in found.items() if key.partition("/")[0] in campaign_keys}

        return Usage(mine(self.counters), mine(self.left), self.point_values)


NOTHING_USED = Usage()


def parse(raw: object, place: Place) -> Limits:
    """What the JSON says; what is wrong with it is noted at the place."""
    found = None if raw is None else place.mapping(raw, keys=_KEYS)
    if found is None:
        return NONE
    low, high = _per_activity(found.get("per_activity"), place / "per_activity")
    refuses = found.get("when_spent", TRIM)
    if refuses not in (TRIM, REFUSE):
        (place / "when_spent").refuse("not_a_choice", found=shown(refuses), choices=f"{TRIM}, {REFUSE}")
    return Limits(
        low,
        high,
        tuple(_listed(found.get("per_member"), _per_member, place / "per_member")),
        _once_each(_listed(found.get("in_all"), _in_all, place / "in_all"), place / "in_all"),
        refuses == REFUSE,
    )


_KEYS = ("per_activity", "per_member", "in_all", "when_spent")


def _per_activity(raw: object, place: Place) -> tuple[int, int | None]:
    found = None if raw is None else place.mapping(raw, keys=("at_least", "at_most"))
    if found is None:
        return 0, None
    low, high = (
        None if found.get(name) is None else read_between(found[name], 1, POINTS_AT_MOST, place / name)
        for name in ("at_least", "at_most")
    )
    if low is not None and high is not None and low > high:
        place.refuse("pair_turned_round", low=f"{low:,}", high=f"{high:,}")
    return low or 0, high


def _listed(raw: object, read: Any, place: Place) -> list[Any]:
    if raw is None or raw == []:
        return []
    items = place.items(raw, at_most=LIMITS_AT_MOST, what="limit") or []
    limits = [read(item, place / index) for index, item in enumerate(items)]
    return [limit for limit in limits if limit is not None]


def _per_member(raw: object, place: Place) -> PerMember | None:
    found = place.mapping(raw, keys=("times", "points", "per"))
    if found is None:
        return None
    unit = _unit(found, ("times", "points"), place)
    period = found.get("per")
    if period not in PERIODS:
        (place / "per").refuse("not_a_choice", found=shown(period), choices=", ".join(PERIODS))
    if unit is None or period not in PERIODS:
        return None
    amount = _amount(unit, found[unit], place / unit)
    return None if amount is None else PerMember(period, **{unit: int(amount)})


def _in_all(raw: object, place: Place) -> InAll | None:
    found = place.mapping(raw, keys=UNITS)
    unit = None if found is None else _unit(found, UNITS, place)
    if found is None or unit is None:
        return None
    amount = _amount(unit, found[unit], place / unit)
    return None if amount is None else InAll(unit, amount)


def _unit(found: Mapping[str, Any], units: tuple[str, ...], place: Place) -> str | None:
    named = [unit for unit in units if unit in found]
    if len(named) == 1:
        return named[0]
    return place.refuse("limit_is_one_of", units=", ".join(units))


def _amount(unit: str, raw: object, place: Place) -> Left | None:
    if unit != "money":
        return read_between(raw, 1, TIMES_AT_MOST if unit == "times" else POINTS_AT_MOST, place)
    money = read_money(raw, place)
    if money is None or money > 0:
        return money
    return place.refuse("not_positive", high="999,999,999,999.99")


def _once_each(limits: list[InAll], place: Place) -> tuple[InAll, ...]:
    if len({limit.unit for limit in limits}) < len(limits):
        place.refuse("limit_named_twice")
    return tuple(limits)
