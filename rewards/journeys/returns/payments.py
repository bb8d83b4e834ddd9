"""Points that paid for what has come back: into the lots that they were taken from, with their old dates."""

from collections.abc import Iterator
from uuid import UUID

from msgspec import Struct

from rewards.journeys.returns.found import Payment, SoldThen
from rewards.journeys.returns.goods import Award, Back, owed


class GivenBack(Struct, frozen=True, kw_only=True):
    """Points of one hold that are given back, by lot."""

    payment: Payment
    points: int
    by_lot: dict[UUID, int]


def given_back(sale: SoldThen, *, back: Back) -> Iterator[GivenBack]:
    """What each hold that paid for the sale gives back once all of `back` has come back."""
    for payment in sale.payments:
        paid = Award(points=payment.settled, by_line=payment.by_line)
        points = owed(paid, sale.goods, back) - payment.restored
        if points > 0:
            yield GivenBack(payment=payment, points=points, by_lot=_lots(payment, points))


def _lots(payment: Payment, points: int) -> dict[UUID, int]:
    """The next points of the hold, after those that were given back before."""
    by_lot: dict[UUID, int] = {}
    skipped = payment.restored
    for lot_id, settled in payment.lots:
        left = settled - min(skipped, settled)
        skipped -= settled - left
        if taken := min(left, points):
            by_lot[lot_id] = taken
            points -= taken
    assert points == 0, "the lots of a hold hold what it settled"
    return by_lot
