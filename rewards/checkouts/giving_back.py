"""
What was used at a checkout comes back when its whole order does: it was cancelled, or all of it returned.

As shops and their customers expect it: whoever gives back all goods has the reward that was taken off
them back, and can use the voucher again. Who keeps some goods keeps the discount on them, so a return of
some lines leaves rewards and vouchers as they are. Points that paid come back by the rules of returns:
see `rewards.journeys.returning`. Those that others of the household had added are the member's until
all is back, and then go on to whom they came from: see Note [Brought points] in `members.pooling`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db import transaction
from msgspec import Struct

from loyalty.core.models import Program
from members import pooling
from members.ledger import store
from members.models import Hold
from members.paying import Context
from rewards import redeeming
from rewards.checkouts.quote import RewardApplied
from rewards.checkouts.states import quote_of
from rewards.journeys import undoing
from rewards.journeys.undoing import Asked
from rewards.models import Activity, Checkout, Redemption, RedemptionStatus, Undoing, Voucher, VoucherUse
from rewards.redeeming import vouchers

Kept = Literal["", "fulfilled", "voucher_used"]
"""Why a reward stays used: the member has got it, or has used its voucher."""


class PointsUsed(Struct, frozen=True, kw_only=True):
    """Points that paid for a part of an order, and how many of them came back."""

    hold_id: UUID
    wallet_type: str
    points: int
    came_back: int


class RewardUsed(Struct, frozen=True, kw_only=True):
    """A reward that was redeemed with an order, and whether it came back."""

    redemption_id: UUID
    reward: str
    points: int
    status: str
    has_come_back: bool
    kept_because: Kept = ""


class VoucherSpent(Struct, frozen=True, kw_only=True):
    """A use of a voucher for an order, and whether it was rolled back. `status` is the voucher's."""

    voucher_id: UUID
    reward: str
    status: str
    has_come_back: bool


class Used(Struct, frozen=True, kw_only=True):
    """What was used at the checkout that a sale came of, as it stands now."""

    checkout_id: UUID
    points: tuple[PointsUsed, ...]
    rewards: tuple[RewardUsed, ...]
    vouchers: tuple[VoucherSpent, ...]


def cancel(sale: Activity, asked: Asked) -> None:
    """
    Cancel a sale, and give back what was used at the checkout that it came of: both or neither.

    :raises SaleIsUndone: if it was corrected
    :raises SaleHasReturns: if something of it came back
    """
    checkout = checkout_of(sale.pk, program=asked.program)
    if checkout is None:
        return undoing.cancel(sale, asked)
    with transaction.atomic():
        store.lock({sale.member_id, *concerned(checkout)})
        sale = undoing.sale_of(asked.program, sale.pk)
        if undoing.undoing_of(sale) is None:
            context = Context(
                program=asked.program, source=checkout.paid_source, actor=asked.actor, at=asked.at
            )
            give_back(checkout, context, reason="sale_cancelled")
        undoing.cancel(sale, asked)
        _send_back(checkout, actor=asked.actor, at=asked.at)
    return None


def after_returns(checkouts: Sequence[Checkout], *, program: Program, at: datetime) -> None:
    """Give back what was used at checkouts whose goods have all come back; wallets are held."""
    context = Context(program=program, source="", actor="system:returns", at=at)
    for checkout in checkouts:
        give_back(checkout, context, reason="sale_returned")
        _send_back(checkout, actor=context.actor, at=at)


def checkouts_of(sale_ids: Sequence[UUID], *, program: Program) -> list[Checkout]:
    """The checkouts that these sales came of, as far as they came of any."""
    if not sale_ids:
        return []
    found = (checkout_of(sale_id, program=program) for sale_id in dict.fromkeys(sale_ids))
    return [checkout for checkout in found if checkout is not None]


def checkout_of(sale_id: UUID, *, program: Program) -> Checkout | None:
    """The checkout that a sale came of; that of a corrected one is of the sale in its place, too."""
    while before := Undoing.objects.of(program).filter(replacement=sale_id).values_list("sale").first():
        (sale_id,) = before
    return Checkout.objects.of(program).filter(sale=sale_id).first()


def concerned(checkout: Checkout) -> set[UUID]:
    """Whose wallets may change when something of it comes back: to be held first, in their order."""
    people = {checkout.member_id, redeeming.heir_of(checkout.member_id)}
    return pooling.concerned(people) if quote_of(checkout).is_of_household else people


def give_back(checkout: Checkout, context: Context, *, reason: str) -> None:
    """
    Roll uses of vouchers back, and end the redemptions that nobody has had anything of yet.

    A reward that was taken off the total was had with the goods, and comes back with them. What came back
    before stays as it is. The wallets of all `concerned()` are held.
    """
    quote = quote_of(checkout)
    for one in sorted(quote.vouchers, key=lambda one: one.voucher_id):
        vouchers.roll_back(
            one.code,
            external_id=checkout.paid_external_id,
            program=context.program,
            source=checkout.paid_source,
            at=context.at,
        )
    # The order of their rewards: see Note [One end of a redemption].
    for used in sorted(_rewards(checkout), key=lambda used: (used.reward, used.redemption_id)):
        if not used.has_come_back and not used.kept_because:
            give = redeeming.take_back if used.status == RedemptionStatus.FULFILLED else redeeming.cancel
            give(
                used.redemption_id,
                reason=reason,
                program=context.program,
                source=context.source,
                actor=context.actor,
                at=context.at,
            )


def _send_back(checkout: Checkout, *, actor: str, at: datetime) -> None:
    """Once the points that paid are the member's again: what others of the household had added is theirs."""
    for one in quote_of(checkout).points:
        if one.brought:
            pooling.send_back(one.hold_id, actor=actor, at=at)


def used_at(sale_id: UUID, *, program: Program) -> Used | None:
    """What was used at the checkout that a sale came of; None if it came of none."""
    checkout = checkout_of(sale_id, program=program)
    if checkout is None:
        return None
    return Used(
        checkout_id=checkout.pk,
        points=tuple(_points(checkout)),
        rewards=tuple(_rewards(checkout)),
        vouchers=tuple(_vouchers(checkout)),
    )


def _points(checkout: Checkout) -> Iterator[PointsUsed]:
    applied = quote_of(checkout).points
    rows = Hold.objects.of(checkout.program).in_bulk([one.hold_id for one in applied]) if applied else {}
    for one in applied:
        yield PointsUsed(
            hold_id=one.hold_id,
            wallet_type=one.wallet_type,
            points=one.points,
            came_back=rows[one.hold_id].restored,
        )


def _rewards(checkout: Checkout) -> Iterator[RewardUsed]:
    applied = quote_of(checkout).rewards
    ids = [one.redemption_id for one in applied]
    rows = Redemption.objects.of(checkout.program).select_related("voucher").in_bulk(ids) if ids else {}
    for one in applied:
        redemption = rows[one.redemption_id]
        yield RewardUsed(
            redemption_id=one.redemption_id,
            reward=one.reward,
            points=one.points,
            status=redemption.status,
            has_come_back=redemption.is_over,
            kept_because="" if redemption.is_over else _kept(one, redemption),
        )


def _kept(one: RewardApplied, redemption: Redemption) -> Kept:
    voucher: Voucher | None = getattr(redemption, "voucher", None)
    if voucher is not None and voucher.uses:
        return "voucher_used"
    was_taken_off = one.discount.value > 0 and not redemption.tracking
    if redemption.status == RedemptionStatus.FULFILLED and not was_taken_off:
        return "fulfilled"
    return ""


def _vouchers(checkout: Checkout) -> Iterator[VoucherSpent]:
    applied = quote_of(checkout).vouchers
    ids = [one.voucher_id for one in applied]
    rows = Voucher.objects.of(checkout.program).in_bulk(ids) if ids else {}
    uses = VoucherUse.objects.of(checkout.program).standing().filter(voucher__in=ids)
    ours = uses.filter(source=checkout.paid_source, external_id=checkout.paid_external_id)
    standing = set(ours.values_list("voucher", flat=True)) if ids else set()
    for one in applied:
        yield VoucherSpent(
            voucher_id=one.voucher_id,
            reward=one.reward,
            status=rows[one.voucher_id].status,
            has_come_back=one.voucher_id not in standing,
        )
