"""
Where a redemption stands, and who may move it on.

Note [One end of a redemption]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
held → confirmed → fulfilled; and cancelled, expired or returned, which are final. Whoever moves a
redemption holds, in this order: its member's wallets, its row, its voucher's row, its reward's row. So
of two who end it, or of one who confirms it while its time runs out, the second reads what the first
has made of it. A reservation whose time is over cannot be confirmed, whether or not the job that
ends it has come by. Whoever moves several in one transaction takes them in the order of their
rewards' keys, as these rows are shared by all members.
"""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core.errors import DomainError, Extra
from loyalty.core.events import NewEvent
from loyalty.core.models import Program
from members import pooling
from members.ledger import store
from members.models import Member
from rewards.models import Redemption, RedemptionStatus


class UnknownRedemption(DomainError):
    """The program has no redemption with that id."""

    code: ClassVar[str] = "unknown_redemption"
    status: ClassVar[int] = 404
    title = gettext_lazy("No such redemption")


class RedemptionNotInState(DomainError):
    """The redemption is in a state that this cannot be done from: `redemption_status` says in which."""

    code: ClassVar[str] = "redemption_not_in_state"
    title = gettext_lazy("The redemption is past this, or not there yet")
    extras = {
        "redemption_status": Extra("cancelled", gettext_lazy("The state that it is in")),
    }


class VoucherInUse(DomainError):
    """The redemption's voucher was used: roll that back first, or return the redemption."""

    code: ClassVar[str] = "voucher_in_use"
    title = gettext_lazy("The voucher was used")


class Context(Struct, frozen=True, kw_only=True):
    """Where a call comes from, and when."""

    program: Program
    source: str
    actor: str
    at: datetime


class Locked(Struct, frozen=True, kw_only=True):
    """A redemption that nobody else moves; `heir` has its member's points now, who may have been merged."""

    redemption: Redemption
    heir: UUID


def lock(redemption_id: UUID, *, program: Program) -> Locked:
    """
    Hold a redemption until the transaction ends: see Note [One end of a redemption].

    :raises UnknownRedemption: if the program has none with that id
    """
    rows = Redemption.objects.of(program).filter(pk=redemption_id)
    row = rows.values_list("member_id", "brought").first()
    if row is None:
        raise unknown(redemption_id)
    member_id, brought = row
    heir = _hold_wallets(member_id, is_of_household=brought > 0)
    found = rows.select_for_update(of=("self",)).select_related("reward", "wallet_type", "voucher").get()
    return Locked(redemption=found, heir=heir)


def _hold_wallets(member_id: UUID, *, is_of_household: bool) -> UUID:
    """Who has the member's points; their wallets are held, too, and those of who added some."""
    hold = pooling.lock if is_of_household else store.lock
    heir = None
    # Somebody may be merged before the lock is there, and not after it.
    while heir != (heir := heir_of(member_id)):
        hold({member_id, heir})
    return heir


def heir_of(member_id: UUID) -> UUID:
    """Who has a member's points now: themselves, or whom they were merged into."""
    while into := Member.objects.filter(pk=member_id).values_list("merged_into", flat=True).get():
        member_id = into
    return member_id


def unknown(redemption_id: object) -> UnknownRedemption:
    return UnknownRedemption(_("There is no redemption {id}.").format(id=redemption_id))


def not_in_state(redemption: Redemption, *, at: datetime) -> RedemptionNotInState:
    """The refusal for a redemption that is elsewhere in its life."""
    if redemption.is_overdue(at):
        detail = _("The time of the reservation is over; points and piece are free again.")
        return RedemptionNotInState(detail, redemption_status=RedemptionStatus.EXPIRED.value)
    detail = _("The redemption is in the state “{state}”.").format(state=redemption.get_status_display())
    return RedemptionNotInState(detail, redemption_status=redemption.status)


def kept_for(redemption: Redemption) -> str:
    """How the hold of its points names what it is kept for."""
    return f"redemption:{redemption.pk}"


def happened(redemption: Redemption, event_type: str, at: datetime, **data: object) -> NewEvent:
    """Something that the world hears about it. The voucher's code is worth money, and is never in it."""
    return NewEvent(
        type=event_type,
        program_id=redemption.program_id,
        member_id=redemption.member_id,
        occurred_at=at,
        recorded_at=at,
        data={"redemption_id": str(redemption.pk), "reward": redemption.reward.key, **data},
    )
