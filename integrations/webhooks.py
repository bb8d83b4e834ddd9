"""Who is told of what: endpoints, and the queue of deliveries that each of them has."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from integrations import consumers, http, secrets, signing
from integrations.models import (
    Consumer,
    Delivery,
    DeliveryStatus,
    DisabledBecause,
    Partner,
    WebhookEndpoint,
)
from loyalty.core import events
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import Event

CONSUMER: Final = "webhooks"

log = structlog.get_logger()

# Ids are UUIDv7 (RFC 9562), put together from the moment and a random UUIDv4, so that indexes grow
# at their end; PostgreSQL has a function for it only from version 18 on.
_QUEUE = """
INSERT INTO integrations_delivery
    (id, endpoint_id, event_number, status, attempt_count, next_attempt_at, created_at)
SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
            || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
       endpoint.id, event.number, 'pending', 0, %(at)s, %(at)s
FROM core_event AS event
JOIN integrations_partner AS partner ON partner.program_id = event.program_id AND partner.is_active
JOIN integrations_webhookendpoint AS endpoint ON endpoint.partner_id = partner.id
WHERE event.number > %(after)s AND event.number <= %(until)s AND event.number > endpoint.queued_until
  AND (cardinality(endpoint.event_types) = 0 OR event.type = ANY(endpoint.event_types))
  AND {which}
ORDER BY event.number
ON CONFLICT (endpoint_id, event_number) DO NOTHING
"""
_QUEUE_FOR_ALL = _QUEUE.format(which="endpoint.is_enabled")
_QUEUE_FOR_ONE = _QUEUE.format(which="endpoint.id = %(endpoint)s")


class EndpointDisabled(DomainError):
    """Nothing is sent to a disabled endpoint."""

    code: ClassVar[str] = "endpoint_disabled"
    title: ClassVar[str] = "The webhook endpoint is disabled"


def subscribe(partner: Partner, *, url: str, event_types: Sequence[str] = ()) -> tuple[WebhookEndpoint, str]:
    """
    Tell an address of what happens in the partner's program from now on.

    :param event_types: names from `events.TYPES`; none of them means all
    :returns: the endpoint, and its signing secret, which is shown this once
    :raises AddressRefused: if we would not send there, see Note [Outside addresses]
    :raises InvalidInput: for a type of event that does not exist
    """
    _refuse_unknown(event_types)
    http.check(url)
    secret = signing.new_secret()
    endpoint = WebhookEndpoint.objects.create(
        partner=partner,
        url=url,
        event_types=sorted(set(event_types)),
        secret=secrets.encrypt(secret),
        queued_until=Event.objects.aggregate(newest=Max("number"))["newest"] or 0,
    )
    return endpoint, secret


def _refuse_unknown(event_types: Sequence[str]) -> None:
    for position, name in enumerate(event_types):
        if name not in events.TYPES:
            raise InvalidInput(_("There are no events “%s”.") % name, pointer=f"#/event_types/{position}")


def queue_new(*, at: datetime) -> int:
    """
    Turn all events that are new into deliveries.

    :returns: how many events
    """
    return consumers.catch_up(CONSUMER, lambda span: _queue(span, at=at))


def _queue(span: consumers.Span, *, at: datetime) -> int:
    return _insert(_QUEUE_FOR_ALL, after=span.after, until=span.until, at=at)


def _insert(sql: str, **parameters: int | datetime | UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def resend(delivery: Delivery, *, at: datetime) -> None:
    """
    Send a delivery again, whatever became of it, with the same id and a new round of attempts.

    :raises EndpointDisabled: it would never be sent
    """
    _refuse_disabled(delivery.endpoint)
    Delivery.objects.filter(pk=delivery.pk).update(**_again(at))


def resend_dead(endpoint: WebhookEndpoint, *, at: datetime) -> int:
    """
    Send again what was given up.

    :returns: how many deliveries
    :raises EndpointDisabled: they would never be sent
    """
    _refuse_disabled(endpoint)
    return endpoint.deliveries.filter(status=DeliveryStatus.DEAD).update(**_again(at))


def _refuse_disabled(endpoint: WebhookEndpoint) -> None:
    if not endpoint.is_enabled:
        raise EndpointDisabled(_("Enable the endpoint first; that also sends what it has missed."))


def _again(at: datetime) -> dict[str, object]:
    return {
        "status": DeliveryStatus.PENDING,
        "attempt_count": 0,
        "next_attempt_at": at,
        "delivered_at": None,
    }


def disable(endpoints: Iterable[UUID], *, because: DisabledBecause, at: datetime) -> int:
    """
    Stop sending to endpoints. What is waiting stays, and what happens meanwhile can be caught up with.

    :returns: how many were enabled until now
    """
    cursor = Consumer.objects.filter(pk=CONSUMER).values_list("cursor", flat=True).first()
    with transaction.atomic():
        stopped = list(
            WebhookEndpoint.objects.select_for_update().filter(pk__in=list(endpoints), is_enabled=True)
        )
        for endpoint in stopped:
            endpoint.is_enabled = False
            endpoint.disabled_at = at
            endpoint.disabled_because = because
            endpoint.queued_until = max(endpoint.queued_until, cursor or 0)
        WebhookEndpoint.objects.bulk_update(
            stopped, ["is_enabled", "disabled_at", "disabled_because", "queued_until"]
        )
    note = log.info if because == DisabledBecause.BY_HAND else log.warning
    for endpoint in stopped:
        note("webhook endpoint disabled", endpoint=str(endpoint.pk), because=because.value)
    return len(stopped)


def enable(endpoint: WebhookEndpoint, *, at: datetime) -> int:
    """
    Send to an endpoint again: what waits, what was given up since it began to fail, and what it missed.

    :returns: how many events it missed while it was disabled
    """
    with transaction.atomic():
        # While we hold the consumer, nobody queues events: each is queued by us, or later by it.
        Consumer.objects.bulk_create([Consumer(key=CONSUMER)], ignore_conflicts=True)
        consumer = Consumer.objects.select_for_update().get(pk=CONSUMER)
        endpoint = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        if endpoint.is_enabled:
            return 0
        _revive(endpoint, at=at)
        missed = _queue_missed(endpoint, until=consumer.cursor, at=at)
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
            is_enabled=True, disabled_at=None, disabled_because="", failing_since=None, resumes_at=None
        )
    return missed


def _revive(endpoint: WebhookEndpoint, *, at: datetime) -> None:
    endpoint.deliveries.filter(status=DeliveryStatus.PENDING).update(**_again(at))
    if endpoint.failing_since:
        given_up = endpoint.deliveries.filter(status=DeliveryStatus.DEAD)
        given_up.filter(attempts__attempted_at__gte=endpoint.failing_since).update(**_again(at))


def _queue_missed(endpoint: WebhookEndpoint, *, until: int, at: datetime) -> int:
    if endpoint.disabled_at is None:
        return 0
    after = endpoint.queued_until
    return _insert(_QUEUE_FOR_ONE, endpoint=endpoint.pk, after=after, until=until, at=at)
