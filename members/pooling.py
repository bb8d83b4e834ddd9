"""
Points of a household that are reserved for one of its members: brought together, and sent back.

Note [Brought points]
~~~~~~~~~~~~~~~~~~~~~
What a member lacks for a reservation comes from the others by transfers, as when a reward is bought at
once. The reservation remembers them: if it comes to nothing, each is undone, and the points are back in
the lots that they came from, with their dates. If it is confirmed, they are spent. Who was merged into
another member meanwhile, or has left, is treated as by any undo of a transfer.

Whoever begins or ends such a reservation holds the wallets of all concerned from the start, by `lock()`,
as wallets are held in the order of their ids: see Note [The lock] in `members.ledger.store`.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from loyalty.core.models import Program
from members import households, terms
from members.ledger import store
from members.models import BroughtPoints, HoldStatus, HouseholdMember
from members.references import MemberIsMerged
from members.transfers import NothingIsLeft, Transferred, undo


def lock(member_ids: Iterable[UUID]) -> None:
    """Hold the wallets of members, of their households, and of whose points they have reserved."""
    store.lock(concerned(member_ids))


def concerned(member_ids: Iterable[UUID]) -> set[UUID]:
    """These members, their households, and whose points they have reserved."""
    ids = set(member_ids)
    mates = HouseholdMember.objects.filter(
        household__in=HouseholdMember.objects.filter(member__in=ids).values("household")
    )
    givers = BroughtPoints.objects.filter(hold__member__in=ids, hold__status=HoldStatus.HELD)
    all_of_them = mates.values_list("member_id").union(givers.values_list("transfer__sender_id"))
    return {*ids, *(member_id for (member_id,) in all_of_them)}


def bring(
    *, member_id: UUID, wallet_type: str, points: int, program: Program, source: str, actor: str, at: datetime
) -> list[Transferred]:
    """
    Bring what a member lacks for so many points of a kind; to be noted with their hold by `note()`.

    :raises members.transfers.TransferNotAllowed: if these points cannot be passed on
    :raises members.ledger.operations.InsufficientPoints: if all together have fewer
    """
    return households.draw(
        member_id=member_id,
        kind=terms.of(program).wallet_types[wallet_type],
        points=points,
        program=program,
        source=source,
        actor=actor,
        at=at,
    )


def note(hold_id: UUID, brought: Iterable[Transferred], *, program: Program) -> int:
    """Remember what a hold's points were brought by; how many they are."""
    rows = [BroughtPoints(program=program, hold_id=hold_id, transfer_id=one.id) for one in brought]
    BroughtPoints.objects.bulk_create(rows)
    return sum(one.arrived for one in brought)


def send_back(hold_id: UUID, *, actor: str, at: datetime) -> None:
    """Undo what was brought for a hold whose points are free again, as far as it is still there."""
    rows = BroughtPoints.objects.filter(hold=hold_id).select_related("transfer").order_by("pk")
    for row in rows:
        # What has expired meanwhile, and what a merge has moved on, is nobody's to give back.
        with suppress(NothingIsLeft, MemberIsMerged):
            undo(row.transfer, actor=actor, at=at)
