"""A worker is killed in the middle of a backtest: the next one goes on, and nothing counts twice."""

import os
import signal
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from django.db import connection

from members.models import Member
from rewards.backtests import asking, running
from rewards.backtests.results import Result
from rewards.models import Backtest, BacktestStatus
from rewards.tasks import run_backtest
from tests import factories
from tests.cast import Shop
from tests.e2e.test_expiry_crash import wait_until, worker
from tests.servers import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def is_writing_what_it_found() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND query LIKE '%INTO rewards_backtestmember%'"
        )
        return bool(cursor.fetchone()[0])


def test_a_backtest_goes_on_after_its_worker_was_killed(ada: Member, shop: Shop) -> None:
    queue = f"test-{uuid4().hex}"
    for number in range(5):
        shop.later(hours=number).sells(f"r{number}", "10.00")
    campaign = factories.CampaignFactory.create(program=shop.program, key="fifty")
    fifty = factories.definition({"kind": "fixed_points", "points": 50})
    backtest, _ = asking.ask(campaign, definition=fifty, actor="staff:1")

    with psycopg.connect(database_url()) as holder, worker(queue) as first:
        # Nobody may write rows of members just now, so that the worker stops in the middle of its slice.
        holder.execute("LOCK TABLE rewards_backtestmember IN SHARE MODE")
        run_backtest.apply_async(kwargs={"backtest_id": str(backtest.pk)}, queue=queue)
        wait_until(is_writing_what_it_found)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        holder.rollback()

    backtest.refresh_from_db()
    assert (backtest.status, backtest.done) == (BacktestStatus.RUNNING, 0)
    assert backtest.heard_at is not None
    assert running.abandoned() == []
    # As long after as it takes until a worker counts as lost.
    Backtest.objects.update(heard_at=backtest.heard_at - running.HEARD_OF_WITHIN - timedelta(seconds=1))
    assert running.abandoned() == [backtest.pk]
    with worker(queue):
        run_backtest.apply_async(kwargs={"backtest_id": str(backtest.pk)}, queue=queue)
        wait_until(lambda: Backtest.objects.filter(status=BacktestStatus.DONE).exists())

    backtest.refresh_from_db()
    assert (backtest.done, backtest.total) == (5, 5)
    assert Result(backtest).given.total == 5 * 50
