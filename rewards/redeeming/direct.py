"""A reward bought at once: points out, a voucher in, stock down; load, decide, write."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from msgspec import Meta, Struct

from loyalty.core import events
from loyalty.core.clock import Moment
from loyalty.core.db import Batch, settled, violated
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import households, terms, transfers
from members.ledger import operations, store, telling
from members.ledger.chain import Cause
from members.ledger.operations import Change, InsufficientPoints
from members.ledger.plan import Plan
from members.ledger.renewal import renewing
from members.references import MemberReference
from rewards.models import Redemption, RedemptionStatus, Reward, Voucher
from rewards.redeeming import issuing
from rewards.redeeming.offers import Found, Offer, Request, check, check_basket, check_limit, find, sold_out


class Redeemed(Struct, frozen=True, kw_only=True):
    """What a partner is told about a redemption."""

    id: UUID
    member_id: UUID
    reward: str
    points: int
    balance: int
    voucher_code: Annotated[str, Meta(description="Empty if the reward gives no voucher")]
    voucher_expires_at: Moment | None
    redeemed_at: Moment
    status: Literal["confirmed"] = "confirmed"


Also = Callable[[Batch, Redeemed], None]
"""Adds rows that must be written in the same statement, such as the stored answer of the call."""


def redeem(
    *,
    member: MemberReference,
    reward: str,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
    from_household: bool = False,
    basket: Decimal | None = None,
    also: Also | None = None,
) -> Redeemed:
    """
    Buy a reward with points.

    `reward` is its key; the points are those of the reward's wallet type, first-expiring first. With
    `from_household`, what the member lacks comes from the others of the household who share theirs.
    `basket` is what a basket costs before discounts, if the reward is to be taken off it at once.

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

    def attempt(is_locking: bool) -> Redeemed:
        if from_household:
            return _with_the_household(request, also)
        found = find(request)
        if is_locking:
            store.lock([found.account.member_id])
            found = find(request)
        elif found.offer.has_uploaded_codes:
            return _with_an_uploaded_code(request, found, also)
        return _attempt(request, found, also)

    return settled(attempt, races=("a_voucher_code_is_unique", *transfers.RACES))


def _with_an_uploaded_code(request: Request, found: Found, also: Also | None) -> Redeemed:
    """In one commit, so that a code that is not given after all is there for the next; wallets come first."""
    with transaction.atomic():
        store.lock([found.account.member_id])
        return _attempt(request, find(request), also)


def _with_the_household(request: Request, also: Also | None) -> Redeemed:
    """In one commit, so that what is brought together and not spent after all stays where it was."""
    with transaction.atomic():
        found = find(request)
        check(found.offer, at=request.at)
        check_basket(request, found.offer)
        households.draw(
            member_id=found.account.member_id,
            kind=terms.of(request.program).of_type(found.offer.wallet_type_id),
            points=found.offer.price,
            program=request.program,
            source=request.source,
            actor=request.actor,
            at=request.at,
        )
        return _attempt(request, find(request), also)


def _attempt(request: Request, found: Found, also: Also | None) -> Redeemed:
    offer, plan, redemption_id = found.offer, Plan([found.account]), new_id()
    change = pay(request, found, redemption_id)
    plan.apply(change)
    redeemed = Redeemed(
        id=redemption_id,
        member_id=found.account.member_id,
        reward=offer.key,
        points=offer.price,
        balance=change.wallet.available,
        voucher_code=issuing.code_for(offer, redemption_id=redemption_id, at=request.at),
        voucher_expires_at=issuing.ends_at(offer, at=request.at) if offer.has_voucher else None,
        redeemed_at=request.at,
    )
    _write(request, offer, plan, redeemed, change, also)
    return redeemed


def pay(request: Request, found: Found, redemption_id: UUID) -> Change:
    """
    What the purchase does to the wallet, decided and not written.

    :raises RewardNotOnOffer: and the other refusals of `redeem()` that are about the reward and its price
    """
    offer = found.offer
    check(offer, at=request.at)
    check_limit(offer, bought=found.bought)
    check_basket(request, offer)
    wallet = found.account.wallet_of(offer.wallet_type_id)
    if wallet is None:
        raise InsufficientPoints(
            _("The wallet has 0 points, not {points}.").format(points=offer.price), available=0
        )
    cause = Cause(
        key=f"redemption:{redemption_id}:spend",
        actor=request.actor,
        reason=f"reward:{offer.key}",
        effective_at=request.at,
        recorded_at=request.at,
    )
    spent = operations.spend(wallet, points=offer.price, cause=cause)
    return renewing(spent, terms.of(request.program), request.at)


def _write(
    request: Request, offer: Offer, plan: Plan, redeemed: Redeemed, change: Change, also: Also | None
) -> None:
    program_id = request.program.pk
    batch = Batch()
    store.add_to(batch, plan, program_id=program_id)
    batch.insert(Redemption, _FIELDS, [_row(request, offer, redeemed)])
    if redeemed.voucher_expires_at:
        row = issuing.row(program_id, redeemed.id, redeemed.voucher_code, offer, redeemed.voucher_expires_at)
        batch.insert(Voucher, issuing.FIELDS, [row])
    takes_piece = offer.stock is not None and not offer.has_uploaded_codes
    batch.take(Reward, ("id", "stock"), [(offer.id, 1)] if takes_piece else [])
    events.add_to(batch, _events(request, redeemed, change))
    if also:
        also(batch, redeemed)
    try:
        batch.write()
    except IntegrityError as error:
        if violated(error) == "stock_is_never_negative":
            raise sold_out(offer.key) from error
        raise


_FIELDS: Final = (
    "id", "program", "member", "reward", "source", "wallet_type", "points", "status", "took_piece",
    "redeemed_at",
)  # fmt: skip


def _row(request: Request, offer: Offer, redeemed: Redeemed) -> tuple[Any, ...]:
    return (
        redeemed.id, request.program.pk, redeemed.member_id, offer.id, request.source, offer.wallet_type_id,
        offer.price, RedemptionStatus.CONFIRMED.value, offer.stock is not None, request.at,
    )  # fmt: skip


def _events(request: Request, redeemed: Redeemed, change: Change) -> list[events.NewEvent]:
    about = {"redemption_id": str(redeemed.id), "reward": redeemed.reward}
    kind = terms.of(request.program).of_type(change.wallet.type_id)

    def happened(event_type: str, **data: Any) -> events.NewEvent:
        return events.NewEvent(
            type=event_type,
            program_id=request.program.pk,
            member_id=redeemed.member_id,
            occurred_at=request.at,
            recorded_at=request.at,
            data={**about, **data},
        )

    told = [
        telling.told(change, wallet_type=kind.key, points=redeemed.points, **about),
        happened("reward.redeemed", points=redeemed.points),
    ]
    if redeemed.voucher_expires_at:
        # The code itself is worth money: it is told to whoever redeemed, not to all who listen.
        told.append(happened("voucher.issued", expires_at=redeemed.voucher_expires_at.isoformat()))
    return told
