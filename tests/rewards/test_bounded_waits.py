"""Nobody waits for long: what a sale is answered while others hold what it needs. With real connections."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from time import monotonic

import pytest
from django.db import connection, connections, transaction

from members.ledger import verify
from members.models import Member, Wallet
from rewards.models import Activity
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.rewards.test_transactions_api import sale

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ladder")]

CLAIM = """
INSERT INTO core_idempotencyrecord (id, partner_id, key, fingerprint, status, body, created_at)
VALUES (gen_random_uuid(), %s, 'k', '', 201, 'null', now())
"""


@pytest.fixture
def _patience() -> Iterator[None]:
    """As the web server has it (`loyalty.wsgi`), only shorter."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")


@contextmanager
def held(*holds: Callable[[], object]) -> Iterator[None]:
    """Another connection has done this, and neither commits nor gives up."""
    done, finish = Event(), Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                for each in holds:
                    each()
                done.set()
                finish.wait(timeout=60)
                transaction.set_rollback(True)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(hold)
        assert done.wait(timeout=60)
        yield
        finish.set()
        holder.result()


def wallets() -> object:
    return list(Wallet.objects.select_for_update())


def claim(till: PartnerClient) -> Callable[[], object]:
    def claimed() -> None:
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, [till.credential.partner_id])

    return claimed


@pytest.mark.usefixtures("_patience")
class TestASale:
    @pytest.mark.parametrize("has_the_member", [False, True])
    def test_whose_first_call_still_runs_is_told_so(
        self, shop: Shop, ada: Member, till: PartnerClient, has_the_member: bool
    ):
        shop.sells("receipt-0", "10.00")
        till.post("/v1/transactions", sale(external_id="receipt-00"))
        holds = [claim(till), *([wallets] if has_the_member else [])]

        with held(*holds):
            began = monotonic()
            answer = till.post("/v1/transactions", sale(), idempotency_key="k")
            took = monotonic() - began

        assert (answer.status_code, answer.json()["code"]) == (409, "request_in_progress")
        assert answer.headers["Retry-After"] == "5"
        assert took < 20
        assert Activity.objects.count() == 2

    def test_that_another_call_holds_up_may_come_again(self, shop: Shop, ada: Member, till: PartnerClient):
        shop.sells("receipt-0", "10.00")

        with held(wallets):
            refused = till.post("/v1/transactions", sale(), idempotency_key="k")
        booked = till.post("/v1/transactions", sale(), idempotency_key="k")

        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert refused.headers["Retry-After"] == "1"
        assert (booked.status_code, "Idempotent-Replayed" in booked.headers) == (201, False)
        assert Activity.objects.count() == 2
        assert list(verify.run()) == []


@pytest.mark.parametrize(("module", "patience"), [("loyalty.wsgi", "10s"), ("loyalty.settings", "0")])
def test_the_web_server_waits_ten_seconds_and_work_in_the_background_as_long_as_it_takes(
    module: str, patience: str
):
    program = f"""
import {module}, django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SHOW lock_timeout")
    print(cursor.fetchone()[0])
"""

    said = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True)

    assert said.stdout.split()[-1:] == [patience], said.stderr
