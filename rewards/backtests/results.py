"""
What a backtest has found, from its sums to what is shown of it.

Stored as `result`: {days: [[day, activities, matched, before, after, given,
matched_earlier, earlier]], activities, matched, seen,
members, winners, losers, best, worst: [[member, before, after, matched]], products, stores: [[key, name,
matched, amount, points]], parts: [[variant, activities, members, points]], gifts, stopped: {code: number},
budget_ended, refused}; points by day are by wallet type, those of members spendable ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from loyalty.core.db import fetch
from rewards.backtests.simulation import State
from rewards.models import Backtest

TOP: Final = 20

_COUNTS: Final = """
SELECT count(*), count(*) FILTER (WHERE matched > 0), count(*) FILTER (WHERE earlier > 0),
       count(*) FILTER (WHERE after > before), count(*) FILTER (WHERE after < before)
FROM rewards_backtestmember WHERE backtest_id = $1"""
_MEMBERS: Final = """
SELECT member_id::text, before, after, matched FROM rewards_backtestmember
WHERE backtest_id = $1 AND {condition} ORDER BY {order}, member_id LIMIT $2"""
_TALLIES: Final = """
SELECT key, name, matched, amount::text, points FROM rewards_backtesttally
WHERE backtest_id = $1 AND kind = $2 ORDER BY points DESC, matched DESC, amount DESC, key LIMIT $3"""

_PARTS: Final = """
SELECT part, count(*), sum(given) FROM rewards_backtestmember
WHERE backtest_id = $1 AND part <> '' GROUP BY part ORDER BY part"""


def summed(backtest: Backtest, state: State) -> dict[str, Any]:
    """What is kept of the sums, in the transaction in which the rows of members are let go."""
    ((seen, members, members_earlier, winners, losers),) = fetch(_COUNTS, [backtest.pk])
    days = sorted(state.days.items())
    return {
        "days": [
            [day, d.activities, d.matched, d.before, d.after, d.given, d.matched_earlier, d.earlier]
            for day, d in days
        ],
        "activities": sum(day.activities for _, day in days),
        "matched": sum(day.matched for _, day in days),
        "refused": state.refused,
        "seen": seen,
        "members": members,
        "matched_earlier": sum(day.matched_earlier for _, day in days),
        "members_earlier": members_earlier,
        "winners": winners,
        "losers": losers,
        "best": _members(backtest, "after > before", "after - before DESC"),
        "worst": _members(backtest, "after < before", "after - before"),
        "products": _tallies(backtest, "product"),
        "stores": _tallies(backtest, "store"),
        "parts": [
            [part, state.parts.get(part, 0), members, int(points)]
            for part, members, points in fetch(_PARTS, [backtest.pk])
        ],
        "gifts": state.gifts,
        "stopped": state.stopped,
        "budget_ended": state.budget_ended,
    }


def _members(backtest: Backtest, condition: str, order: str) -> list[list[Any]]:
    statement = _MEMBERS.format(condition=condition, order=order)
    return [list(row) for row in fetch(statement, [backtest.pk, TOP])]


def _tallies(backtest: Backtest, kind: str) -> list[list[Any]]:
    return [list(row) for row in fetch(_TALLIES, [backtest.pk, kind, TOP])]


@dataclass(frozen=True, slots=True)
class Moved:
    """A member whose points would be others: spendable ones, over the whole period."""

    member_id: UUID
    before: int
    after: int
    matched: int

    @property
    def difference(self) -> int:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Top:
    """A product or a store, with the sales that earned and what was paid in them."""

    key: str
    name: str
    matched: int
    amount: Decimal
    points: int


@dataclass(frozen=True, slots=True)
class Sums:
    """Points of the whole period by wallet type, and what they cost."""

    points: Mapping[str, int]
    cost: Decimal

    @property
    def total(self) -> int:
        return sum(self.points.values())


@dataclass(frozen=True, slots=True)
class DayResult:
    """
    One day: points and cost by today's rules, with the definition, and of the definition alone.

    `earlier` is what the version gave that the definition would take the place of.
    """

    day: date
    activities: int
    matched: int
    matched_earlier: int
    before: Sums
    after: Sums
    given: Sums
    earlier: Sums


@dataclass(frozen=True, slots=True)
class Part:
    """A variant, or the members held out: how many activities of how many members, and their points."""

    key: str
    matched: int
    members: int
    points: int


class Result:
    """The result of a backtest that is done."""

    def __init__(self, backtest: Backtest) -> None:
        self.stored = stored = backtest.result
        self.prices = {key: Decimal(price) for key, price in backtest.prices.items()}
        self.activities: int = stored["activities"]
        self.matched: int = stored["matched"]
        self.matched_earlier: int = stored["matched_earlier"]
        self.seen: int = stored["seen"]
        self.members: int = stored["members"]
        self.members_earlier: int = stored["members_earlier"]
        self.winners: int = stored["winners"]
        self.losers: int = stored["losers"]
        self.refused: int = stored["refused"]
        self.gifts: dict[str, int] = stored["gifts"]
        self.stopped: dict[str, int] = stored["stopped"]
        self.parts = [Part(*row) for row in stored["parts"]]
        ended = stored["budget_ended"]
        self.budget_ended = date.fromisoformat(ended) if ended else None

    @cached_property
    def days(self) -> list[DayResult]:
        return [
            DayResult(
                date.fromisoformat(day),
                activities,
                matched,
                matched_earlier,
                self._sums(before),
                self._sums(after),
                self._sums(given),
                self._sums(earlier),
            )
            for day, activities, matched, before, after, given, matched_earlier, earlier in self.stored[
                "days"
            ]
        ]

    def _sums(self, points: Mapping[str, int]) -> Sums:
        cost = sum((self.prices.get(key, Decimal(0)) * number for key, number in points.items()), Decimal(0))
        return Sums(points, cost)

    def _over_all(self, side: str) -> Sums:
        points: dict[str, int] = {}
        for day in self.days:
            for key, number in getattr(day, side).points.items():
                points[key] = points.get(key, 0) + number
        return self._sums(points)

    @cached_property
    def before(self) -> Sums:
        return self._over_all("before")

    @cached_property
    def after(self) -> Sums:
        return self._over_all("after")

    @cached_property
    def given(self) -> Sums:
        return self._over_all("given")

    @cached_property
    def earlier(self) -> Sums:
        return self._over_all("earlier")

    @property
    def more_points(self) -> int:
        return self.after.total - self.before.total

    @property
    def more_cost(self) -> Decimal:
        return self.after.cost - self.before.cost

    @property
    def best(self) -> list[Moved]:
        return [_moved(row) for row in self.stored["best"]]

    @property
    def worst(self) -> list[Moved]:
        return [_moved(row) for row in self.stored["worst"]]

    @property
    def products(self) -> list[Top]:
        return [_top(row) for row in self.stored["products"]]

    @property
    def stores(self) -> list[Top]:
        return [_top(row) for row in self.stored["stores"]]


def _moved(row: list[Any]) -> Moved:
    member_id, before, after, matched = row
    return Moved(UUID(member_id), before, after, matched)


def _top(row: list[Any]) -> Top:
    key, name, matched, amount, points = row
    return Top(key, name, matched, Decimal(amount), points)
