from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import time_machine

from loyalty.core.models import Event
from members.ledger import verify
from members.models import Entry, Member, Wallet
from tests.cast import Shop

ACTIVATE, CANCEL = "/v1/points/pending/activate", "/v1/points/pending/cancel"


@pytest.fixture(autouse=True)
def _at_noon(noon: datetime) -> Iterator[None]:
    with time_machine.travel(noon, tick=False):
        yield


@pytest.fixture
def sold(policy, ada: Member, shop: Shop) -> Any:
    """A sale whose 100 points wait for 14 days, beside 30 that do not."""
    shop.sells("receipt-0", "30.00")
    policy(pending_days=14)
    shop.program.refresh_from_db()
    return shop.sells("receipt-1", "100.00")


def wanted(sold: Any, **more: Any) -> dict[str, Any]:
    return {"member": {"kind": "card", "value": "1001"}, "transaction_id": str(sold.id)} | more


def holds_now() -> tuple[int, int]:
    wallet = Wallet.objects.get()
    return wallet.available, wallet.pending


class TestPending:
    def test_becomes_available_by_hand(self, till, sold):
        assert holds_now() == (30, 100)

        answer = till.post(ACTIVATE, wanted(sold))

        (moved,) = answer.json()["moved"]
        assert answer.status_code == 200
        assert (moved["wallet_type"], moved["points"], moved["available"]) == ("points", 100, 130)
        assert holds_now() == (130, 0)
        assert Event.objects.get(type="points.unlocked").data["points"] == 100
        assert list(verify.run()) == []

    def test_is_cancelled_by_hand(self, till, sold):
        answer = till.post(CANCEL, wanted(sold))

        assert (answer.status_code, answer.json()["moved"][0]["available"]) == (200, 30)
        assert holds_now() == (30, 0)
        assert Event.objects.get(type="points.reversed").data["points"] == 100
        assert list(verify.run()) == []

    def test_moves_once(self, till, sold):
        first = till.post(ACTIVATE, wanted(sold), idempotency_key="k1")
        again = till.post(ACTIVATE, wanted(sold), idempotency_key="k1")
        late = till.post(CANCEL, wanted(sold))

        assert again.json() == first.json()
        assert again.headers["Idempotent-Replayed"] == "true"
        assert (late.status_code, late.json()["code"]) == (409, "not_pending")
        assert Entry.objects.filter(kind="unlock").count() == 1

    @pytest.mark.parametrize("address", [ACTIVATE, CANCEL])
    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"transaction_id": "01976c1e-5d7a-7000-8000-77d0c1f9a2e6"}, 409, "not_pending"),
            ({"transaction_id": "receipt-1"}, 422, "invalid_input"),
            ({"member": {"kind": "card", "value": "2002"}}, 409, "not_pending"),
            ({"member": {"kind": "card", "value": "9999"}}, 404, "unknown_member"),
            ({"points": 10}, 422, "invalid_input"),
        ],
    )
    def test_refuses_what_cannot_be(self, till, sold, bert, address, change, status, code):
        answer = till.post(address, wanted(sold, **change))

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert holds_now() == (30, 100)

    def test_of_another_program_is_nobodys(self, outsider, sold):
        assert outsider.post(ACTIVATE, wanted(sold)).status_code == 404
        assert holds_now() == (30, 100)
