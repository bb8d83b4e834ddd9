from datetime import datetime
from uuid import UUID

import structlog
from celery import shared_task
from django.utils import timezone

from loyalty.core import clock
from loyalty.core.models import Program
from loyalty.core.rounds import each_program
from members.models import CheckStatus, LedgerCheck, Segment
from rewards import checking, known_values, segmenting, waiting

log = structlog.get_logger(__name__)


@shared_task
def check_ledgers() -> None:
    """Check the books of every program, and the rows that belong to none."""
    for program in [*Program.objects.order_by("key"), None]:
        check, is_new = checking.ask(program, actor="system:nightly_check")
        if is_new:
            _to_its_end(check)


@shared_task
def check_ledger(*, check_id: str) -> None:
    """Carry out a check that somebody asked for; one that has begun already is left alone."""
    check = LedgerCheck.objects.filter(pk=UUID(check_id), status=CheckStatus.WAITING).first()
    if check is not None:
        _to_its_end(check)


def _to_its_end(check: LedgerCheck) -> None:
    for _fault in checking.carry_out(check):
        pass


@shared_task
def apply_waiting_returns() -> None:
    """Apply returns whose sales have come meanwhile, in every program, by its own clock."""
    each_program(_apply_waiting_returns)


def _apply_waiting_returns(program: Program, at: datetime) -> None:
    if applied := waiting.sweep(program, at=at):
        log.info("waiting_returns_applied", program=program.key, returns=applied)


@shared_task
def refresh_segments() -> None:
    """Find the members of every segment that is described by conditions, in every program."""
    each_program(_refresh_segments)


def _refresh_segments(program: Program, at: datetime) -> None:
    moved = segmenting.refresh_all(program, at=at)
    if moved.entered or moved.left:
        log.info("segments_refreshed", program=program.key, entered=moved.entered, left=moved.left)


@shared_task
def refresh_segment(*, segment_id: str) -> None:
    """Find the members of one segment: it was saved, or somebody asked."""
    segment = Segment.objects.select_related("program").get(pk=UUID(segment_id))
    segmenting.refresh(segment.pk, at=clock.now(segment.program))


@shared_task
def learn_known_values() -> None:
    """Read new activities for the stores, categories, brands, departments and products that they name."""
    each_program(_learn_known_values)


def _learn_known_values(program: Program, at: datetime) -> None:
    # Ids of activities are made by the real clock, also where a sandbox's own is ahead of it.
    known_values.learn(program, until=timezone.now())
