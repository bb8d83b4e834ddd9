import structlog
from celery import shared_task

from loyalty.core import clock
from loyalty.core.models import Program
from members import expiry, holds

log = structlog.get_logger(__name__)


@shared_task
def expire_points() -> None:
    """Expire what is due in every program, by its own clock."""
    for program in Program.objects.order_by("key"):
        chunks = list(expiry.run(program, at=clock.now(program)))
        if chunks:
            log.info(
                "points_expired",
                program=program.key,
                members=sum(chunk.members for chunk in chunks),
                points=sum(chunk.points for chunk in chunks),
            )


@shared_task
def expire_holds() -> None:
    """Give the points of overdue holds free in every program, by its own clock."""
    for program in Program.objects.order_by("key"):
        if ended := sum(holds.expire_overdue(program, at=clock.now(program))):
            log.info("holds_expired", program=program.key, holds=ended)
