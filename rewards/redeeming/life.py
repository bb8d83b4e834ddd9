"""
The life of a redemption: reserved, confirmed, handed over, or given up in one of three ways.

Each journey is one transaction, or part of the caller's, as at a checkout. See Note [One end of a
redemption] in `rewards.redeeming.states`. A repeat finds things as they are to be and changes nothing.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from loyalty.core import events
from loyalty.core.db import violated
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import holds, pooling, terms
from members.ledger import store
from members.references import MemberReference
from rewards.models import Redemption, RedemptionStatus, Reward, Voucher, VoucherStatus
from rewards.redeeming import issuing, refunds, uploaded_codes
from rewards.redeeming.offers import Found, Request, check, check_basket, check_limit, find
from rewards.redeeming.states import (
    Context,
    Locked,
    VoucherInUse,
    happened,
    kept_for,
    lock,
    not_in_state,
    unknown,
)

DEFAULT_LIFE: Final = holds.DEFAULT_LIFE
LONGEST_LIFE: Final = holds.LONGEST_LIFE
CHUNK: Final = 200
"""Overdue reservations that are looked for at a time."""

_GIVEN_UP_EVENT: Final = {
    RedemptionStatus.CANCELLED: "redemption.cancelled",
    RedemptionStatus.EXPIRED: "redemption.expired",
    RedemptionStatus.RETURNED: "redemption.returned",
}


@transaction.atomic
def hold(
    *,
    member: MemberReference,
    reward: str,
    lives_for: timedelta = DEFAULT_LIFE,
    basket: Decimal | None = None,
    from_household: bool = False,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
) -> Redemption:
    """
    Reserve a reward (by its key) with its points and a piece of it, for some time.

    `basket` is what a basket costs before discounts, if the reward is to be taken off it. With
    `from_household`, what the member lacks comes from the others of the household who share theirs, and
    goes back to them if the reservation comes to nothing: see Note [Brought points] in `members.pooling`.

    :raises UnknownMember: if no member of the program has that identifier
    :raises MemberIsBlocked: if the member may not spend
    :raises UnknownReward: if the program has no such reward
    :raises RewardNotOnOffer: outside the reward's dates, or when it is switched off
    :raises RewardSoldOut: if no piece is left
    :raises RewardLimitReached: if the member has had it as often as one may
    :raises BasketTooSmall: if the basket costs less than the reward's minimum
    :raises members.ledger.operations.InsufficientPoints: if the member cannot pay it
    :raises members.transfers.TransferNotAllowed: if the household may not share these points
    """
    assert timedelta(0) < lives_for <= LONGEST_LIFE, "a reservation lives for up to a week"
    request = Request(
        member=member,
        reward=reward,
        program=program,
        source=source,
        actor=actor,
        at=at,
        from_household=from_household,
        basket=basket,
    )
    hold_wallets = pooling.lock if from_household else store.lock
    hold_wallets([find(request).account.member_id])
    found = find(request)
    check(found.offer, at=at)
    check_limit(found.offer, bought=found.bought)
    check_basket(request, found.offer)
    redemption = _reserved(request, found, lives_for)
    redemption.took_piece = issuing.take_piece(found.offer)
    redemption.save(force_insert=True)
    if found.offer.has_uploaded_codes:
        uploaded_codes.tell_if_few(found.offer.id, at=at)
    expires_at = (at + lives_for).isoformat()
    events.publish(
        [happened(redemption, "redemption.held", at, points=redemption.points, expires_at=expires_at)]
    )
    return redemption


def _reserved(request: Request, found: Found, lives_for: timedelta) -> Redemption:
    """The new redemption, whose points are held already."""
    offer = found.offer
    redemption = Redemption(
        id=new_id(),
        program=request.program,
        member_id=found.account.member_id,
        reward=Reward.objects.select_related("wallet_type").get(pk=offer.id),
        source=request.source,
        wallet_type_id=offer.wallet_type_id,
        points=offer.price,
        status=RedemptionStatus.HELD,
        redeemed_at=request.at,
        expires_at=request.at + lives_for,
    )
    kind = terms.of(request.program).of_type(offer.wallet_type_id).key
    held = holds.place(
        member=MemberReference("id", str(found.account.member_id)),
        wallet_type=kind,
        points=offer.price,
        lives_for=lives_for,
        kept_for=kept_for(redemption),
        from_household=request.from_household,
        program=request.program,
        source=request.source,
        actor=request.actor,
        at=request.at,
    )
    redemption.hold_id, redemption.brought = held.hold.id, held.brought
    return redemption


@transaction.atomic
def prolong(redemption_id: UUID, *, expires_at: datetime, program: Program, at: datetime) -> Redemption:
    """
    Keep a reservation until then.

    :raises UnknownRedemption: if the program has none with that id
    :raises RedemptionNotInState: if its time is over, or it is no reservation any more
    """
    redemption = lock(redemption_id, program=program).redemption
    if redemption.status != RedemptionStatus.HELD or redemption.is_overdue(at):
        raise not_in_state(redemption, at=at)
    assert redemption.hold_id is not None, "what is held has a hold"
    holds.prolong(
        redemption.hold_id, expires_at=expires_at, kept_for=kept_for(redemption), program=program, at=at
    )
    redemption.expires_at = expires_at
    redemption.save(update_fields=["expires_at"])
    return redemption


@transaction.atomic
def confirm(
    redemption_id: UUID,
    *,
    is_handed_over: bool = False,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
) -> Redemption:
    """
    Spend what is reserved and issue the voucher; one that is confirmed already stays as it is.

    With `is_handed_over` the reward is fulfilled at once and needs no voucher, as one that is taken off
    the total at a checkout.

    :raises UnknownRedemption: if the program has none with that id
    :raises RedemptionNotInState: if its time is over, or it was given up
    :raises MemberIsBlocked: if the member may not spend
    """
    redemption = lock(redemption_id, program=program).redemption
    if redemption.status in (RedemptionStatus.CONFIRMED, RedemptionStatus.FULFILLED):
        return redemption
    if redemption.status != RedemptionStatus.HELD or redemption.is_overdue(at):
        raise not_in_state(redemption, at=at)
    assert redemption.hold_id is not None, "what is held has a hold"
    holds.settle(
        redemption.hold_id,
        kept_for=kept_for(redemption),
        program=program,
        source=source,
        actor=actor,
        at=at,
    )
    redemption.status, redemption.confirmed_at = RedemptionStatus.CONFIRMED, at
    told = [happened(redemption, "reward.redeemed", at, points=redemption.points)]
    if is_handed_over:
        redemption.status, redemption.fulfilled_at = RedemptionStatus.FULFILLED, at
        told.append(happened(redemption, "redemption.fulfilled", at))
        _free_code(redemption)
    elif redemption.reward.has_voucher:
        told.append(_issue(redemption, at))
    redemption.save(update_fields=["status", "confirmed_at", "fulfilled_at", "took_piece"])
    events.publish(told)
    return redemption


def _free_code(redemption: Redemption) -> None:
    """What is handed over without a voucher needs no code of the uploaded list."""
    if redemption.reward.has_uploaded_codes and redemption.took_piece:
        redemption.took_piece = False
        Reward.objects.filter(pk=redemption.reward_id).update(stock=F("stock") + 1)


def _issue(redemption: Redemption, at: datetime) -> events.NewEvent:
    expires_at = at + timedelta(days=redemption.reward.voucher_valid_days)
    voucher = Voucher(
        program_id=redemption.program_id,
        redemption=redemption,
        status=VoucherStatus.ISSUED,
        uses_allowed=redemption.reward.voucher_uses,
        expires_at=expires_at,
    )
    if redemption.reward.has_uploaded_codes:
        voucher.code = uploaded_codes.take(redemption.reward_id, redemption_id=redemption.pk, at=at)
        voucher.save(force_insert=True)
    while voucher._state.adding:
        voucher.code = issuing.new_code()
        try:
            with transaction.atomic():
                voucher.save(force_insert=True)
        except IntegrityError as error:
            if violated(error) != "a_voucher_code_is_unique":
                raise
    return happened(redemption, "voucher.issued", at, expires_at=expires_at.isoformat())


@transaction.atomic
def release(redemption_id: UUID, *, program: Program, source: str, actor: str, at: datetime) -> Redemption:
    """
    Give a reservation up. One that was given up, or whose time is over, stays as it is.

    :raises UnknownRedemption: if the program has none with that id
    :raises RedemptionNotInState: if it was confirmed
    """
    locked = lock(redemption_id, program=program)
    if locked.redemption.status == RedemptionStatus.CONFIRMED:
        raise not_in_state(locked.redemption, at=at)
    return _cancelled(locked, Context(program=program, source=source, actor=actor, at=at), "")


@transaction.atomic
def cancel(
    redemption_id: UUID, *, reason: str = "", program: Program, source: str, actor: str, at: datetime
) -> Redemption:
    """
    Give a redemption up that is reserved or confirmed: points, piece and place under the limit come back.

    Its voucher is void. One that was given up, or whose time is over, stays as it is.

    :raises UnknownRedemption: if the program has none with that id
    :raises RedemptionNotInState: if it was handed over or returned
    :raises VoucherInUse: if its voucher was used
    """
    locked = lock(redemption_id, program=program)
    return _cancelled(locked, Context(program=program, source=source, actor=actor, at=at), reason)


def _cancelled(locked: Locked, context: Context, reason: str) -> Redemption:
    redemption = locked.redemption
    match redemption.status:
        case RedemptionStatus.CANCELLED | RedemptionStatus.EXPIRED:
            return redemption
        case RedemptionStatus.HELD if redemption.is_overdue(context.at):
            return _given_up(locked, RedemptionStatus.EXPIRED, context)
        case RedemptionStatus.HELD | RedemptionStatus.CONFIRMED:
            return _given_up(locked, RedemptionStatus.CANCELLED, context, reason)
    raise not_in_state(redemption, at=context.at)


@transaction.atomic
def fulfil(
    redemption_id: UUID, *, tracking: str = "", program: Program, source: str, actor: str, at: datetime
) -> Redemption:
    """
    Say that the member has got the reward. `tracking` is how the partner finds what was sent.

    Once more with another tracking, that one is noted.

    :raises UnknownRedemption: if the program has none with that id
    :raises RedemptionNotInState: if it is not confirmed yet, or was given up
    """
    redemption = lock(redemption_id, program=program).redemption
    if redemption.status not in (RedemptionStatus.CONFIRMED, RedemptionStatus.FULFILLED):
        raise not_in_state(redemption, at=at)
    is_new = redemption.status == RedemptionStatus.CONFIRMED
    if not is_new and tracking in ("", redemption.tracking):
        return redemption
    redemption.status, redemption.tracking = RedemptionStatus.FULFILLED, tracking
    redemption.fulfilled_at = at if is_new else redemption.fulfilled_at
    redemption.save(update_fields=["status", "tracking", "fulfilled_at"])
    # Without the tracking, which may lead to an address: the event log is kept as it is, for good.
    events.publish([happened(redemption, "redemption.fulfilled", at)])
    return redemption


@transaction.atomic
def take_back(
    redemption_id: UUID, *, reason: str = "", program: Program, source: str, actor: str, at: datetime
) -> Redemption:
    """
    Have a reward returned that the member had: points, piece and place under the limit come back.

    What its voucher has left cannot be used any more. One that was returned stays as it is.

    :raises UnknownRedemption: if the program has none with that id
    :raises RedemptionNotInState: if it was not confirmed, or was given up
    """
    locked = lock(redemption_id, program=program)
    redemption = locked.redemption
    if redemption.status == RedemptionStatus.RETURNED:
        return redemption
    if redemption.status not in (RedemptionStatus.CONFIRMED, RedemptionStatus.FULFILLED):
        raise not_in_state(redemption, at=at)
    context = Context(program=program, source=source, actor=actor, at=at)
    return _given_up(locked, RedemptionStatus.RETURNED, context, reason)


def _given_up(locked: Locked, how: RedemptionStatus, context: Context, reason: str = "") -> Redemption:
    """End it in that way, and give back all that it took."""
    redemption = locked.redemption
    _void_voucher(redemption, may_be_used=how == RedemptionStatus.RETURNED)
    if redemption.status == RedemptionStatus.HELD:
        _free_points(redemption, context)
    elif redemption.points:
        refunds.give_back(redemption, context, heir=locked.heir)
        _send_back(redemption, context)
    # A code that was told might be used all the same: it is not given to somebody else.
    is_burnt = redemption.reward.has_uploaded_codes and redemption.status != RedemptionStatus.HELD
    if redemption.took_piece and not is_burnt:
        counted = Reward.objects.filter(pk=redemption.reward_id, stock__isnull=False)
        counted.update(stock=F("stock") + 1)
    redemption.status, redemption.ended_at, redemption.reason = how, context.at, reason
    redemption.save(update_fields=["status", "ended_at", "reason"])
    told = happened(redemption, _GIVEN_UP_EVENT[how], context.at, points=redemption.points)
    events.publish([told])
    return redemption


def _free_points(redemption: Redemption, context: Context) -> None:
    assert redemption.hold_id is not None, "what is held has a hold"
    holds.release(
        redemption.hold_id,
        kept_for=kept_for(redemption),
        program=context.program,
        source=context.source,
        actor=context.actor,
        at=context.at,
    )


def _send_back(redemption: Redemption, context: Context) -> None:
    if redemption.brought and redemption.hold_id:
        pooling.send_back(redemption.hold_id, actor=context.actor, at=context.at)


def _void_voucher(redemption: Redemption, *, may_be_used: bool) -> None:
    voucher = Voucher.objects.select_for_update().filter(redemption=redemption).first()
    if voucher is None:
        return
    if voucher.uses and not may_be_used:
        raise VoucherInUse(_("Have the use of its voucher rolled back first, or return the redemption."))
    if voucher.status == VoucherStatus.ISSUED:
        voucher.status = VoucherStatus.VOID
        voucher.save(update_fields=["status"])
    redemption.voucher = voucher


def expire_overdue(program: Program, *, at: datetime) -> Iterator[int]:
    """
    End reservations whose time is over, each in a commit of its own: how many at a time.

    A run that was broken off goes on where it stopped when it is run again.
    """
    overdue = Redemption.objects.of(program).overdue(at).order_by("expires_at", "pk")
    while ids := list(overdue.values_list("pk", flat=True)[:CHUNK]):
        yield sum(_expired(redemption_id, program, at) for redemption_id in ids)


@transaction.atomic
def _expired(redemption_id: UUID, program: Program, at: datetime) -> bool:
    locked = lock(redemption_id, program=program)
    if not locked.redemption.is_overdue(at):
        return False  # somebody else was quicker
    context = Context(program=program, source="", actor="system:redemptions", at=at)
    _given_up(locked, RedemptionStatus.EXPIRED, context)
    return True


def read(redemption_id: UUID, *, program: Program) -> Redemption:
    """
    A redemption with its reward and voucher.

    :raises UnknownRedemption: if the program has none with that id
    """
    rows = Redemption.objects.of(program).select_related("reward", "wallet_type", "voucher")
    found = rows.filter(pk=redemption_id).first()
    if found is None:
        raise unknown(redemption_id)
    return found
