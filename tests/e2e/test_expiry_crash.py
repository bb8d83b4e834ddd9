"""A worker is killed in the middle of an expiry run: the next one ends it, and nobody loses points twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from loyalty.core.models import Event, Program
from members import expiry
from members.enrolment import Enrolment, enrol_many
from members.ledger import verify
from members.models import Entry, ExpiryRun, RunStatus, Wallet, WalletType
from members.references import MemberReference
from members.tasks import expire_points
from rewards.deciding.activities import Sale
from rewards.journeys import earning
from tests.cast import Shop, euros
from tests.servers import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

FIRST, SECOND = expiry.LOTS_AT_A_TIME, 300


@contextmanager
def worker(queue: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker in a process group of its own, on the test's database."""
    env = os.environ | {
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "REGULARS_LOCAL": "1",
    }
    command = [sys.executable, "-m", "celery", "-A", "loyalty.celery", "worker", "--concurrency", "1"]
    process = subprocess.Popen(
        [*command, "--queues", queue, "--without-gossip", "--without-mingle"],
        env=env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)


def members_with_points(program: Program, shop: Shop) -> None:
    """More members than a chunk takes; the first of them have their points a day longer."""
    cards = [f"m{number}" for number in range(FIRST + SECOND)]
    enrol_many(
        [Enrolment(identifiers=[("card", card)], enrolled_at=shop.at) for card in cards],
        program=program, actor="system:test", at=shop.at,
    )  # fmt: skip
    sales = [
        Sale(
            external_id=card,
            occurred_at=shop.at - timedelta(days=1 if number < FIRST else 0),
            member=MemberReference("card", card),
            amount=euros("10.00"),
        )
        for number, card in enumerate(cards)
    ]
    earning.record_many(sales, program=program, source="till", actor="partner:till", at=shop.at)


def is_waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE%'"
        )
        return bool(cursor.fetchone()[0])


def test_a_run_goes_on_after_its_worker_was_killed(points: WalletType, shop: Shop) -> None:
    program, queue = shop.program, f"test-{uuid4().hex}"
    WalletType.objects.update(expiry_rule="days", expires_after=10)
    program.refresh_from_db()
    members_with_points(program, shop)
    late = Wallet.objects.order_by("lots__expires_at", "pk").last()
    assert late is not None

    with psycopg.connect(database_url()) as holder, worker(queue) as first:
        # Somebody is at a wallet of the second chunk, so that the worker stops in the middle of it.
        holder.execute("SELECT FROM members_wallet WHERE id = %s FOR UPDATE", [late.pk])
        expire_points.apply_async(queue=queue)
        wait_until(lambda: ExpiryRun.objects.filter(members=FIRST).exists() and is_waiting_for_a_lock())
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        holder.rollback()

    run = ExpiryRun.objects.get()
    assert (run.status, run.points) == (RunStatus.RUNNING, FIRST * 10)
    assert Wallet.objects.filter(available=10).count() == SECOND
    with worker(queue):
        expire_points.apply_async(queue=queue)
        wait_until(lambda: ExpiryRun.objects.filter(status=RunStatus.DONE).exists())

    run.refresh_from_db()
    assert (run.members, run.lots, run.points) == (FIRST + SECOND, FIRST + SECOND, (FIRST + SECOND) * 10)
    assert Entry.objects.filter(kind="expire").count() == FIRST + SECOND
    assert Event.objects.filter(type="points.expired").count() == FIRST + SECOND
    assert not Wallet.objects.filter(available__gt=0).exists()
    assert list(verify.run()) == []
