"""
The event log: what happened, written in the commit of the change, read by consumers in order.

Note [Event cursor]
~~~~~~~~~~~~~~~~~~~
Numbers of events are handed out before their transactions commit, so an event with a lower number
can become visible after one with a higher number. A reader that only remembers the highest number
it has seen would step over the late one and never see it.

So events are read only up to a sealed number, below which nothing can appear any more:

1. `next_event_number()` fixes the transaction's id before it takes a number. Whoever has a number
   has an older transaction id than anyone who looks at the log afterwards.
2. The sealer notes a barrier: the highest visible number, and the id of its own transaction. All
   numbers up to the barrier are taken by now, by transactions with lower ids than the sealer's.
3. Once every transaction below that id has ended (`pg_snapshot_xmin`), each number up to the
   barrier is either visible or never will be. The barrier becomes the seal, and the next one is set.

A long transaction thus delays readers, and never makes them miss anything. Ordering by transaction
id instead, as is often done, would not keep a member's events in order: a transaction that took its
id early and its lock late would sort before what it waited for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from loyalty.core.db import Batch
from loyalty.core.models import Event, EventHorizon

TYPES: Final = (
    "member.registered",
    "member.updated",
    "member.blocked",
    "member.unblocked",
    "member.erased",
    "consent.granted",
    "consent.withdrawn",
    "points.earned",
    "points.unlocked",
    "points.held",
    "points.released",
    "points.spent",
    "points.expiring",
    "points.expired",
    "points.reversed",
    "points.restored",
    "points.adjusted",
    "points.transferred",
    "points.received",
    "points.merged",
    "member.merged",
    "member.unmerged",
    "tier.upgraded",
    "tier.downgraded",
    "sale.returned",
    "sale.cancelled",
    "sale.corrected",
    "segment.entered",
    "segment.left",
    "reward.redeemed",
    "redemption.held",
    "redemption.fulfilled",
    "redemption.cancelled",
    "redemption.expired",
    "redemption.returned",
    "voucher.issued",
    "checkout.confirmed",
    "checkout.abandoned",
    "checkout.expired",
    "voucher.used",
    "voucher.rolled_back",
    "voucher.voided",
    "reward.codes_low",
    "member.birthday",
    "member.anniversary",
    "referral.qualified",
    "badge.earned",
    "challenge.progressed",
    "challenge.completed",
    "draw.won",
    "campaign.signal",
    "campaign.started",
    "campaign.ended",
    "budget.warning",
    "budget.exhausted",
)

# Sealers take turns, by a lock that gives them no transaction id: a sealer that waited inside the
# second statement would judge the barrier of the one before it by a snapshot from before that barrier.
_TAKE_TURN = "SELECT pg_advisory_xact_lock('core_eventhorizon'::regclass::bigint)"

# One statement, so that its snapshot is older than its own transaction id. A barrier from the future
# has come with a copy of another database, whose transactions are not running here.
_SEAL = """
UPDATE core_eventhorizon AS horizon SET
    sealed_number = CASE WHEN oldest >= barrier_transaction THEN barrier_number ELSE sealed_number END,
    barrier_number = CASE WHEN oldest >= barrier_transaction OR barrier_transaction >= coming
                     THEN greatest(newest, barrier_number) ELSE barrier_number END,
    barrier_transaction = CASE WHEN oldest >= barrier_transaction OR barrier_transaction >= coming
                          THEN pg_current_xact_id()::text::bigint ELSE barrier_transaction END
FROM (SELECT coalesce(max(number), 0) AS newest,
             pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest,
             pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS coming FROM core_event) AS log
WHERE horizon.id = 1 AND newest > sealed_number
RETURNING horizon.sealed_number
"""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that a plan will publish; its number is given when it is written."""

    type: str
    program_id: UUID
    member_id: UUID | None
    occurred_at: datetime
    recorded_at: datetime
    data: dict[str, Any] = field(default_factory=dict)


def add_to(batch: Batch, events: Iterable[NewEvent]) -> None:
    """Have events published by the statement that makes the change."""
    batch.insert(
        Event,
        ("program", "member_id", "type", "data", "occurred_at", "recorded_at"),
        [(e.program_id, e.member_id, e.type, e.data, e.occurred_at, e.recorded_at) for e in events],
    )


def publish(told: Iterable[NewEvent]) -> None:
    """Publish events by themselves, in the transaction of the change."""
    batch = Batch()
    add_to(batch, told)
    batch.write()


def seal() -> int:
    """
    Move the seal as far as it can go now, and say how far that is.

    Two calls in a row seal everything that was committed before the first, as long as no other
    transaction is running.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_TAKE_TURN)
        cursor.execute(_SEAL)
        moved = cursor.fetchone()
        if moved is None:  # all that can be seen is sealed, or nothing ever was
            horizon, _ = EventHorizon.objects.get_or_create(pk=1)
            return horizon.sealed_number
        return int(moved[0])
