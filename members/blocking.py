"""Members who neither earn nor spend for a while, and are as they were afterwards."""

from datetime import datetime
from typing import ClassVar

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.errors import DomainError
from members import details, references
from members.models import Block, Member, MemberStatus

NOTE_MAX = 1000


class MemberNotBlocked(DomainError):
    """The member is not blocked: there is nothing to lift."""

    code: ClassVar[str] = "member_not_blocked"
    title = gettext_lazy("The member is not blocked")


def block(member: Member, *, reason: str, note: str = "", actor: str, at: datetime) -> Member:
    """
    Let a member neither earn nor spend; points, tiers and identifiers stay, and expire as they would.

    :raises members.references.MemberIsBlocked: if the member is blocked already
    :raises members.references.MemberIsMerged: if the member was merged into another one
    :raises members.references.MemberIsErased: if the member was erased
    """
    with transaction.atomic():
        present = details.hold(member)
        references.check_alive(present)
        if present.status == MemberStatus.BLOCKED:
            raise references.MemberIsBlocked(_("The member is blocked already."))
        Block.objects.create(
            program_id=present.program_id,
            member=present,
            reason=reason,
            note=note,
            actor=actor,
            blocked_at=at,
        )
        _become(present, MemberStatus.BLOCKED)
        details.tell(present, "member.blocked", actor=actor, at=at, reason=reason)
    return present


def lift(member: Member, *, note: str = "", actor: str, at: datetime) -> Member:
    """
    Let a blocked member earn and spend again.

    :raises MemberNotBlocked: if the member is not blocked
    :raises members.references.MemberIsMerged: if the member was merged into another one
    :raises members.references.MemberIsErased: if the member was erased
    """
    with transaction.atomic():
        present = details.hold(member)
        references.check_alive(present)
        if present.status != MemberStatus.BLOCKED:
            raise MemberNotBlocked
        Block.objects.open().filter(member=present).update(lifted_at=at, lifted_by=actor, lift_note=note)
        _become(present, MemberStatus.ACTIVE)
        details.tell(present, "member.unblocked", actor=actor, at=at)
    return present


def _become(member: Member, status: MemberStatus) -> None:
    member.status = status
    member.save(update_fields=["status"])
