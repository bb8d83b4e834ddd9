"""Where points are given and taken by hand, and what is looked at afterwards."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from loyalty.core import approvals
from loyalty.core.models import Approval, Program, User
from members import adjustments
from members.adjustments import Adjusted, Requested, undoing
from members.ledger import verify
from members.models import Member, Wallet


@dataclass(frozen=True)
class Desk:
    """Where somebody adjusts a member's points."""

    program: Program
    member: Member
    by: User | None
    at: datetime
    partner: str = ""

    def gives(self, points: int, reason: str = "goodwill", **more: Any) -> Adjusted | Requested:
        actor = f"staff:{self.by.pk}" if self.by else f"partner:{self.partner}"
        given = {"member_id": self.member.pk, "wallet_type": "points", "by": self.by, "at": self.at, **more}
        return adjustments.adjust(program=self.program, points=points, reason=reason, actor=actor, **given)

    def takes(self, points: int, reason: str = "correction", **more: Any) -> Adjusted | Requested:
        return self.gives(-points, reason, **more)

    def undoes(self, adjustment_id: Any) -> undoing.Undone:
        assert self.by
        return undoing.undo(adjustment_id, program=self.program, by=self.by, at=self.at)

    def agrees(self, request: Adjusted | Requested) -> Approval:
        assert self.by
        return approvals.approve(request.id, program=self.program, by=self.by, at=self.at)

    def later(self, **delta: float) -> "Desk":
        return replace(self, at=self.at + timedelta(**delta))


def balance(member: Member) -> int:
    return sum(Wallet.objects.filter(member=member).values_list("available", flat=True))


def is_proven() -> bool:
    return list(verify.run()) == []
