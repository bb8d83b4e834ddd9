"""Points are given or taken at once within the limits; above them, consent is asked for."""

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core import approvals
from loyalty.core.db import Batch, violated
from loyalty.core.errors import DomainError
from loyalty.core.ids import new_id
from loyalty.core.models import Approval, Program, User
from members.adjustments import allowances
from members.adjustments.booking import book, decide, load
from members.adjustments.orders import Adjusted, Also, Order, Requested, ordered
from members.models import Adjustment

APPROVAL: Final = "adjustment"
_TWICE: Final = ("members_adjustment_pkey", "core_approval_pkey")


class SentBefore(DomainError):
    """The same form was sent before, with other values."""

    code: ClassVar[str] = "sent_before"
    title = gettext_lazy("This was sent before, with other values")


class Outlook(Struct, frozen=True, kw_only=True):
    """What an adjustment would do now; `because` says why a second person would have to agree, if so."""

    before: int
    after: int
    paid_debt: int
    expires_at: datetime | None
    tier: str
    because: str


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
        actor=by.actor,
        at=at,
    )
    decision = decide(order, load(order, is_locking=False))
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


def _answer(order: Order) -> Adjusted | Requested | None:
    """What came of it when it was sent before; None if it was not."""
    adjustments = Adjustment.objects.filter(program=order.program).select_related("entry", "wallet")
    if adjustment := adjustments.filter(pk=order.id).first():
        content = (adjustment.member_id, adjustment.wallet.type_id, adjustment.points, adjustment.reason_id)
        if content != (order.member_id, order.wallet_type.id, order.points, order.reason.pk):
            raise SentBefore
        return order.adjusted(
            entry_id=adjustment.entry_id, balance=adjustment.entry.available_after, at=adjustment.adjusted_at
        )
    if approval := Approval.objects.of(order.program).filter(pk=order.id, kind=APPROVAL).first():
        if approval.payload != order.payload(approval.payload["because"]):
            raise SentBefore
        return order.requested(approval)
    return None


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
    decide(order, load(order, is_locking=False))
    approval = approvals.request(
        request_id=order.id,
        program=order.program,
        kind=APPROVAL,
        subject_id=order.member_id,
        summary=f"{order.points:+,} {order.wallet_type.name}: {order.reason}",
        payload=order.payload(because),
        note=order.note,
        by=order.by,
        actor=order.actor,
        at=order.at,
    )
    requested = order.requested(approval)
    if also:
        batch = Batch()
        also(batch, requested)
        batch.write()
    return requested
