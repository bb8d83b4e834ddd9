import structlog
from celery import shared_task

from loyalty.core import clock
from loyalty.core.models import Program
from members import expiry, expiry_undo, holds, pending, warnings
from members.models import ExpiryRun, RunStatus

log = structlog.get_logger(__name__)


@shared_task
def expire_points() -> None:
    """Expire what is due in every program, by its own clock."""
    for program in Program.objects.order_by("key"):
        members = points = 0
        for chunk in expiry.run(program, at=clock.now(program)):
            members, points = members + chunk.members, points + chunk.points
        if members:
            log.info("points_expired", program=program.key, members=members, points=points)


@shared_task
def expire_holds() -> None:
    """Give the points of overdue holds free in every program, by its own clock."""
    for program in Program.objects.order_by("key"):
        if ended := sum(holds.expire_overdue(program, at=clock.now(program))):
            log.info("holds_expired", program=program.key, holds=ended)


@shared_task
def undo_expiry_runs() -> None:
    """Give back the points of the runs that staff have decided to undo."""
    undoing = ExpiryRun.objects.filter(status=RunStatus.UNDOING).select_related("program")
    for run in undoing.order_by("undone_at", "pk"):
        points = sum(expiry_undo.proceed(run.pk, at=clock.now(run.program)))
        log.info("expiry_run_undone", program=run.program.key, run=str(run.pk), points=points)


@shared_task
def move_pending_points() -> None:
    """Make available what has waited long enough, and cancel what waited in vain."""
    for program in Program.objects.order_by("key"):
        at = clock.now(program)
        unlocked = sum(swept.points for swept in pending.make_available(program, at=at))
        cancelled = sum(swept.points for swept in pending.cancel_overdue(program, at=at))
        if unlocked or cancelled:
            log.info("pending_moved", program=program.key, unlocked=unlocked, cancelled=cancelled)


@shared_task
def warn_of_expiry() -> None:
    """Tell members whose points will go soon."""
    for program in Program.objects.order_by("key"):
        if warned := sum(warnings.warn(program, at=clock.now(program))):
            log.info("warned_of_expiry", program=program.key, warnings=warned)
