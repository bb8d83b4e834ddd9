"""Changes of what is known about a member."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from loyalty.core.models import Event
from members.ledger import store
from members.models import Identifier, Member


def tell_changed(
    member: Member,
    *,
    fields: Iterable[str],
    actor: str,
    at: datetime,
    filled: Iterable[str] = (),
    added: Sequence[Identifier] = (),
) -> None:
    """
    Publish that details of the member changed, in the transaction that changes them.

    `filled` are the fields of which nothing was known before, `added` the identifiers that are new.
    The event names the fields and not their contents: events are kept for good, people can be
    forgotten. Holding the wallets keeps the member's events in the order in which they happened.
    """
    store.lock([member.pk])
    Event.objects.create(
        program=member.program,
        member_id=member.pk,
        type="member.updated",
        data={
            "fields": sorted(set(fields)),
            "filled": sorted(set(filled)),
            "identifiers_added": [{"id": str(one.pk), "kind": one.kind} for one in added],
            "actor": actor,
        },
        occurred_at=at,
    )
