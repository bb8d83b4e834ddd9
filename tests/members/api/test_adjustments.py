from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import time_machine

from loyalty.core.models import Approval, Event
from members import reasons
from members.ledger import verify
from members.models import Adjustment, Entry, Member, Wallet
from tests.cast import Shop

ADJUSTMENTS = "/v1/points/adjustments"


@pytest.fixture(autouse=True)
def _at_noon(noon: datetime) -> Iterator[None]:
    with time_machine.travel(noon, tick=False):
        yield


@pytest.fixture
def rich(ada: Member, shop: Shop) -> Shop:
    """Ada has 700 points; the program has the usual reasons and limits."""
    reasons.set_up_usual(shop.program)
    shop.sells("receipt-1", "700.00")
    return shop


def wanted(points: Any = 250, **more: Any) -> dict[str, Any]:
    card = {"kind": "card", "value": "1001"}
    return {"member": card, "wallet_type": "points", "points": points, "reason": "correction", **more}


class TestAdjust:
    @pytest.mark.parametrize(("asked", "available"), [(250, 950), (-250, 450)])
    def test_gives_and_takes(self, till, rich: Shop, asked: int, available: int):
        answer = till.post(ADJUSTMENTS, wanted(asked, note="Lost in the move"))

        body = answer.json()
        assert answer.status_code == 201
        assert (body["status"], body["points"], body["available"]) == ("booked", asked, available)
        assert Wallet.objects.get().available == available
        assert Entry.objects.get(kind="adjust").actor == "partner:till"
        assert Event.objects.get(type="points.adjusted").data["points"] == asked
        assert list(verify.run()) == []

    def test_waits_for_staff_above_the_limit_of_partners(self, till, rich: Shop):
        answer = till.post(ADJUSTMENTS, wanted(1001))

        body = answer.json()
        assert (answer.status_code, body["status"], body["available"]) == (201, "waiting", None)
        assert body["because"]
        assert str(Approval.objects.get().pk) == body["id"]
        assert Wallet.objects.get().available == 700

    @pytest.mark.parametrize("asked", [250, 1001])
    def test_happens_once_however_often_it_is_sent(self, till, rich: Shop, asked: int):
        answers = [till.post(ADJUSTMENTS, wanted(asked), idempotency_key="k1") for _ in range(3)]

        assert answers[0].json() == answers[1].json() == answers[2].json()
        assert answers[2].headers["Idempotent-Replayed"] == "true"
        assert Adjustment.objects.count() + Approval.objects.count() == 1

    @pytest.mark.parametrize(
        ("change", "status", "code", "pointer"),
        [
            ({"points": 0}, 422, "invalid_input", "#/points"),
            ({"points": 10**15 + 1}, 422, "invalid_input", "#/points"),
            ({"points": "250"}, 422, "invalid_input", "#/points"),
            ({"points": -701}, 409, "insufficient_points", None),
            ({"reason": "whim"}, 422, "unknown_reason", "#/reason"),
            ({"reason": "goodwill", "points": -1}, 422, "wrong_direction", "#/points"),
            ({"wallet_type": "gold"}, 422, "invalid_input", "#/wallet_type"),
            ({"member": {"kind": "card", "value": "9999"}}, 404, "unknown_member", "#/member/value"),
            ({"member": {"kind": "id", "value": "Ada"}}, 404, "unknown_member", "#/member/value"),
            ({"note": "x" * 1001}, 422, "invalid_input", "#/note"),
            ({"by": 1}, 422, "invalid_input", "#/by"),
        ],
    )
    def test_refuses_what_cannot_be(self, till, rich: Shop, change, status, code, pointer):
        answer = till.post(ADJUSTMENTS, wanted() | change)

        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (status, code)
        assert pointer in (None, *(error["pointer"] for error in problem.get("errors", ())))
        assert Wallet.objects.get().available == 700
        assert not Adjustment.objects.exists()

    def test_of_a_blocked_member_only_takes(self, till, rich: Shop):
        Member.objects.update(status="blocked")

        assert till.post(ADJUSTMENTS, wanted(1)).json()["code"] == "member_not_adjustable"
        assert till.post(ADJUSTMENTS, wanted(-1)).status_code == 201
