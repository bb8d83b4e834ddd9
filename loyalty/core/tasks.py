from datetime import timedelta
from typing import Any

from celery import shared_task, signals
from django.utils import timezone

from loyalty.core import health
from loyalty.core.models import IdempotencyRecord

IDEMPOTENCY_KEPT_FOR = timedelta(days=31)


@shared_task
def beat() -> None:
    """A worker took a task from the queue: it is alive."""
    health.report_alive("worker")


@signals.worker_ready.connect
def _worker_is_ready(**_: Any) -> None:
    health.report_alive("worker")


@signals.worker_shutting_down.connect
def _worker_stops(**_: Any) -> None:
    health.report_gone("worker")


@shared_task
def prune_idempotency_records() -> int:
    """Forget stored answers after 31 days; the activities' own uniqueness outlives them."""
    deleted, _ = IdempotencyRecord.objects.filter(
        created_at__lt=timezone.now() - IDEMPOTENCY_KEPT_FOR
    ).delete()
    return deleted
