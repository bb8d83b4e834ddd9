"""An order is booked: load, decide, write, as all that the ledger does."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.db import Batch, settled
from loyalty.core.errors import DomainError
from loyalty.core.ids import new_id
from loyalty.core.models import Approval, Program
from members import reasons, references, tiers
from members.adjustments.orders import Adjusted, Also, Order
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change, Grant
from members.ledger.plan import Plan
from members.ledger.state import Account, WalletState
from members.ledger.telling import told
from members.models import Adjustment, MemberStatus
from members.terms import Terms
from members.tiers import TierMove

_RACES: Final = ("one_wallet_per_member_and_type", "one_tier_per_member_and_ladder")


class NotAdjustable(DomainError):
    """The member's points are not adjusted any more, or not in this direction: they say why."""

    code: ClassVar[str] = "member_not_adjustable"
    title = gettext_lazy("The member's points cannot be adjusted")


class Decision(Struct, frozen=True, kw_only=True):
    account: Account
    change: Change
    moves: tuple[TierMove, ...]
    paid_debt: int = 0


def book(order: Order, also: Also | None = None, *, approval: Approval | None = None) -> Adjusted:
    """Book it now, whatever the limits say."""

    def attempt(is_locking: bool) -> Adjusted:
        decision = decide(order, load(order, is_locking=is_locking))
        return _write(order, decision, also, approval)

    return settled(attempt, races=_RACES)


def load(order: Order, *, is_locking: bool) -> Account:
    if is_locking:
        store.lock([order.member_id])
    (account,) = store.load(order.program.pk, [("id", str(order.member_id))])
    if account is None:
        raise references.unknown()
    _check_member(account, gives=order.points > 0)
    (account,) = store.with_open_lots(
        [account], type_id=order.wallet_type.id, keeps_due=order.terms.keeps_due
    )
    return account


def _check_member(account: Account, *, gives: bool) -> None:
    """Whoever misused their points is blocked, and then the points are taken: so that goes."""
    if account.status == MemberStatus.MERGED:
        raise references.merged(account.member_id, pointer="#/member_id")
    if account.status == MemberStatus.ERASED:
        raise NotAdjustable(_("The member was erased."), pointer="#/member_id")
    if account.status == MemberStatus.BLOCKED and gives:
        raise NotAdjustable(
            _("The member is blocked: points can be taken, and not given."), pointer="#/member_id"
        )


def decide(order: Order, account: Account) -> Decision:
    wallet = account.wallet_of(order.wallet_type.id) or WalletState(
        id=new_id(),
        program_id=order.program.pk,
        member_id=account.member_id,
        type_id=order.wallet_type.id,
        is_new=True,
    )
    cause = Cause(
        key=f"adjustment:{order.id}:adjust",
        actor=order.actor,
        reason=order.reason.label,
        effective_at=order.at,
        recorded_at=order.at,
    )
    change = _change(order, wallet, cause)
    counted = order.points if order.reason.counts_towards_tiers else 0
    return Decision(
        account=account,
        change=change,
        moves=moves_of(account, order.terms, type_id=wallet.type_id, points=counted, at=order.at),
        paid_debt=wallet.debt - change.wallet.debt,
    )


def _change(order: Order, wallet: WalletState, cause: Cause) -> Change:
    if order.points < 0:
        return operations.adjust_down(wallet, points=-order.points, cause=cause)
    expires_at, lapses = reasons.lifetime(order.reason, order.wallet_type, order.terms, at=order.at)
    if lapses and wallet.lapses_at is None:
        wallet = replace(wallet, lapses_at=order.terms.lapses_at(order.wallet_type, order.at))
    grant = Grant(points=order.points, source="adjustment", expires_at=expires_at, lapses=lapses)
    return operations.grant(wallet, grants=[grant], cause=cause, kind="adjust")


def moves_of(
    account: Account, known: Terms, *, type_id: UUID, points: int, at: datetime
) -> tuple[TierMove, ...]:
    """What points that count do on the ladders; nothing if there are none."""
    return tuple(tiers.moves(account, terms=known, type_id=type_id, points=points, at=at)) if points else ()


def _write(order: Order, decision: Decision, also: Also | None, approval: Approval | None) -> Adjusted:
    change = decision.change
    adjusted = order.adjusted(entry_id=change.entry.id, balance=change.wallet.available, at=order.at)
    batch = batch_of(order.program, decision.account, [change], decision.moves)
    batch.insert(
        Adjustment,
        (
            "id", "program", "member", "wallet", "points", "reason", "counts_towards_tiers",
            "cost_centre", "note", "by", "actor", "entry", "approval", "adjusted_at",
        ),
        [
            (
                order.id, order.program.pk, order.member_id, change.wallet.id, order.points,
                order.reason.pk, order.reason.counts_towards_tiers, order.reason.cost_centre, order.note,
                order.by.pk if order.by else None, order.actor, change.entry.id,
                approval.pk if approval else None, order.at,
            )
        ],
    )  # fmt: skip
    points = told(
        change, wallet_type=order.wallet_type.key, adjustment_id=str(order.id), reason=order.reason.key
    )
    events.add_to(batch, [points, *upgrades(decision.moves, points)])
    if also:
        also(batch, adjusted)
    batch.write()
    return adjusted


def batch_of(
    program: Program,
    account: Account,
    changes: Sequence[Change],
    moves: Sequence[TierMove],
    *,
    touched: WalletState | None = None,
) -> Batch:
    """
    What changes in the ledger and on the ladders, to be written.

    `touched` is a wallet whose version moves even if nothing in it does.
    """
    plan = Plan([account])
    if touched and not changes:
        plan.touch(touched)
    for change in changes:
        plan.apply(change)
    for move in moves:
        plan.move_tier(move.after, member_id=account.member_id)
    batch = Batch()
    store.add_to(batch, plan, program_id=program.pk)
    return batch


def upgrades(moves: Sequence[TierMove], points: events.NewEvent) -> list[events.NewEvent]:
    """Said after the points, at the same moment."""
    return [
        events.NewEvent(
            type="tier.upgraded",
            program_id=points.program_id,
            member_id=points.member_id,
            occurred_at=points.occurred_at,
            recorded_at=points.recorded_at,
            data=move.told,
        )
        for move in moves
        if move.is_upgrade
    ]
