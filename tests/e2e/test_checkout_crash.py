"""
The web server, or a worker, is killed in the middle of a checkout: nothing is held by nobody.

A table is locked, so that the call gets as far as its first write there and no further, whatever the
machine is busy with. Then the process is killed, and the table is free again.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, NamedTuple

import httpx
import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from loyalty.core.api.auth import SCOPES
from members.ledger import verify
from members.models import Wallet, WalletType
from rewards import tasks
from rewards.checkouts.contents import PointsWanted
from rewards.models import Activity, Checkout, Reward, Voucher
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.races import wait_for_locks, wait_until
from tests.rewards.checkouts.conftest import reward
from tests.rewards.checkouts.test_api import paid, using, wanted
from tests.servers import Server, database_url, running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


class State(NamedTuple):
    """What there is of a member's points, of a voucher and a piece that are wanted, and of what happened."""

    available: int
    held: int
    voucher: tuple[int, int]
    """Its uses, and those that are reserved."""
    stock: int
    checkouts: tuple[str, ...]
    activities: int


BEFORE: Final = State(900, 0, (0, 0), 2, (), 1)
OPEN: Final = State(0, 900, (0, 1), 1, ("open",), 1)
PAID: Final = State(8, 0, (1, 0), 1, ("confirmed",), 2)
CANCELLED: Final = State(900, 0, (0, 0), 2, ("confirmed",), 3)
LEFT: Final = State(900, 0, (0, 0), 2, ("abandoned",), 1)
OVERDUE: Final = State(900, 0, (0, 0), 2, ("expired",), 1)


def state() -> State:
    wallet, coffee = Wallet.objects.get(), Reward.objects.get(key="coffee")
    # The basket's coffee gives a voucher of its own.
    voucher = Voucher.objects.get(redemption__reward__key="one-off")
    assert coffee.stock is not None
    return State(
        wallet.available,
        wallet.held,
        (voucher.uses, voucher.reserved),
        coffee.stock,
        tuple(Checkout.objects.values_list("status", flat=True)),
        Activity.objects.count(),
    )


@pytest.fixture
def counter(shop: Shop, points: WalletType, ada) -> Shop:
    """Ada has 900 points and a voucher; rewards are there to be taken off, and two coffees."""
    WalletType.objects.update(checkout_points=100, checkout_amount="1.00")
    shop.program.refresh_from_db()
    shop = replace(shop, at=timezone.now())
    shop.sells("receipt-1", "1000.00")
    reward(shop, "five-off", 500, discount_kind="amount", discount_amount=5)
    reward(shop, "one-off", 100, discount_kind="amount", discount_amount=1)
    reward(shop, "coffee", 200, stock=2)
    shop.redeems("one-off")
    return shop


class Caller:
    """A shop's server, which sends each call with its own key, and again after a crash."""

    def __init__(self, server: Server, shop: Shop) -> None:
        self.server = server
        partner = factories.PartnerFactory.create(program=shop.program, key="till")
        self.key = PartnerClient.of(partner, scopes=SCOPES).key

    def send(self, path: str, body: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": path}
        return httpx.post(f"{self.server.url}/v1/{path}", json=body, headers=headers, timeout=60)

    def is_lost(self, path: str, body: dict[str, Any]) -> bool:
        """Send it until there is another answer than to come again, or none."""
        try:
            while (answer := self.send(path, body)).status_code == 503:
                pass
        except httpx.HTTPError:
            return True
        assert answer.is_success, answer.text
        return False

    def is_killed_at(self, table: str, path: str, body: dict[str, Any]) -> None:
        """The server, when the call first writes there: nothing is there but what was there before."""
        before = state()
        with ThreadPoolExecutor(1) as pool, killed_at(table, self.server.kill):
            call = pool.submit(self.is_lost, path, body)
        assert call.result()
        assert state() == before
        self.server.start()

    def is_killed_after(self, path: str, body: dict[str, Any], then: State) -> None:
        """The server, when it has done what is asked, whether or not it could still say so."""
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self.is_lost, path, body)
            wait_until(lambda: state() == then)
            self.server.kill()
        self.server.start()

    def repeats(self, path: str, body: dict[str, Any], then: State) -> dict[str, Any]:
        """The call has its effect once, and one answer."""
        first, second = self.send(path, body), self.send(path, body)
        assert first.is_success, first.text
        assert second.headers["Idempotent-Replayed"] == "true"
        assert (second.status_code, second.json()) == (first.status_code, first.json())
        assert state() == then
        assert list(verify.run()) == []
        told: dict[str, Any] = first.json()
        return told


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Whoever wants to write there waits; reading goes on."""
    with psycopg.connect(database_url()) as other:
        other.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        yield


@contextmanager
def killed_at(table: str, kill: Callable[[], None]) -> Iterator[None]:
    """What the block starts is killed when it wants to write there, and the database has noticed that."""
    with locked(table):
        yield
        wait_for_locks(1)
        ended = sessions()
        kill()
    wait_until(lambda: not ended & sessions())


def sessions() -> set[int]:
    """Of other processes: PostgreSQL ends what one is at before it hears that nobody listens any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'"
            " UNION SELECT pid FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return {pid for (pid,) in cursor.fetchall()}


def basket() -> dict[str, Any]:
    """What makes it `OPEN`."""
    code = Voucher.objects.get(redemption__reward__key="one-off").code
    return {"rewards": ("five-off", "coffee"), "vouchers": (code,)}


def opened(shop: Shop) -> Checkout:
    points = (PointsWanted(wallet_type="points", points=200),)
    return shop.checks_out("16.00", points=points, **basket())


def test_an_order_is_opened_paid_and_cancelled_once(counter: Shop) -> None:
    assert state() == BEFORE
    with running(database_url()) as server:
        shop, wish = Caller(server, counter), wanted(points=using(200), **basket())

        shop.is_killed_at("members_hold", "checkouts", wish)
        shop.is_killed_after("checkouts", wish, OPEN)
        checkout = shop.repeats("checkouts", wish, OPEN)

        confirm = f"checkouts/{checkout['id']}/confirm"
        shop.is_killed_at("rewards_activity", confirm, paid("8.00"))
        shop.is_killed_after(confirm, paid("8.00"), PAID)
        order = shop.repeats(confirm, paid("8.00"), PAID)

        cancel = f"transactions/{order['transaction']['id']}/cancel"
        shop.is_killed_at("rewards_undoing", cancel, {})
        shop.repeats(cancel, {}, CANCELLED)


def test_a_checkout_that_is_left_gives_all_back_once(counter: Shop) -> None:
    abandon = f"checkouts/{opened(counter).pk}/abandon"
    with running(database_url()) as server:
        shop = Caller(server, counter)

        shop.is_killed_at("rewards_checkout", abandon, {})
        shop.repeats(abandon, {}, LEFT)


def test_a_worker_that_ends_a_checkout_gives_all_back_once(counter: Shop) -> None:
    checkout = opened(counter)
    Checkout.objects.update(expires_at=checkout.opened_at + timedelta(microseconds=1))

    for table in ("members_hold", "rewards_checkout"):
        with worker() as process, killed_at(table, process.kill):
            pass
        assert state() == OPEN
    tasks.expire_checkouts()
    tasks.expire_checkouts()

    assert state() == OVERDUE
    assert list(verify.run()) == []


def worker() -> subprocess.Popen[bytes]:
    """A worker of the test's database that does the task."""
    program = "import django; django.setup(); from rewards import tasks; tasks.expire_checkouts()"
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "loyalty.settings",
        "SECRET_KEY": settings.SECRET_KEY,
    }
    return subprocess.Popen([sys.executable, "-c", program], env=environment)
