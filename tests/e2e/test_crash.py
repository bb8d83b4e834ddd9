"""Tills sell while the web server is killed, again and again: each receipt is there once."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest

from members.ledger import verify
from members.models import Wallet
from rewards.models import Activity
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.rewards.test_transactions_api import sale
from tests.servers import Server, database_url, running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

TILLS, RECEIPTS, KILLS = 4, 40, 3


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
