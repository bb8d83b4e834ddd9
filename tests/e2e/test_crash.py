"""Tills sell while the web server is killed, again and again: each receipt is there once."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import httpx
import pytest
from django.conf import settings
from django.db import connection

from members.ledger import verify
from members.models import Wallet
from rewards.models import Activity
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.rewards.test_transactions_api import sale

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

TILLS, RECEIPTS, KILLS = 4, 40, 3


def database_url() -> str:
    """The test's own database, for another process."""
    said = connection.settings_dict
    return f"postgres://{said['USER']}:{said['PASSWORD']}@{said['HOST']}:{said['PORT']}/{said['NAME']}"


class Server:
    """Granian with two workers in a process group of its own."""

    def __init__(self, database: str) -> None:
        self.database = database
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", "2", "--no-ws", "loyalty.wsgi:application"]
        env = os.environ | {
            "DATABASE_URL": self.database,
            "REDIS_URL": settings.REDIS_URL,
            "SECRET_KEY": settings.SECRET_KEY,
            "REGULARS_LOCAL": "1",
            "ALLOWED_HOSTS": "127.0.0.1",
            "LOG_LEVEL": "ERROR",
        }
        self.process = subprocess.Popen(
            command, env=env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(database: str) -> Iterator[Server]:
    server = Server(database)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def sell_until_acknowledged(server: Server, key: str, till: int, done: Event) -> int:
    """Send each receipt, with the same key, until there is an answer; returns how many tries were lost."""
    lost = 0
    for number in range(RECEIPTS):
        receipt = f"till-{till}-{number}"
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": receipt}
        while True:
            try:
                answer = httpx.post(
                    f"{server.url}/v1/transactions", json=sale(receipt, "10.00"), headers=headers, timeout=20
                )
            except httpx.HTTPError:
                lost += 1
                time.sleep(0.05)
                continue
            assert answer.status_code == 201, answer.text
            break
        # Spread over the kills.
        done.wait(0.02)
    return lost


def test_each_acknowledged_sale_is_there_once(shop: Shop, ada, ladder) -> None:
    partner = factories.PartnerFactory.create(program=shop.program, key="till")
    key = PartnerClient.of(partner, scopes=["transactions:write"]).key
    done = Event()

    with running(database_url()) as server, ThreadPoolExecutor(TILLS) as pool:
        tills = [pool.submit(sell_until_acknowledged, server, key, till, done) for till in range(TILLS)]
        for _ in range(KILLS):
            time.sleep(0.7)
            server.kill()
            server.start()
        lost = sum(till.result() for till in tills)

    assert lost > 0, "nothing was lost, so nothing was tested"
    assert Activity.objects.count() == TILLS * RECEIPTS
    assert Wallet.objects.get(member=ada).available == TILLS * RECEIPTS * 10
    assert list(verify.run()) == []
