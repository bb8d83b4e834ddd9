from datetime import datetime
from uuid import UUID

import structlog
from celery import shared_task

from loyalty.core.models import Program
from loyalty.core.rounds import each_program
from members.models import CheckStatus, LedgerCheck
from rewards import checking, occasion_days, referrals, waiting

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
def go_through_days() -> None:
    """Book what the days brought, up to each program's today, and settle referrals."""
    each_program(_go_through_days)


def _go_through_days(program: Program, at: datetime) -> None:
    if booked := occasion_days.go_through(program, at=at):
        log.info("days_gone_through", program=program.key, occasions=booked)
    if counted := referrals.settle(program, at=at):
        log.info("referrals_counted", program=program.key, referrals=counted)
