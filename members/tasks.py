from datetime import datetime

import structlog
from celery import shared_task

from loyalty.core import clock
from loyalty.core.models import Program
from loyalty.core.rounds import each_program
from members import expiry, expiry_undo, holds, pending, warnings
from members.models import ExpiryRun, RunStatus

log = structlog.get_logger(__name__)


@shared_task
def expire_points() -> None:
    """Expire what is due in every program, by its own clock."""
    each_program(_expire_points)


def _expire_points(program: Program, at: datetime) -> None:
    members = points = 0
    for chunk in expiry.run(program, at=at):
        members, points = members + chunk.members, points + chunk.points
    if members:
        log.info("points_expired", program=program.key, members=members, points=points)


@shared_task
def expire_holds() -> None:
    """Give the points of overdue holds free in every program, by its own clock."""
    each_program(_expire_holds)


def _expire_holds(program: Program, at: datetime) -> None:
    if ended := sum(holds.expire_overdue(program, at=at)):
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
    each_program(_move_pending_points)


def _move_pending_points(program: Program, at: datetime) -> None:
    unlocked = sum(swept.points for swept in pending.make_available(program, at=at))
    cancelled = sum(swept.points for swept in pending.cancel_overdue(program, at=at))
    if unlocked or cancelled:
        log.info("pending_moved", program=program.key, unlocked=unlocked, cancelled=cancelled)


@shared_task
def warn_of_expiry() -> None:
    """Tell members whose points will go soon."""
    each_program(_warn_of_expiry)


def _warn_of_expiry(program: Program, at: datetime) -> None:
    if warned := sum(warnings.warn(program, at=at)):
        log.info("warned_of_expiry", program=program.key, warnings=warned)
