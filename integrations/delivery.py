"""
Deliveries in the database: who may be sent what now, and what came of it.

Note [Lease]
~~~~~~~~~~~~
A worker claims deliveries by moving `next_attempt_at` to the end of its lease, in a transaction that
ends before anything is sent. If the worker dies, its deliveries fall due again by themselves and are
sent once more under the same id. The lease's end also tells claims apart: a worker that comes back
too late with a failure finds another value there and changes nothing; a success always counts.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from integrations import messages, webhooks
from integrations.models import Delivery, DeliveryStatus, DisabledBecause, WebhookEndpoint
from loyalty.core.db import fetch
from loyalty.core.ids import new_id
from members import warnings

LEASE: Final = timedelta(seconds=60)
DISABLED_AFTER: Final = timedelta(days=5)
KEPT_FOR: Final = {DeliveryStatus.DELIVERED: timedelta(days=30), DeliveryStatus.DEAD: timedelta(days=90)}

# How long to wait after the first failed attempt, the second, and so on: the example schedule of
# Standard Webhooks. After the last one the delivery is dead.
WAITS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER: Final = 0.1

_CLAIM = """
WITH due AS (
    SELECT waiting.id, endpoint.url, endpoint.secret, endpoint.failing_since
    FROM integrations_webhookendpoint AS endpoint
    JOIN integrations_partner AS partner ON partner.id = endpoint.partner_id AND partner.is_active
    LEFT JOIN unnest($1::uuid[], $2::integer[]) AS lane(id, room) ON lane.id = endpoint.id
    CROSS JOIN LATERAL (
        SELECT id FROM integrations_delivery
        WHERE endpoint_id = endpoint.id AND status = 'pending' AND next_attempt_at <= $3
        ORDER BY next_attempt_at, event_number
        LIMIT coalesce(lane.room, CASE WHEN endpoint.failing_since IS NULL THEN $4::integer ELSE $5 END)
        FOR UPDATE SKIP LOCKED
    ) AS waiting
    WHERE endpoint.is_enabled AND (endpoint.resumes_at IS NULL OR endpoint.resumes_at <= $3)
    LIMIT $7
)
UPDATE integrations_delivery AS delivery SET next_attempt_at = $6
FROM due, core_event AS event
WHERE delivery.id = due.id AND event.number = delivery.event_number
RETURNING delivery.id, delivery.endpoint_id, due.url, due.secret, due.failing_since IS NOT NULL,
    delivery.event_number, delivery.attempt_count, delivery.next_attempt_at, event.type, event.occurred_at,
    (CASE WHEN event.member_id IS NULL THEN '{}' ELSE jsonb_build_object('member_id', event.member_id) END
        || event.data)::text
"""

_RECORD = """
WITH outcome AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::integer[],
                         $6::smallint[], $7::text[], $8::text[], $9::timestamptz[])
    AS outcome(delivery_id, attempt_id, leased_until, attempted_at, duration_ms,
               status_code, error, status, next_attempt_at)
), attempts AS (
    INSERT INTO integrations_deliveryattempt (id, delivery_id, attempted_at, duration_ms, status_code, error)
    SELECT attempt_id, delivery_id, attempted_at, duration_ms, status_code, error FROM outcome
), recovered AS (
    UPDATE integrations_webhookendpoint SET failing_since = NULL
    WHERE id = ANY($10) AND failing_since IS NOT NULL
)
UPDATE integrations_delivery AS delivery SET
    status = outcome.status,
    attempt_count = delivery.attempt_count + 1,
    next_attempt_at = outcome.next_attempt_at,
    delivered_at = CASE WHEN outcome.status = 'delivered' THEN outcome.next_attempt_at END
FROM outcome
WHERE delivery.id = outcome.delivery_id AND delivery.status <> 'delivered'
  AND (outcome.status = 'delivered' OR delivery.next_attempt_at = outcome.leased_until)
"""

_RELEASE = """
UPDATE integrations_delivery AS delivery SET next_attempt_at = $3
FROM unnest($1::uuid[], $2::timestamptz[]) AS claim(id, leased_until)
WHERE delivery.id = claim.id AND delivery.status = 'pending' AND delivery.next_attempt_at = claim.leased_until
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this worker may send until the lease ends. See Note [Lease]."""

    id: UUID
    endpoint_id: UUID
    url: str
    sealed_secret: bytes
    is_failing: bool
    event_number: int
    attempt_count: int
    leased_until: datetime
    event_type: str
    occurred_at: datetime
    data: str

    def body(self) -> bytes:
        """The message as it is sent."""
        return messages.body(
            type=self.event_type, occurred_at=self.occurred_at, number=self.event_number, data=self.data
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt; an empty `error` is success."""

    claimed: Claimed
    attempted_at: datetime
    duration_ms: int
    status_code: int | None = None
    error: str = ""
    is_permanent: bool = False
    retry_after: timedelta | None = None


def claim(
    rooms: Mapping[UUID, int], *, room: int, failing_room: int, limit: int, at: datetime
) -> list[Claimed]:
    """
    Take deliveries that are due, of every endpoint only as many as there is room for.

    :param rooms: by endpoint; other endpoints have `room`, or `failing_room` if they fail at present
    :param limit: of all endpoints together
    :returns: each endpoint's in the order of their events
    """
    endpoints, counts = list(rooms), list(rooms.values())
    rows = fetch(_CLAIM, [endpoints, counts, at, room, failing_room, at + LEASE, limit])
    return sorted((Claimed(*row) for row in rows), key=lambda claimed: claimed.event_number)


def record(outcomes: Sequence[Outcome]) -> None:
    """Store attempts and what follows from them: in one statement, if all is well and nobody was warned."""
    _confirm_warnings(outcomes)
    delivered = {outcome.claimed.endpoint_id for outcome in outcomes if not outcome.error}
    columns = zip(*(_row(outcome) for outcome in outcomes), strict=True)
    fetch(_RECORD, [*(list(column) for column in columns), list(delivered)])
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        _note_failures(failed, delivered)


def _confirm_warnings(outcomes: Sequence[Outcome]) -> None:
    """
    What a receiver has taken of warnings may let points expire.

    Noted before the delivery is: after a crash between the two it is sent once more, and not forgotten.
    """
    taken = [
        outcome.claimed.event_number
        for outcome in outcomes
        if not outcome.error and outcome.claimed.event_type == "points.expiring"
    ]
    if taken:
        warnings.mark_delivered(taken, at=max(outcome.attempted_at for outcome in outcomes))


def _row(outcome: Outcome) -> tuple[Any, ...]:
    status, next_attempt_at = _fate(outcome)
    return (
        outcome.claimed.id,
        new_id(),
        outcome.claimed.leased_until,
        outcome.attempted_at,
        outcome.duration_ms,
        outcome.status_code,
        outcome.error,
        status.value,
        next_attempt_at,
    )


def _fate(outcome: Outcome) -> tuple[DeliveryStatus, datetime]:
    ended_at = outcome.attempted_at + timedelta(milliseconds=outcome.duration_ms)
    if not outcome.error:
        return DeliveryStatus.DELIVERED, ended_at
    wait = wait_after(outcome.claimed.attempt_count + 1)
    if wait is None:
        return DeliveryStatus.DEAD, ended_at
    return DeliveryStatus.PENDING, ended_at + max(wait, outcome.retry_after or timedelta())


def wait_after(attempt_count: int) -> timedelta | None:
    """How long until the next attempt after so many failed ones, with up to a tenth more; None: no more."""
    if attempt_count > len(WAITS):
        return None
    return WAITS[attempt_count - 1] * (1 + random.random() * JITTER)


def _note_failures(failed: Sequence[Outcome], delivered: set[UUID]) -> None:
    at = max(outcome.attempted_at for outcome in failed)
    only_failed = {outcome.claimed.endpoint_id for outcome in failed} - delivered
    endpoints = WebhookEndpoint.objects.filter(is_enabled=True)
    endpoints.filter(pk__in=only_failed, failing_since__isnull=True).update(failing_since=at)
    for outcome in failed:
        if outcome.retry_after:
            _pause(endpoints, outcome, outcome.retry_after)
    gone = {outcome.claimed.endpoint_id for outcome in failed if outcome.is_permanent}
    if gone:
        webhooks.disable(gone, because=DisabledBecause.GONE, at=at)
    worn_out = endpoints.filter(pk__in=only_failed, failing_since__lte=at - DISABLED_AFTER)
    if exhausted := set(worn_out.values_list("pk", flat=True)):
        webhooks.disable(exhausted, because=DisabledBecause.FAILING, at=at)


def _pause(endpoints: QuerySet[WebhookEndpoint], outcome: Outcome, wait: timedelta) -> None:
    """The receiver is overloaded as a whole: its other deliveries wait too."""
    resumes_at = outcome.attempted_at + wait
    endpoints.filter(pk=outcome.claimed.endpoint_id).update(resumes_at=resumes_at)


def release(claimed: Sequence[Claimed], *, at: datetime) -> None:
    """Give back what was claimed and not sent, to be sent by whoever comes next."""
    fetch(_RELEASE, [[one.id for one in claimed], [one.leased_until for one in claimed], at])


def prune(*, at: datetime) -> int:
    """
    Forget deliveries and their attempts: delivered ones after 30 days, dead ones after 90.

    :returns: how many deliveries
    """
    pruned = 0
    for status, kept_for in KEPT_FOR.items():
        old = Delivery.objects.filter(status=status, created_at__lt=at - kept_for)
        while batch := list(old.values_list("pk", flat=True)[:1_000]):
            Delivery.objects.filter(pk__in=batch, status=status).delete()
            pruned += len(batch)
    return pruned
