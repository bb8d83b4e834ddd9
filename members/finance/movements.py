"""
The movement report: opening + movements = closing, in points and in money. See Note [Books].

The report proves itself: opening and closing points come from wallets and entries, movements from
postings and lots. They agree, or the report says that they do not.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from loyalty.core.models import Program
from members.finance import books, estimates
from members.finance.books import Flow
from members.finance.estimates import ZERO, Estimates, Kind
from members.finance.periods import Period, Step, moment, periods

Cohorts = dict[tuple[UUID, date], int]
Movement = tuple[str, str, str]
"""What happened, the source of the lots, and the cost centre: ("issued", "purchase", "")."""

LINES: Final[dict[str, tuple[str, ...]]] = {
    "issued_purchase": ("issued/purchase",),
    "issued_bonus": ("issued/bonus", "issued"),
    "adjusted": ("adjusted_up", "adjusted_down"),
    "redeemed": ("redeemed", "redeemed_undone"),
    "expired": ("expired", "expired_undone"),
    "reversed": ("reversed", "reversed_undone"),
    "transferred_in": ("transferred_in",),
    "transferred_out": ("transferred_out",),
    "fee": ("fee",),
    "merged": ("merged",),
}
"""The report's lines, in order, and the movements that each sums up: "movement/source" or all of one."""

_LINE_OF: Final = {name: line for line, names in LINES.items() for name in names}


def line_of(movement: Movement) -> str:
    """The line that a movement is summed up in."""
    what, source, _cost_centre = movement
    return _LINE_OF.get(f"{what}/{source}") or _LINE_OF[what]


@dataclass(frozen=True, slots=True)
class Sum:
    """Points, and what they are worth; not rounded."""

    points: int = 0
    money: Decimal = ZERO

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(self.points + other.points, self.money + other.money)


@dataclass(frozen=True, slots=True)
class Statement:
    """
    One kind of points in one period, from opening to closing.

    `revalued` is what new costs or breakage rates changed in the worth of what was outstanding.
    `is_proved` tells that the points add up by books that were kept independently.
    """

    kind: Kind
    period: Period
    opening: Sum
    movements: Mapping[Movement, Sum]
    revalued: Decimal
    closing: Sum
    is_proved: bool

    def lines(self) -> dict[str, Sum]:
        """The movements by the report's lines, all of them, in their order."""
        sums = dict.fromkeys(LINES, Sum())
        for movement, moved in self.movements.items():
            sums[line_of(movement)] += moved
        return sums


@dataclass(slots=True)
class _Running:
    """A kind's books while they are walked through."""

    outstanding: dict[date, int]
    worth: Decimal = ZERO
    movements: dict[Movement, Sum] = field(default_factory=lambda: defaultdict(Sum))
    revalued: Decimal = ZERO


def report(
    program: Program, *, first: date, last: date, step: Step, found: Estimates | None = None
) -> list[Statement]:
    """
    Every spendable kind of points in every period between two days, both included, oldest first.

    The first period is the whole one that the first day falls into; the last one ends with the last
    day. Reads what the module `books` says: a flow of the time, a standing, and the balances; and what is
    estimated, unless that was `found` before.
    """
    spans = periods(first=first, last=last, step=step)
    found = found or estimates.of(program)
    starts = sorted({span.start for span in spans} | set(found.changes(after=spans[0].start, until=last)))
    zone = ZoneInfo(program.time_zone)
    moments = [moment(day, zone) for day in (*starts, spans[-1].end)]
    with books.snapshot():
        flows = books.flows(program, moments)
        closing = books.standing(program, moments[-1])
        balances = books.balances(program, [moment(day, zone) for day in _edges(spans)])
    return list(_walk(found, spans, starts, flows, closing, balances))


def _edges(spans: Sequence[Period]) -> list[date]:
    return [*(span.start for span in spans), spans[-1].end]


def _walk(
    found: Estimates,
    spans: Sequence[Period],
    starts: Sequence[date],
    flows: Iterable[Flow],
    closing: Cohorts,
    balances: Mapping[tuple[int, UUID], int],
) -> Iterator[Statement]:
    by_segment: dict[tuple[UUID, int], list[Flow]] = defaultdict(list)
    for flow in flows:
        by_segment[flow.kind, flow.segment].append(flow)
    books_of = {kind.id: _opened(found, kind.id, starts[0], closing, by_segment) for kind in found.kinds}
    for position, span in enumerate(spans):
        for kind in found.kinds:
            running = books_of[kind.id]
            opening = _sum(running)
            running.movements, running.revalued = defaultdict(Sum), ZERO
            for segment, day in enumerate(starts):
                if span.start <= day < span.end:
                    _move(found, kind.id, running, day, by_segment.get((kind.id, segment), ()))
            ends = _sum(running)
            proof = balances.get((position, kind.id), 0), balances.get((position + 1, kind.id), 0)
            yield Statement(
                kind=kind,
                period=span,
                opening=opening,
                movements=dict(running.movements),
                revalued=running.revalued,
                closing=ends,
                is_proved=(opening.points, ends.points) == proof,
            )


def _opened(
    found: Estimates,
    kind: UUID,
    start: date,
    closing: Cohorts,
    by_segment: Mapping[tuple[UUID, int], list[Flow]],
) -> _Running:
    """What was outstanding before the first segment, by cohort: the end, less all that moved."""
    outstanding: dict[date, int] = defaultdict(int)
    for (of, cohort), points in closing.items():
        if of == kind:
            outstanding[cohort] += points
    for (of, _segment), flows in by_segment.items():
        if of == kind:
            for flow in flows:
                outstanding[flow.cohort] -= flow.points
    running = _Running(outstanding)
    running.worth = _worth(found, kind, outstanding, on=start - timedelta(days=1))
    return running


def _sum(running: _Running) -> Sum:
    return Sum(sum(running.outstanding.values()), running.worth)


def _worth(found: Estimates, kind: UUID, outstanding: Mapping[date, int], *, on: date) -> Decimal:
    return sum(
        (
            points * found.worth(kind, earned=cohort, on=on)
            for cohort, points in outstanding.items()
            if points
        ),
        ZERO,
    )


def _move(found: Estimates, kind: UUID, running: _Running, day: date, flows: Iterable[Flow]) -> None:
    """Value what is outstanding anew, and then what moves, by what is in force from that day on."""
    anew = _worth(found, kind, running.outstanding, on=day)
    running.revalued += anew - running.worth
    running.worth = anew
    for flow in flows:
        worth = flow.points * found.worth(kind, earned=flow.cohort, on=day)
        running.movements[flow.movement, flow.source, flow.cost_centre] += Sum(flow.points, worth)
        running.outstanding[flow.cohort] += flow.points
        running.worth += worth
