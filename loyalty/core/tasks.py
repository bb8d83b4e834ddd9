from datetime import timedelta
from typing import Any, Final

from celery import shared_task, signals
from django.utils import timezone

from loyalty.core import approvals, clock, health
from loyalty.core.models import IdempotencyRecord, Program

IDEMPOTENCY_KEPT_FOR = timedelta(days=31)
PRUNED_AT_ONCE: Final = 10_000


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
    """
    Forget stored answers after 31 days; the activities' own uniqueness outlives them.

    Each batch is a commit of its own: what is deleted stays so when the task is stopped.
    """
    old = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - IDEMPOTENCY_KEPT_FOR)
    total = 0
    while batch := list(old.order_by("created_at").values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
        IdempotencyRecord.objects.filter(pk__in=batch).delete()
        total += len(batch)
    return total


@shared_task
def expire_approvals() -> int:
    """Close the requests that nobody decided in time, in every program by its own clock."""
    programs = Program.objects.order_by("key")
    return sum(approvals.expire(program, at=clock.now(program)) for program in programs)
