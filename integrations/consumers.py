"""Readers of the event log: each has its own cursor, and none waits for another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db import connection, transaction

from integrations.models import Consumer
from loyalty.core import events
from loyalty.core.models import Event
from loyalty.core.models.event import EventQuerySet

AT_ONCE: Final = 1_000

_END_OF_SPAN = """
SELECT max(number), count(*) FROM (
    SELECT number FROM core_event
    WHERE number > %s AND number <= (SELECT sealed_number FROM core_eventhorizon WHERE id = 1)
    ORDER BY number LIMIT %s) AS span
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Events that a consumer deals with together: `count` of them, all sealed, none of them seen before."""

    after: int
    until: int
    count: int

    def events(self) -> EventQuerySet:
        found: EventQuerySet = Event.objects.filter(number__gt=self.after, number__lte=self.until)
        return found.order_by("number")


def read(key: str, handle: Callable[[Span], object], *, limit: int = AT_ONCE) -> int:
    """
    Have a consumer deal with its next events; its cursor moves in the same transaction.

    If the handler raises, nothing has moved. Two workers never run one consumer at a time.

    :returns: how many events; 0 if there are none, or another worker is busy with them
    """
    with transaction.atomic():
        consumer = _claim(key)
        span = consumer and _next_span(consumer, limit)
        if not consumer or not span:
            return 0
        handle(span)
        consumer.cursor = span.until
        consumer.save(update_fields=["cursor", "moved_at"])
    return span.count


def catch_up(key: str, handle: Callable[[Span], object], *, limit: int = AT_ONCE) -> int:
    """
    Seal what has been committed, and deal with all of it, `limit` events a transaction.

    :returns: how many events
    """
    events.seal()
    events.seal()
    total = 0
    while count := read(key, handle, limit=limit):
        total += count
        if count < limit:
            break
    return total


def _claim(key: str) -> Consumer | None:
    claimable = Consumer.objects.select_for_update(skip_locked=True).filter(pk=key)
    if consumer := claimable.first():
        return consumer
    if Consumer.objects.filter(pk=key).exists():
        return None
    Consumer.objects.bulk_create([Consumer(key=key)], ignore_conflicts=True)
    return claimable.first()


def _next_span(consumer: Consumer, limit: int) -> Span | None:
    with connection.cursor() as cursor:
        cursor.execute(_END_OF_SPAN, [consumer.cursor, limit])
        until, count = cursor.fetchone()
    return Span(after=consumer.cursor, until=until, count=count) if count else None
