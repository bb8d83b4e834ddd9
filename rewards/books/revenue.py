"""
Revenue from members' purchases by IFRS 15: what of it belongs to the points, and when it is revenue.

The arithmetic is `members.finance.ifrs15`; this applies it to a program, month by month:

- Sales are those of members, at the price paid, which is also what the goods cost alone. Points that
  came with them (for the purchase or as a bonus) cost alone what `members.finance` says that a point
  is worth: cost × (1 − breakage). Both by the month of the sale, for all sales of it together.
- Used are points that were redeemed, also by somebody who received them. Points that nobody has any
  more cannot be used: a month's points of which nothing is outstanding are recognised completely.
- What a return takes back of the points takes as much of the deferred price with it; the price itself
  goes back with the goods.

- A sale that was a mistake counts until it is undone: then its price and what was deferred of it are taken
  off again, so that of a sale and the one in its place only that one is left. What was said of the months
  before that stays said.

Adjustments by staff came with no sale, and are no part of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from loyalty.core.db import fetch
from loyalty.core.models import Program
from members.finance import books, estimates, ifrs15
from members.finance.books import Flow
from members.finance.estimates import ZERO, Estimates
from members.finance.ifrs15 import Use
from members.finance.periods import Period, moment, periods

_SOLD: Final = """
SELECT width_bucket(recorded_at, $3::timestamptz[]) - 1,
       date_trunc('month', occurred_at AT TIME ZONE $2)::date, sum(amount)
FROM rewards_activity
WHERE program_id = $1 AND kind IN ('sale', 'undone') AND recorded_at >= $4 AND recorded_at < $5
GROUP BY 1, 2"""
_UNDONE: Final = """
SELECT width_bucket(undoing.undone_at, $2::timestamptz[]) - 1, sum(sale.amount)
FROM rewards_undoing undoing JOIN rewards_activity sale ON sale.id = undoing.sale_id
WHERE undoing.program_id = $1 AND undoing.undone_at >= $3 AND undoing.undone_at < $4
GROUP BY 1"""
# By the cause that a booking of the undoing has, for each kind of points.
_TAKEN_BACK: Final = """
SELECT width_bucket(entry.recorded_at, $3::timestamptz[]) - 1, type.id,
       date_trunc('month', lot.earned_at AT TIME ZONE $2)::date, sum(posting.points)::bigint
FROM rewards_undoing undoing
JOIN members_wallettype type ON type.program_id = undoing.program_id
JOIN members_entry entry ON entry.program_id = undoing.program_id
    AND entry.cause = 'return:' || undoing.undo_id || ':reverse:' || type.id
JOIN members_posting posting ON posting.entry_id = entry.id
    AND posting.source IN ('pending', 'available', 'held') AND posting.destination = 'reversed'
JOIN members_lot lot ON lot.id = posting.lot_id AND lot.source <> 'adjustment'
WHERE undoing.program_id = $1 AND undoing.undone_at >= $4 AND undoing.undone_at < $5
GROUP BY 1, 2, 3"""


@dataclass(frozen=True, slots=True)
class Month:
    """
    A month of the report; not rounded, and opening + deferred − returned − recognised = closing.

    `sales`, less those that turned out to be mistakes, are split into `goods` (revenue at once) and
    `deferred`. `catch_up` is the part of
    `recognised` that better estimates gave to what was used before.
    """

    period: Period
    sales: Decimal
    goods: Decimal
    opening: Decimal
    deferred: Decimal
    returned: Decimal
    recognised: Decimal
    catch_up: Decimal
    closing: Decimal


@dataclass(frozen=True, slots=True)
class _Sales:
    """What was sold, and turned out to be a mistake, by the segment of time in which that was recorded."""

    made: dict[tuple[int, date], Decimal]
    """By the month of the sale, too."""
    undone: dict[int, Decimal]
    points_undone: dict[int, list[tuple[UUID, date, int]]]
    """Kind and month of earning of the points that were taken back, and how many."""


@dataclass(slots=True)
class _Grant:
    """All points of a kind that came with a month's sales, and what has become of them."""

    deferred: Decimal = ZERO
    issued: int = 0
    reversed: int = 0
    undone: int = 0
    """Of those reversed: with a sale that was a mistake, not with goods that came back."""
    used: int = 0
    outstanding: int = 0
    uses: list[Use] = field(default_factory=list)

    def take(self, flow: Flow) -> None:
        self.outstanding += flow.points
        if flow.movement == "issued":
            self.issued += flow.points
        elif flow.movement.startswith("reversed"):
            self.reversed -= flow.points
        elif flow.movement.startswith("redeemed"):
            self.used -= flow.points

    @property
    def taken_back(self) -> Decimal:
        """How much of the deferred price went back with returned goods."""
        return self.deferred * min(self.reversed, self.issued) / self.issued if self.issued else ZERO

    @property
    def undone_back(self) -> Decimal:
        """How much of that was of sales that were mistakes."""
        return self.taken_back * self.undone / self.reversed if self.reversed else ZERO

    def use(self, breakage: Decimal) -> Use:
        """How things stand: no more can be expected than was used and is still there."""
        expected = (self.issued - self.reversed) * (1 - breakage)
        return Use(
            allocated=self.deferred - self.taken_back,
            used=Decimal(self.used),
            expected=min(expected, Decimal(self.used + self.outstanding)),
        )


def report(program: Program, *, last: date) -> list[Month]:
    """
    Every month from the program's first booking to that day, oldest first.

    Reads all postings and all sales until then, in a pass each: what of a sale is still deferred
    depends on everything that happened to its points.
    """
    start = books.first_day(program)
    if start is None or start > last:
        return []
    spans = periods(first=start, last=last, step="month")
    zone = ZoneInfo(program.time_zone)
    moments = [moment(span.start, zone) for span in spans] + [moment(spans[-1].end, zone)]
    with books.snapshot():
        found = estimates.of(program)
        flows = books.flows(program, moments)
        sales = _sales(program, moments)
    return _months(found, spans, [flow for flow in flows if flow.source != "adjustment"], sales)


def _sales(program: Program, moments: Sequence[datetime]) -> _Sales:
    within = [list(moments), moments[0], moments[-1]]
    made = fetch(_SOLD, [program.pk, program.time_zone, *within])
    taken_back: dict[int, list[tuple[UUID, date, int]]] = defaultdict(list)
    for segment, kind, cohort, points in fetch(_TAKEN_BACK, [program.pk, program.time_zone, *within]):
        taken_back[segment].append((kind, cohort, points))
    return _Sales(
        made={(segment, month): amount for segment, month, amount in made},
        undone=dict(fetch(_UNDONE, [program.pk, *within])),
        points_undone=taken_back,
    )


def _months(found: Estimates, spans: Sequence[Period], flows: Iterable[Flow], sales: _Sales) -> list[Month]:
    by_segment: dict[int, list[Flow]] = defaultdict(list)
    spendable = {kind.id for kind in found.kinds}
    for flow in flows:
        if flow.kind in spendable:
            by_segment[flow.segment].append(flow)
    grants: dict[tuple[UUID, date], _Grant] = defaultdict(_Grant)
    months, closing = [], ZERO
    for segment, span in enumerate(spans):
        month = _month(found, span, segment, by_segment[segment], sales, grants)
        months.append(replace(month, opening=closing, closing=closing + month.closing))
        closing = months[-1].closing
    return months


def _month(
    found: Estimates,
    span: Period,
    segment: int,
    flows: Sequence[Flow],
    sales: _Sales,
    grants: dict[tuple[UUID, date], _Grant],
) -> Month:
    """A month that opens with nothing: `closing` is what it adds to what was deferred before."""
    taken_before, undone_before = _taken_back(grants)
    sold = {month: amount for (of, month), amount in sales.made.items() if of == segment}
    deferred = _defer(found, span, flows, sold, grants)
    for flow in flows:
        grants[flow.kind, flow.cohort].take(flow)
    for kind, cohort, points in sales.points_undone.get(segment, ()):
        if (kind, cohort) in grants:
            grants[kind, cohort].undone += points
    recognised = catch_up = ZERO
    for (kind, cohort), grant in grants.items():
        breakage = found.breakage(kind, earned=cohort, on=span.last_day)
        grant.uses = [*grant.uses[-1:], grant.use(breakage)]
        *_before, now = ifrs15.recognise(grant.uses)
        recognised += now.revenue
        catch_up += now.catch_up
    taken, undone = _taken_back(grants)
    deferred -= undone - undone_before
    returned = taken - undone - (taken_before - undone_before)
    total = sum(sold.values(), ZERO) - sales.undone.get(segment, ZERO)
    return Month(
        period=span,
        sales=total,
        goods=total - deferred,
        opening=ZERO,
        deferred=deferred,
        returned=returned,
        recognised=recognised,
        catch_up=catch_up,
        closing=deferred - returned - recognised,
    )


def _taken_back(grants: dict[tuple[UUID, date], _Grant]) -> tuple[Decimal, Decimal]:
    """Deferred prices that went back until now, and what of that went with sales that were mistakes."""
    taken = sum((grant.taken_back for grant in grants.values()), ZERO)
    return taken, sum((grant.undone_back for grant in grants.values()), ZERO)


def _defer(
    found: Estimates,
    span: Period,
    flows: Sequence[Flow],
    sold: dict[date, Decimal],
    grants: dict[tuple[UUID, date], _Grant],
) -> Decimal:
    """Split the sales that were recorded in this month, by the month in which they were made."""
    alone: dict[date, dict[UUID, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for flow in flows:
        if flow.movement == "issued":
            worth = found.worth(flow.kind, earned=flow.cohort, on=span.last_day)
            alone[flow.cohort][flow.kind] += flow.points * worth
    deferred = ZERO
    for cohort, price in sold.items():
        points_alone = sum(alone[cohort].values(), ZERO)
        split = ifrs15.allocate(price=price, goods_alone=price, points_alone=points_alone)
        deferred += split.points
        for kind, worth in alone[cohort].items():
            grants[kind, cohort].deferred += split.points * worth / points_alone if points_alone else ZERO
    return deferred
