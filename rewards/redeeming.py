"""The journey of a redemption: points out, a voucher in, stock down; load, decide, write."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from msgspec import Struct

from loyalty.core import events
from loyalty.core.db import Batch, fetch, settled, violated
from loyalty.core.errors import DomainError
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import households, terms, transfers
from members.ledger import operations, store, telling
from members.ledger.chain import Cause
from members.ledger.operations import Change, InsufficientPoints
from members.ledger.plan import Plan
from members.ledger.renewal import renewing
from members.ledger.state import Account
from members.references import MemberReference, member_of, reference
from rewards.models import Redemption, RedemptionStatus, Reward, Voucher, VoucherStatus

CODE_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without what is mistaken for something else when it is read from a screen and typed at a till."""
CODE_LENGTH: Final = 12


class UnknownReward(DomainError):
    """The program has no reward with that key."""

    code: ClassVar[str] = "unknown_reward"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "No such reward"


class RewardNotOnOffer(DomainError):
    """The reward is switched off, or not on offer yet or any more."""

    code: ClassVar[str] = "reward_not_on_offer"
    title: ClassVar[str] = "The reward is not on offer now"


class RewardSoldOut(DomainError):
    """The last piece of the reward is gone."""

    code: ClassVar[str] = "reward_sold_out"
    title: ClassVar[str] = "The reward is sold out"


class Offer(Struct, frozen=True):
    """A reward as it stands in the catalogue; the fields are columns, in this order."""

    id: UUID
    key: str
    price: int
    wallet_type_id: UUID
    stock: int | None
    voucher_valid_days: int
    is_active: bool
    starts_at: datetime | None
    ends_at: datetime | None


class Redeemed(Struct, frozen=True, kw_only=True):
    """What a partner is told about a redemption."""

    id: UUID
    member_id: UUID
    reward: str
    points: int
    balance: int
    voucher_code: str
    voucher_expires_at: datetime
    redeemed_at: datetime


class Request(Struct, frozen=True, kw_only=True):
    """Who wants which reward (by its key), where and when."""

    member: MemberReference
    reward: str
    program: Program
    source: str
    actor: str
    at: datetime
    from_household: bool = False


Also = Callable[[Batch, Redeemed], None]
"""Adds rows that must be written in the same statement, such as the stored answer of the call."""

_COLUMNS: Final = ", ".join(f"reward.{name}" for name in Offer.__struct_fields__)
_FIND: Final = f"""
SELECT {_COLUMNS}, {store.open_lots_column("wallet.id")}, {store.ACCOUNT_COLUMNS}
FROM (VALUES ($2::text, $3::text)) AS asked(kind, value)
{store.ACCOUNT_JOINS}
LEFT JOIN rewards_reward reward ON reward.program_id = $1 AND reward.key = $4
LEFT JOIN members_wallet wallet ON wallet.member_id = member.id AND wallet.type_id = reward.wallet_type_id"""


def redeem(
    *,
    member: MemberReference,
    reward: str,
    program: Program,
    source: str,
    actor: str,
    at: datetime,
    from_household: bool = False,
    also: Also | None = None,
) -> Redeemed:
    """
    Buy a reward with points.

    `reward` is its key; the points are those of the reward's wallet type, first-expiring first. With
    `from_household`, what the member lacks comes from the others of the household who share theirs.

    :raises UnknownMember: if no member of the program has that identifier
    :raises MemberIsBlocked: if the member may not spend
    :raises UnknownReward: if the program has no such reward
    :raises RewardNotOnOffer: outside the reward's dates, or when it is switched off
    :raises RewardSoldOut: if no piece is left
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
    )

    def attempt(is_locking: bool) -> Redeemed:
        if from_household:
            return _with_the_household(request, also)
        account, offer = _find(request)
        if is_locking:
            store.lock([account.member_id])
            account, offer = _find(request)
        return _attempt(request, account, offer, also)

    return settled(attempt, races=("a_voucher_code_is_unique", *transfers.RACES))


def _with_the_household(request: Request, also: Also | None) -> Redeemed:
    """In one commit, so that what is brought together and not spent after all stays where it was."""
    with transaction.atomic():
        account, offer = _find(request)
        check(offer, at=request.at)
        households.draw(
            member_id=account.member_id,
            kind=terms.of(request.program).of_type(offer.wallet_type_id),
            points=offer.price,
            program=request.program,
            source=request.source,
            actor=request.actor,
            at=request.at,
        )
        return _attempt(request, *_find(request), also)


def _find(request: Request) -> tuple[Account, Offer]:
    (row,) = fetch(_FIND, [request.program.pk, *reference(request.member), request.reward])
    width = len(Offer.__struct_fields__)
    columns, lots, found = row[:width], row[width], row[width + 1 :]
    account = member_of(store.read_account(request.program.pk, found), request.member)
    if columns[0] is None:
        raise UnknownReward(f"The program has no reward “{request.reward}”.", pointer="#/reward")
    offer = Offer(*columns)
    keeps_due = terms.of(request.program).keeps_due
    return store.filled(account, offer.wallet_type_id, lots, keeps_due=keeps_due), offer


def _attempt(request: Request, account: Account, offer: Offer, also: Also | None) -> Redeemed:
    plan = Plan([account])
    redemption_id = new_id()
    change = _pay(request, account, offer, redemption_id)
    plan.apply(change)
    redeemed = Redeemed(
        id=redemption_id,
        member_id=account.member_id,
        reward=offer.key,
        points=offer.price,
        balance=change.wallet.available,
        voucher_code=new_code(),
        voucher_expires_at=request.at + timedelta(days=offer.voucher_valid_days),
        redeemed_at=request.at,
    )
    _write(request, offer, plan, redeemed, change, also)
    return redeemed


def _pay(request: Request, account: Account, offer: Offer, redemption_id: UUID) -> Change:
    check(offer, at=request.at)
    wallet = account.wallet_of(offer.wallet_type_id)
    if wallet is None:
        raise InsufficientPoints(f"The wallet has 0 points, not {offer.price}.", available=0)
    cause = Cause(
        key=f"redemption:{redemption_id}:spend",
        actor=request.actor,
        reason=f"reward:{offer.key}",
        effective_at=request.at,
        recorded_at=request.at,
    )
    spent = operations.spend(wallet, points=offer.price, cause=cause)
    return renewing(spent, terms.of(request.program), request.at)


def new_code() -> str:
    """A voucher's code that nobody can guess."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


def check(offer: Offer, *, at: datetime) -> None:
    """
    Is the reward to be had at that moment, whoever asks?

    :raises RewardNotOnOffer: outside its dates, or when it is switched off
    :raises RewardSoldOut: if no piece is left
    """
    if (
        not offer.is_active
        or (offer.starts_at and at < offer.starts_at)
        or (offer.ends_at and at >= offer.ends_at)
    ):
        raise RewardNotOnOffer(f"The reward “{offer.key}” is not on offer now.", pointer="#/reward")
    if offer.stock == 0:
        raise RewardSoldOut(f"No “{offer.key}” is left.", pointer="#/reward")


def _write(
    request: Request, offer: Offer, plan: Plan, redeemed: Redeemed, change: Change, also: Also | None
) -> None:
    program_id = request.program.pk
    batch = Batch()
    store.add_to(batch, plan, program_id=program_id)
    batch.insert(
        Redemption,
        ("id", "program", "member", "reward", "source", "points", "status", "redeemed_at"),
        [
            (
                redeemed.id, program_id, redeemed.member_id, offer.id, request.source, offer.price,
                RedemptionStatus.CONFIRMED.value, request.at,
            )
        ],
    )  # fmt: skip
    batch.insert(
        Voucher,
        ("id", "program", "redemption", "code", "status", "expires_at"),
        [
            (
                new_id(), program_id, redeemed.id, redeemed.voucher_code, VoucherStatus.ISSUED.value,
                redeemed.voucher_expires_at,
            )
        ],
    )  # fmt: skip
    batch.take(Reward, ("id", "stock"), [(offer.id, 1)] if offer.stock is not None else [])
    events.add_to(batch, _events(request, redeemed, change))
    if also:
        also(batch, redeemed)
    try:
        batch.write()
    except IntegrityError as error:
        if violated(error) == "stock_is_never_negative":
            raise RewardSoldOut(f"No “{offer.key}” is left.", pointer="#/reward") from error
        raise


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

    return [
        telling.told(change, wallet_type=kind.key, points=redeemed.points, **about),
        happened("reward.redeemed", points=redeemed.points),
        # The code itself is worth money: it is told to whoever redeemed, not to all who listen.
        happened("voucher.issued", expires_at=redeemed.voucher_expires_at.isoformat()),
    ]
