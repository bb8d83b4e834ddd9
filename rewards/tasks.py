from datetime import datetime
from uuid import UUID

import structlog
from celery import shared_task
from django.utils import timezone

from loyalty.core import clock
from loyalty.core.models import Program
from loyalty.core.rounds import each_program
from members.models import CheckStatus, LedgerCheck, Segment
from rewards import redeeming, segmenting
from rewards.backtests import running
from rewards.books import checking
from rewards.checkouts import ending as checkouts
from rewards.deciding import budgets
from rewards.happenings import occasion_days, referrals
from rewards.journeys import claiming, waiting
from rewards.models import CampaignMeasurement
from rewards.performance import audiences, days, measuring
from rewards.planning import known_values, turns

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
def expire_redemptions() -> None:
    """End reservations of rewards whose time is over, in every program, by its own clock."""
    each_program(_expire_redemptions)


def _expire_redemptions(program: Program, at: datetime) -> None:
    if ended := sum(redeeming.expire_overdue(program, at=at)):
        log.info("redemptions_expired", program=program.key, redemptions=ended)


@shared_task
def expire_checkouts() -> None:
    """Let go what overdue checkouts have reserved in every program, by its own clock."""
    each_program(_expire_checkouts)


def _expire_checkouts(program: Program, at: datetime) -> None:
    if ended := sum(checkouts.expire_overdue(program, at=at)):
        log.info("checkouts_expired", program=program.key, checkouts=ended)


@shared_task
def forget_unclaimed_sales() -> None:
    """Delete sales that nobody can claim any more, in every program."""
    each_program(_forget_unclaimed_sales)


def _forget_unclaimed_sales(program: Program, at: datetime) -> None:
    if forgotten := claiming.forget(program, at=at):
        log.info("unclaimed_sales_forgotten", program=program.key, sales=forgotten)


@shared_task
def count_campaign_days() -> None:
    """Bring what campaigns gave on each day up to what has happened, in every program."""
    each_program(_count_campaign_days)


def _count_campaign_days(program: Program, at: datetime) -> None:
    if counted := days.count(program):
        log.info("campaign_days_counted", program=program.key, days=counted)


@shared_task
def keep_campaign_audiences() -> None:
    """Write down whom campaigns with groups are for, as soon as they begin, in every program."""
    each_program(_keep_campaign_audiences)


def _keep_campaign_audiences(program: Program, at: datetime) -> None:
    audiences.keep(program, at=at)


@shared_task
def measure_campaigns() -> None:
    """Count the results of campaigns whose figures have become old."""
    each_program(_measure_campaigns)


def _measure_campaigns(program: Program, at: datetime) -> None:
    for campaign in measuring.due(program, at=at):
        measuring.measure(campaign, at=at)


@shared_task
def measure_campaign(*, measurement_id: str) -> None:
    """Count the results of a campaign that somebody asked for."""
    measurement = CampaignMeasurement.objects.select_related("campaign__program").get(pk=UUID(measurement_id))
    measuring.carry_out(measurement, at=clock.now(measurement.campaign.program))


@shared_task
def watch_budgets() -> None:
    """Tell of budgets that are nearly or wholly used and of which no sale has told, in every program."""
    each_program(_watch_budgets)


def _watch_budgets(program: Program, at: datetime) -> None:
    if told := budgets.sweep(program, at=at):
        log.info("budgets_told", program=program.key, budgets=told)


@shared_task
def run_backtest(*, backtest_id: str) -> None:
    """Do some seconds of a backtest's work, and have the rest, or the next one, done in turn."""
    backtest = running.claimed(UUID(backtest_id))
    if backtest is None:
        return
    try:
        goes_on = running.go_on(backtest)
    finally:
        following = running.next_of(backtest.program_id)
        if following is not None:
            run_backtest.delay(backtest_id=str(following))
    log.debug("backtest_slice", backtest=backtest_id, goes_on=goes_on)


@shared_task
def pick_up_backtests() -> None:
    """Go on with backtests whose worker was lost, or that nobody has begun."""
    for backtest_id in running.abandoned():
        run_backtest.apply_async(kwargs={"backtest_id": str(backtest_id)}, expires=15)


@shared_task
def turn_campaigns() -> None:
    """Let campaigns start and end whose time has come, in every program, by its own clock."""
    each_program(_turn_campaigns)


def _turn_campaigns(program: Program, at: datetime) -> None:
    if moved := turns.keep(program, at=at):
        log.info("campaigns_turned", program=program.key, campaigns=moved)


@shared_task
def go_through_days() -> None:
    """Book what the days brought, up to each program's today, and settle referrals."""
    each_program(_go_through_days)


def _go_through_days(program: Program, at: datetime) -> None:
    if booked := occasion_days.go_through(program, at=at):
        log.info("days_gone_through", program=program.key, occasions=booked)
    if counted := referrals.settle(program, at=at):
        log.info("referrals_counted", program=program.key, referrals=counted)


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
