"""How well the outside world is told of events: queues of webhooks, and how far consumers have read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Min, Subquery
from django.db.models.functions import Coalesce

from integrations.models import Consumer, Delivery, DeliveryStatus, WebhookEndpoint
from loyalty.core import db
from loyalty.core.models import Event, Program


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """An endpoint, what waits for it and since when."""

    endpoint: WebhookEndpoint
    waiting: int
    oldest_at: datetime | None

    @property
    def state(self) -> str:
        if not self.endpoint.is_enabled:
            return "off"
        return "failing" if self.endpoint.failing_since else "working"


@dataclass(frozen=True, slots=True)
class ConsumerLag:
    """A reader of the event log, and by how many events it is behind."""

    key: str
    behind: int
    moved_at: datetime


def endpoints(program: Program) -> list[EndpointHealth]:
    """The program's endpoints; the counts read waiting deliveries alone."""
    found = list(
        WebhookEndpoint.objects.filter(partner__program=program)
        .select_related("partner")
        .order_by("partner__name", "pk")
    )
    waiting = Delivery.objects.filter(endpoint__in=found, status=DeliveryStatus.PENDING).values("endpoint")
    queues: dict[Any, Any] = {
        row["endpoint"]: row
        for row in waiting.annotate(count=Count("pk"), oldest=Min("created_at")).order_by()
    }
    return [
        EndpointHealth(
            endpoint=endpoint,
            waiting=queues.get(endpoint.pk, {}).get("count", 0),
            oldest_at=queues.get(endpoint.pk, {}).get("oldest"),
        )
        for endpoint in found
    ]


def consumers() -> list[ConsumerLag]:
    """Every reader of the log. They are the installation's, not a program's."""
    newest = Event.objects.order_by("-number").values("number")[:1]
    readers = Consumer.objects.annotate(newest=Coalesce(Subquery(newest), 0)).order_by("key")
    return [
        ConsumerLag(key=reader.key, behind=max(0, reader.newest - reader.cursor), moved_at=reader.moved_at)
        for reader in readers
    ]


_DELAYS: Final = """
SELECT coalesce(extract(epoch FROM $3 - (
        SELECT min(waiting.next_attempt_at) FROM integrations_webhookendpoint AS endpoint
        CROSS JOIN LATERAL (
            SELECT next_attempt_at FROM integrations_delivery
            WHERE endpoint_id = endpoint.id AND status = 'pending' ORDER BY next_attempt_at LIMIT 1
        ) AS waiting
        WHERE endpoint.partner_id = $2 AND endpoint.is_enabled)), 0)::float,
    coalesce(extract(epoch FROM $3 - (
        SELECT recorded_at FROM core_event
        WHERE program_id = $1
          AND number > coalesce((SELECT sealed_number FROM core_eventhorizon WHERE id = 1), 0)
        ORDER BY number LIMIT 1)), 0)::float
"""


def delays(*, program_id: UUID, partner_id: UUID, at: datetime) -> tuple[int, int]:
    """
    How late we are with a partner's webhooks, and with its program's events in the feed: in seconds.

    A webhook that the partner does not take is late by its own doing only from its next attempt on.
    """
    ((webhooks, feed),) = db.fetch(_DELAYS, [program_id, partner_id, at])
    return max(0, int(webhooks)), max(0, int(feed))
