import structlog
from celery import shared_task

from loyalty.core import clock
from loyalty.core.models import Program
from rewards import waiting

log = structlog.get_logger(__name__)


@shared_task
def apply_waiting_returns() -> None:
    """Apply returns whose sales have come meanwhile, in every program, by its own clock."""
    for program in Program.objects.order_by("key"):
        if applied := waiting.sweep(program, at=clock.now(program)):
            log.info("waiting_returns_applied", program=program.key, returns=applied)
