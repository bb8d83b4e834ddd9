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

Adjustments by staff came with no sale, and are no part of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
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


@dataclass(frozen=True, slots=True)
class Month:
    """
    A month of the report; not rounded, and opening + deferred − returned − recognised = closing.

    `sales` are split into `goods` (revenue at once) and `deferred`. `catch_up` is the part of
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


@dataclass(slots=True)
class _Grant:
    """All points of a kind that came with a month's sales, and what has become of them."""

    deferred: Decimal = ZERO
    issued: int = 0
    reversed: int = 0
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
        sold = fetch(_SOLD, [program.pk, program.time_zone, moments, moments[0], moments[-1]])
    sales = {(segment, month): amount for segment, month, amount in sold}
    return _months(found, spans, [flow for flow in flows if flow.source != "adjustment"], sales)


def _months(
    found: Estimates, spans: Sequence[Period], flows: Iterable[Flow], sales: dict[tuple[int, date], Decimal]
) -> list[Month]:
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
    sales: dict[tuple[int, date], Decimal],
    grants: dict[tuple[UUID, date], _Grant],
) -> Month:
    """A month that opens with nothing: `closing` is what it adds to what was deferred before."""
    taken_before = sum((grant.taken_back for grant in grants.values()), ZERO)
    sold = {month: amount for (of, month), amount in sales.items() if of == segment}
    deferred = _defer(found, span, flows, sold, grants)
    for flow in flows:
        grants[flow.kind, flow.cohort].take(flow)
    recognised = catch_up = ZERO
    for (kind, cohort), grant in grants.items():
        breakage = found.breakage(kind, earned=cohort, on=span.last_day)
        grant.uses = [*grant.uses[-1:], grant.use(breakage)]
        *_before, now = ifrs15.recognise(grant.uses)
        recognised += now.revenue
        catch_up += now.catch_up
    returned = sum((grant.taken_back for grant in grants.values()), ZERO) - taken_before
    total = sum(sold.values(), ZERO)
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
