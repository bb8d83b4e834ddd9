"""
Points of a household that are reserved for one of its members: brought together, and sent back.

Note [Brought points]
~~~~~~~~~~~~~~~~~~~~~
What a member lacks for a hold comes from the others by transfers, as when a reward is bought at once.
The hold remembers them: if it comes to nothing, each is undone, and the points are back in the lots that
they came from, with their dates. If it is settled, they are spent; what is not spent of them goes back,
and so does what was spent when all that it had paid for is given up. Who was merged into another member
meanwhile, or has left, is treated as by any undo of a transfer.

Whoever begins or ends such a reservation holds the wallets of all concerned from the start, by `lock()`,
as wallets are held in the order of their ids: see Note [The lock] in `members.ledger.store`.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.db.models import QuerySet
from msgspec import Meta

from loyalty.core.db import Batch
from loyalty.core.ids import new_id
from members.ledger import store
from members.models import BroughtPoints, HouseholdMember
from members.references import MemberIsMerged
from members.transfers import NothingIsLeft, Transferred, TransferWasUndone, undo

FromHousehold = Annotated[
    bool, Meta(description="Let the others of the member's household add the points that are missing")
]


def lock(member_ids: Iterable[UUID]) -> None:
    """Hold the wallets of members, of their households, and of whose points they have reserved."""
    store.lock(concerned(member_ids))


def concerned(member_ids: Iterable[UUID]) -> set[UUID]:
    """These members, their households, and whose points they have reserved."""
    ids = set(member_ids)
    mates = HouseholdMember.objects.filter(
        household__in=HouseholdMember.objects.filter(member__in=ids).values("household")
    )
    all_of_them = mates.values_list("member_id").union(_givers(ids))
    return {*ids, *(member_id for (member_id,) in all_of_them)}


def with_givers(member_ids: Iterable[UUID]) -> set[UUID]:
    """These members, and those who have added to what one of them reserves or has reserved."""
    ids = set(member_ids)
    return {*ids, *(member_id for (member_id,) in _givers(ids).distinct())}


def _givers(ids: Collection[UUID]) -> QuerySet[BroughtPoints, tuple[UUID]]:
    return BroughtPoints.objects.filter(hold__member__in=ids).values_list("transfer__sender_id")


def add_to(batch: Batch, hold_id: UUID, brought: Iterable[Transferred], *, program_id: UUID) -> None:
    """Remember what a hold's points were brought by."""
    rows = [(new_id(), program_id, hold_id, one.id) for one in brought]
    batch.insert(BroughtPoints, ("id", "program", "hold", "transfer"), rows)


def send_back(hold_id: UUID, *, actor: str, at: datetime) -> None:
    """
    Undo what was brought for a hold whose points are free again, as far as it is still there.

    The wallets of the hold's member and of `with_givers()` are held.
    """
    rows = BroughtPoints.objects.filter(hold=hold_id).select_related("transfer").order_by("pk")
    for row in rows:
        # What has expired meanwhile, and what a merge has moved on, is nobody's to give back.
        with suppress(NothingIsLeft, MemberIsMerged, TransferWasUndone):
            undo(row.transfer, actor=actor, at=at)
