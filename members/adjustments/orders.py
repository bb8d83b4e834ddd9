"""What is asked for by whom, if it can be asked for, and what is answered."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core import approvals, roles
from loyalty.core.db import Batch
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import Approval, Program, User
from members import reasons, terms
from members.ledger.operations import MAX_POINTS
from members.models import ReasonCode
from members.terms import Terms, WalletTerms

MAY_ADJUST: Final = "members.add_adjustment"


class MayNotAdjust(DomainError):
    """Only somebody whose role in the program says so gives and takes points."""

    code: ClassVar[str] = "may_not_adjust"
    status: ClassVar[int] = 403
    title = gettext_lazy("You may not adjust points")


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

    def adjusted(self, *, entry_id: UUID, balance: int, at: datetime) -> Adjusted:
        """The answer once it is booked."""
        return Adjusted(
            id=self.id,
            entry_id=entry_id,
            member_id=self.member_id,
            wallet_type=self.wallet_type.key,
            points=self.points,
            balance=balance,
            reason=self.reason.key,
            adjusted_at=at,
        )

    def requested(self, approval: Approval) -> Requested:
        """The answer while it waits for a second person."""
        return Requested(
            id=approval.pk,
            member_id=self.member_id,
            wallet_type=self.wallet_type.key,
            points=self.points,
            reason=self.reason.key,
            because=approval.payload["because"],
            expires_at=approval.expires_at,
        )

    def payload(self, because: str) -> dict[str, Any]:
        """What a second person agrees to, with what follows from the reason now."""
        return {
            "member_id": str(self.member_id),
            "wallet_type": self.wallet_type.key,
            "points": self.points,
            "reason": self.reason.key,
            "consequences": reasons.consequences(self.reason),
            "because": because,
        }


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
