"""Changes of what is known about a member."""

from collections.abc import Iterable
from datetime import datetime

from loyalty.core.models import Event
from members.ledger import store
from members.models import Member


def tell_changed(member: Member, *, fields: Iterable[str], actor: str, at: datetime) -> None:
    """
    Publish that details of the member changed, in the transaction that changes them.

    The event names the fields and not their contents: events are kept for good, people can be
    forgotten. Holding the wallets keeps the member's events in the order in which they happened.
    """
    store.lock([member.pk])
    Event.objects.create(
        program=member.program,
        member_id=member.pk,
        type="member.updated",
        data={"fields": sorted(set(fields)), "actor": actor},
        occurred_at=at,
    )
