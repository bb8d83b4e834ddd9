"""
Points given and taken by hand: for a reason, within limits, above them with a second person's consent.

The journey is the ledger's: load, decide, write. What waits for a second person is decided anew when
that person agrees, by what is true then.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core import approvals, events, roles
from loyalty.core.db import Batch, settled, violated
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.ids import new_id
from loyalty.core.models import Approval, Program, User
from members import allowances, reasons, references, terms, tiers
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import MAX_POINTS, Change, Grant
from members.ledger.plan import Plan
from members.ledger.state import Account, WalletState
from members.ledger.telling import told
from members.models import Adjustment, MemberStatus, ReasonCode
from members.terms import Terms, WalletTerms
from members.tiers import TierMove

APPROVAL: Final = "adjustment"
MAY_ADJUST: Final = "members.add_adjustment"

_RACES: Final = ("one_wallet_per_member_and_type", "one_tier_per_member_and_ladder")
_TWICE: Final = ("members_adjustment_pkey", "core_approval_pkey")


class MayNotAdjust(DomainError):
    """Only somebody whose role in the program says so gives and takes points."""

    code: ClassVar[str] = "may_not_adjust"
    status: ClassVar[int] = 403
    title = gettext_lazy("You may not adjust points")


class NotAdjustable(DomainError):
    """The member's points are not adjusted any more, or not in this direction: they say why."""

    code: ClassVar[str] = "member_not_adjustable"
    title = gettext_lazy("The member's points cannot be adjusted")


class SentBefore(DomainError):
    """The same form was sent before, with other values."""

    code: ClassVar[str] = "sent_before"
    title = gettext_lazy("This was sent before, with other values")


class Adjusted(Struct, frozen=True, kw_only=True):
    """Points that were given or (negative) taken, and the balance then; `reason` is a key."""

    id: UUID
    entry_id: UUID
    member_id: UUID
    wallet_type: str
    points: int
    balance: int
    reason: str
    adjusted_at: datetime


class Requested(Struct, frozen=True, kw_only=True):
    """Nothing has happened yet: a second person has to agree, until `expires_at`. `because` says why."""

    id: UUID
    member_id: UUID
    wallet_type: str
    points: int
    reason: str
    because: str
    expires_at: datetime


class Outlook(Struct, frozen=True, kw_only=True):
    """What an adjustment would do now; `because` says why a second person would have to agree, if so."""

    before: int
    after: int
    paid_debt: int
    expires_at: datetime | None
    tier: str
    because: str


Also = Callable[[Batch, Adjusted | Requested], None]
"""Adds rows that must be written with it, such as the stored answer of the call."""


class Order(Struct, frozen=True, kw_only=True):
    """What is asked for, by whom."""

    id: UUID
    program: Program
    terms: Terms
    member_id: UUID
    wallet_type: WalletTerms
    points: int
    reason: ReasonCode
    note: str
    by: User | None
    actor: str
    at: datetime


class _Decision(Struct, frozen=True, kw_only=True):
    account: Account
    change: Change
    moves: tuple[TierMove, ...]
    paid_debt: int = 0


def adjust(
    *,
    program: Program,
    member_id: UUID,
    wallet_type: str,
    points: int,
    reason: str,
    note: str = "",
    by: User | None,
    actor: str,
    at: datetime,
    also: Also | None = None,
    adjustment_id: UUID | None = None,
) -> Adjusted | Requested:
    """
    Give points to a member or take (negative) available ones away; above the limits ask for consent.

    `wallet_type` and `reason` are keys. `by` is the member of staff, or None for a partner system,
    whose limits are those of the role “partner”; `actor` is `staff:<id>` or `partner:<key>`. The
    note is people's own words, and may be about the member. With an `adjustment_id`, made by the
    caller, the same adjustment sent again is answered with the first result.

    :raises MayNotAdjust: if the role of that person in the program does not say so
    :raises NotFound: if the program has no such member
    :raises members.references.MemberIsMerged: if the member was merged into another one
    :raises NotAdjustable: an erased member; a blocked one, of whom points are only taken
    :raises InvalidInput: no such kind of points, no points, too long a note
    :raises members.reasons.UnknownReason: if the program has no such reason in use
    :raises members.reasons.WrongDirection: if it is one for the other direction
    :raises members.ledger.operations.InsufficientPoints: if fewer are available
    :raises members.ledger.operations.TooManyPoints: if the wallet could not hold them
    :raises SentBefore: if that id was used for another adjustment
    """
    order = ordered(
        id=adjustment_id or new_id(),
        program=program,
        member_id=member_id,
        wallet_type=wallet_type,
        points=points,
        reason=reason,
        note=note,
        by=by,
        actor=actor,
        at=at,
    )
    if adjustment_id and (answer := _answer(order)):
        return answer
    try:
        with transaction.atomic():
            return _adjust(order, also, is_named=adjustment_id is not None)
    except IntegrityError as error:
        answer = _answer(order) if violated(error) in _TWICE else None
        if answer is None:
            raise
        return answer


def look_ahead(
    *,
    program: Program,
    member_id: UUID,
    wallet_type: str,
    points: int,
    reason: str,
    by: User,
    at: datetime,
) -> Outlook:
    """
    What `adjust()` would do now, and nothing of it done.

    :raises: what `adjust()` raises
    """
    order = ordered(
        id=new_id(),
        program=program,
        member_id=member_id,
        wallet_type=wallet_type,
        points=points,
        reason=reason,
        note="",
        by=by,
        actor=f"staff:{by.pk}",
        at=at,
    )
    decision = _decide(order, _load(order, is_locking=False))
    before = decision.account.wallet_of(order.wallet_type.id)
    upgrade = next((move for move in decision.moves if move.is_upgrade), None)
    return Outlook(
        before=before.available if before else 0,
        after=decision.change.wallet.available,
        paid_debt=decision.paid_debt,
        expires_at=decision.change.new_lots[0].expires_at if decision.change.new_lots else None,
        tier=upgrade.ladder.rung(upgrade.after.tier_id).name if upgrade else "",
        because=allowances.excess(program, by=by, actor=order.actor, points=abs(points), at=at),
    )


def ordered(
    *,
    program: Program,
    wallet_type: str,
    points: int,
    reason: str,
    note: str,
    by: User | None,
    **fields: Any,
) -> Order:
    """
    What is asked for, if it can be asked for by that person and in these words.

    :raises: what `adjust()` raises for it
    """
    if by is not None and not roles.may(by, MAY_ADJUST, program=program):
        raise MayNotAdjust
    known = terms.of(program)
    if wallet_type not in known.wallet_types:
        raise InvalidInput(
            _("The program has no points “%(key)s”.") % {"key": wallet_type}, pointer="#/wallet_type"
        )
    if points == 0 or abs(points) > MAX_POINTS:
        raise InvalidInput(_("Say how many points, and at least one."), pointer="#/points")
    return Order(
        program=program,
        terms=known,
        wallet_type=known.wallet_types[wallet_type],
        points=points,
        reason=reasons.find(reason, program=program, points=points),
        note=approvals.checked_note(note),
        by=by,
        **fields,
    )


def _answer(order: Order) -> Adjusted | Requested | None:
    """What came of it when it was sent before; None if it was not."""
    adjustments = Adjustment.objects.filter(program=order.program).select_related("entry", "wallet")
    if adjustment := adjustments.filter(pk=order.id).first():
        content = (adjustment.member_id, adjustment.wallet.type_id, adjustment.points, adjustment.reason_id)
        if content != (order.member_id, order.wallet_type.id, order.points, order.reason.pk):
            raise SentBefore
        return _adjusted(order, adjustment.entry_id, adjustment.entry.available_after, adjustment.adjusted_at)
    if approval := Approval.objects.of(order.program).filter(pk=order.id, kind=APPROVAL).first():
        if approval.payload != _payload(order, approval.payload["because"]):
            raise SentBefore
        return _requested(order, approval)
    return None


def _adjusted(order: Order, entry_id: UUID, balance: int, at: datetime) -> Adjusted:
    return Adjusted(
        id=order.id,
        entry_id=entry_id,
        member_id=order.member_id,
        wallet_type=order.wallet_type.key,
        points=order.points,
        balance=balance,
        reason=order.reason.key,
        adjusted_at=at,
    )


def _requested(order: Order, approval: Approval) -> Requested:
    return Requested(
        id=approval.pk,
        member_id=order.member_id,
        wallet_type=order.wallet_type.key,
        points=order.points,
        reason=order.reason.key,
        because=approval.payload["because"],
        expires_at=approval.expires_at,
    )


def _adjust(order: Order, also: Also | None, *, is_named: bool) -> Adjusted | Requested:
    because = allowances.take(
        order.program, by=order.by, actor=order.actor, points=abs(order.points), at=order.at
    )
    # Of two that are sent at once, the later one has waited for the earlier one's day until here.
    if is_named and (answer := _answer(order)):
        transaction.set_rollback(True)
        return answer
    return _ask(order, because, also) if because else book(order, also)


def _ask(order: Order, because: str, also: Also | None) -> Requested:
    # What could not be done now is refused now, and not only when somebody has agreed to it.
    _decide(order, _load(order, is_locking=False))
    approval = approvals.request(
        request_id=order.id,
        program=order.program,
        kind=APPROVAL,
        subject_id=order.member_id,
        summary=f"{order.points:+,} {order.wallet_type.name}: {order.reason}",
        payload=_payload(order, because),
        note=order.note,
        by=order.by,
        actor=order.actor,
        at=order.at,
    )
    requested = _requested(order, approval)
    if also:
        batch = Batch()
        also(batch, requested)
        batch.write()
    return requested


def _payload(order: Order, because: str) -> dict[str, Any]:
    return {
        "member_id": str(order.member_id),
        "wallet_type": order.wallet_type.key,
        "points": order.points,
        "reason": order.reason.key,
        "consequences": reasons.consequences(order.reason),
        "because": because,
    }


def book(order: Order, also: Also | None = None, *, approval: Approval | None = None) -> Adjusted:
    """Book it now, whatever the limits say."""

    def attempt(is_locking: bool) -> Adjusted:
        decision = _decide(order, _load(order, is_locking=is_locking))
        return _write(order, decision, also, approval)

    return settled(attempt, races=_RACES)


def _load(order: Order, *, is_locking: bool) -> Account:
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


def _decide(order: Order, account: Account) -> _Decision:
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
    return _Decision(
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


def _write(order: Order, decision: _Decision, also: Also | None, approval: Approval | None) -> Adjusted:
    change = decision.change
    adjusted = _adjusted(order, change.entry.id, change.wallet.available, order.at)
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
