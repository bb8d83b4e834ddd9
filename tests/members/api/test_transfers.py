from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import time_machine

from loyalty.core.models import Event
from members.ledger import verify
from members.models import Entry, Identifier, Member, Transfer, Wallet
from tests.cast import Shop

TRANSFERS = "/v1/points/transfers"
MERGE = "/v1/members/card:1001/merge"


@pytest.fixture(autouse=True)
def _at_noon(noon: datetime) -> Iterator[None]:
    with time_machine.travel(noon, tick=False):
        yield


@pytest.fixture
def rich(policy, ada: Member, bert: Member, shop: Shop) -> Shop:
    """Ada has 700 points, which anyone may be given; Bert has none."""
    policy()
    shop.program.refresh_from_db()
    shop.sells("receipt-1", "700.00")
    return shop


def card(value: str) -> dict[str, str]:
    return {"kind": "card", "value": value}


def wanted(asked: Any = 200, **more: Any) -> dict[str, Any]:
    given = {"sender": card("1001"), "recipient": card("2002"), "wallet_type": "points", "points": asked}
    return given | more


def available(member: Member) -> int:
    return sum(Wallet.objects.filter(member=member).values_list("available", flat=True))


class TestTransfer:
    def test_gives_points_to_another_member(self, till, rich: Shop, ada: Member, bert: Member):
        answer = till.post(TRANSFERS, wanted())

        body = answer.json()
        assert answer.status_code == 201
        assert (body["points"], body["fee"], body["arrived"], body["balance"]) == (200, 0, 200, 500)
        assert (body["sender_id"], body["recipient_id"]) == (str(ada.pk), str(bert.pk))
        assert (available(ada), available(bert)) == (500, 200)
        assert list(verify.run()) == []

    def test_happens_once_however_often_it_is_sent(self, till, rich: Shop, bert: Member):
        answers = [till.post(TRANSFERS, wanted(), idempotency_key="k1") for _ in range(3)]

        assert answers[0].json() == answers[1].json() == answers[2].json()
        assert answers[2].headers["Idempotent-Replayed"] == "true"
        assert (Transfer.objects.count(), available(bert)) == (1, 200)

    @pytest.mark.parametrize(
        ("change", "status", "code", "pointer"),
        [
            ({"points": 0}, 422, "invalid_input", "#/points"),
            ({"points": -1}, 422, "invalid_input", "#/points"),
            ({"points": 10**15 + 1}, 422, "invalid_input", "#/points"),
            ({"points": 701}, 409, "insufficient_points", None),
            ({"wallet_type": "gold"}, 422, "invalid_input", "#/wallet_type"),
            ({"recipient": card("1001")}, 409, "transfer_to_oneself", None),
            ({"recipient": card("9999")}, 404, "unknown_member", "#/recipient/value"),
            ({"sender": card("9999")}, 404, "unknown_member", "#/sender/value"),
            ({"fee": 0}, 422, "invalid_input", "#/fee"),
        ],
    )
    def test_refuses_what_cannot_be(self, till, rich: Shop, ada, bert, change, status, code, pointer):
        answer = till.post(TRANSFERS, wanted() | change)

        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (status, code)
        assert pointer in (None, *(error["pointer"] for error in problem.get("errors", ())))
        assert (available(ada), available(bert)) == (700, 0)

    def test_is_refused_where_the_program_does_not_want_it(self, till, rich: Shop, policy):
        policy(transfers_to="nobody")

        answer = till.post(TRANSFERS, wanted())

        assert (answer.status_code, answer.json()["code"]) == (409, "transfer_not_allowed")


class TestMerge:
    def test_makes_one_member_of_two(self, till, rich: Shop, ada: Member, bert: Member):
        till.post(TRANSFERS, wanted())

        answer = till.post(MERGE, {"duplicate": card("2002")})

        body = answer.json()
        assert answer.status_code == 201
        assert (body["survivor_id"], body["duplicate_id"]) == (str(ada.pk), str(bert.pk))
        assert body["moved"] == [{"wallet_type": "points", "points": 200, "owed": 0}]
        assert (available(ada), available(bert)) == (700, 0)
        assert set(Identifier.objects.filter(member=ada).values_list("value", flat=True)) == {"1001", "2002"}
        assert Event.objects.filter(type="member.merged").exists()
        assert list(verify.run()) == []

    def test_happens_once_and_answers_repeats(self, till, rich: Shop):
        answers = [till.post(MERGE, {"duplicate": card("2002")}, idempotency_key="k1") for _ in range(2)]
        other = till.post(MERGE, {"duplicate": card("2002")})

        assert answers[0].json() == answers[1].json()
        # The card leads to the survivor by now.
        assert (other.status_code, other.json()["code"]) == (409, "cannot_merge")

    def test_waits_for_open_holds_to_end(self, till, rich: Shop, bert: Member):
        till.post(TRANSFERS, wanted())
        held = {"member": card("2002"), "wallet_type": "points", "points": 50}
        hold = till.post("/v1/points/holds", held).json()

        refused = till.post(MERGE, {"duplicate": card("2002")})
        till.post(f"/v1/points/holds/{hold['id']}/release", {})
        merged = till.post(MERGE, {"duplicate": card("2002")})

        assert (refused.status_code, refused.json()["code"]) == (409, "cannot_merge")
        assert "50 points of the duplicate are held" in refused.json()["detail"]
        assert merged.json()["moved"][0]["points"] == 200

    @pytest.mark.parametrize(
        ("address", "body", "status", "code"),
        [
            (MERGE, {"duplicate": card("9999")}, 404, "unknown_member"),
            (MERGE, {"duplicate": card("1001")}, 409, "cannot_merge"),
            (MERGE, {"duplicate": "2002"}, 422, "invalid_input"),
            (MERGE, {}, 422, "invalid_input"),
            ("/v1/members/card:9999/merge", {"duplicate": card("2002")}, 404, "not_found"),
        ],
    )
    def test_refuses_what_cannot_be(self, till, rich: Shop, address, body, status, code):
        entries = Entry.objects.count()

        answer = till.post(address, body)

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert Entry.objects.count() == entries

    def test_knows_nobody_of_another_program(self, till, outsider, rich: Shop):
        answer = outsider.post(MERGE, {"duplicate": card("2002")})

        assert answer.status_code == 404
