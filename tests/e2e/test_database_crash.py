"""PostgreSQL is killed while tills sell, hold, settle and redeem: each of these is there once."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings

from loyalty.local import accounts, postgres
from loyalty.local.bootstrap import ROOT
from loyalty.local.processes import Part, Parts
from tests.servers import running

pytestmark = pytest.mark.slow

TILLS, ROUNDS, KILLS = 3, 16, 3


class Database:
    """A PostgreSQL server of the test's own, which comes back at the same address."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.url = postgres.start(parts)
        self.part = parts.running[-1]

    def kill(self) -> None:
        """All of its processes at once, as when the power goes; and start it again."""
        command = [str(word) for word in self.part.process.args]  # type: ignore[union-attr]  # it is a list
        backends = _backends(self.part)
        for pid in (self.part.process.pid, *backends):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.part.process.wait()
        self.parts.forget(self.part)
        time.sleep(0.5)
        account = accounts.server_account()
        postgres.clear_the_way(Path(command[command.index("-D") + 1]))
        self.part = self.parts.start(
            "postgres",
            command,
            env=postgres.environment(),
            account=account,
            stop_signal=signal.SIGINT,
            patience=60,
            is_server=True,
        )
        postgres.wait_until_ready(self.part, self.url)


def _backends(part: Part) -> list[int]:
    """The server's other processes: each leads a session of its own."""
    shown = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout
    pairs = [line.split() for line in shown.splitlines()]
    return [int(pid) for pid, parent in pairs if parent == str(part.process.pid)]


@contextmanager
def database(home: Path) -> Iterator[Database]:
    with Parts(home) as parts:
        yield Database(parts)


class Till:
    """Sends each call with its key until there is an answer, and counts the tries that were lost."""

    def __init__(self, url: str, key: str, number: int) -> None:
        self.url, self.key, self.number = url, key, number
        self.lost = 0

    def work(self) -> int:
        for round_ in range(ROUNDS):
            name = f"{self.number}-{round_}"
            self.sell(name, "10.00")
            if round_ % 2:
                hold = self.post(
                    "points/holds", f"hold-{name}", {"member": CARD, "wallet_type": "points", "points": 5}
                )
                self.post(f"points/holds/{hold['id']}/settle", f"settle-{name}", {"points": 3})
            if round_ % 4 == 0:
                self.post(
                    "points/holds", f"open-{name}", {"member": CARD, "wallet_type": "points", "points": 4}
                )
            if round_ % 3 == 0:
                self.post("redemptions", f"coffee-{name}", {"member": CARD, "reward": "coffee"})
        return self.lost

    def sell(self, name: str, amount: str) -> None:
        money = {"amount": amount, "currency": "EUR"}
        moment = "2026-06-01T12:00:00+02:00"
        said = {"kind": "sale", "external_id": name, "occurred_at": moment, "member": CARD, "amount": money}
        self.post("transactions", f"sale-{name}", said)

    def post(self, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key}
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                answer = httpx.post(f"{self.url}/v1/{path}", json=body, headers=headers, timeout=20)
            except httpx.HTTPError:
                self.lost += 1
                continue
            if answer.status_code in (200, 201):
                found: dict[str, Any] = answer.json()
                return found
            assert answer.status_code >= 500, answer.text
            self.lost += 1
            time.sleep(0.05)
        raise AssertionError(f"no answer to {key}")


CARD = {"kind": "card", "value": "1001"}


def environment(url: str) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "loyalty.settings",
        "SECRET_KEY": settings.SECRET_KEY,
        "REGULARS_LOCAL": "1",
        "LOG_LEVEL": "ERROR",
    }


def python(url: str, *command: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, *command]
    return subprocess.run(run, cwd=ROOT, env=environment(url), capture_output=True, text=True)


def test_what_was_acknowledged_is_there_once_and_the_books_are_in_order(tmp_path: Path) -> None:
    with database(tmp_path) as server:
        ground = python(server.url, "-m", "tests.e2e.ground")
        assert ground.returncode == 0, ground.stderr
        key = json.loads(ground.stdout.splitlines()[-1])["key"]

        with running(server.url) as web, ThreadPoolExecutor(TILLS) as pool:
            Till(web.url, key, 99).sell("first", "1000.00")
            tills = [pool.submit(Till(web.url, key, number).work) for number in range(TILLS)]
            for _ in range(KILLS):
                time.sleep(1)
                server.kill()
            lost = sum(till.result() for till in tills)
        verified = python(server.url, "manage.py", "verify_ledger", "--sample", "1000")

        assert lost > 0, "nothing was lost, so nothing was tested"
        assert verified.returncode == 0, verified.stdout + verified.stderr
        sales, settled = TILLS * ROUNDS, TILLS * ROUNDS // 2
        left_open, coffees = TILLS * len(range(0, ROUNDS, 4)), TILLS * len(range(0, ROUNDS, 3))
        with psycopg.connect(server.url) as connection:
            counted = connection.execute(
                "SELECT (SELECT count(*) FROM rewards_activity),"
                " (SELECT count(*) FROM rewards_redemption),"
                " (SELECT count(*) FROM members_hold WHERE status = 'settled'),"
                " (SELECT count(*) FROM members_hold WHERE status = 'held'),"
                " available, held FROM members_wallet"
            ).fetchone()
        assert counted == (
            sales + 1,
            coffees,
            settled,
            left_open,
            1_000 + 10 * sales - 3 * settled - 4 * left_open - 5 * coffees,
            4 * left_open,
        )
