from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine

from members import holds
from members.ledger import verify
from members.models import Entry, Hold, Member, Wallet
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient

HOLDS = "/v1/points/holds"
SPEND = "/v1/points/spend"


@pytest.fixture(autouse=True)
def _at_noon(noon: datetime) -> Iterator[None]:
    with time_machine.travel(noon, tick=False):
        yield


@pytest.fixture
def rich(ada: Member, shop: Shop) -> Shop:
    """Ada has 700 points."""
    shop.sells("receipt-1", "700.00")
    return shop


def wanted(points: Any = 500, **more: Any) -> dict[str, Any]:
    return {"member": {"kind": "card", "value": "1001"}, "wallet_type": "points", "points": points, **more}


def placed(till: PartnerClient, points: int = 500) -> str:
    answer = till.post(HOLDS, wanted(points))
    assert answer.status_code == 201
    return f"{HOLDS}/{answer.json()['id']}"


def refused(answer: Any) -> tuple[int, str, str]:
    problem = answer.json()
    pointer = problem["errors"][0]["pointer"] if problem.get("errors") else ""
    return answer.status_code, problem["code"], pointer


class TestHold:
    def test_is_placed_read_and_settled_in_part(self, till, rich: Shop):
        address = placed(till)
        paid = {"points": 350, "sale_external_id": "receipt-2", "lines": {"1": 300, "2": 50}}

        before = till.get(address).json()
        settled = till.post(f"{address}/settle", paid)

        assert (before["status"], before["settled"], before["released"]) == ("held", 0, 0)
        assert (before["expires_at"], before["available"]) == ("2026-06-01T12:15:00Z", 200)
        assert settled.status_code == 200
        assert settled.json() == before | {
            "status": "settled",
            "settled": 350,
            "released": 150,
            "closed_at": "2026-06-01T12:00:00Z",
            "sale_external_id": "receipt-2",
            "lines": {"1": 300, "2": 50},
            "available": 350,
        }
        assert till.get(address).json() == settled.json()

    def test_is_released(self, till, rich: Shop):
        address = placed(till)

        answer = till.post(f"{address}/release", {})

        assert (answer.json()["status"], answer.json()["released"]) == ("released", 500)
        assert Wallet.objects.get().available == 700

    def test_is_shown_as_over_when_its_time_is(self, till, rich: Shop, noon: datetime):
        address = f"{HOLDS}/{till.post(HOLDS, wanted(lives_for_seconds=60)).json()['id']}"

        with time_machine.travel(noon + timedelta(seconds=60), tick=False):
            answer = till.get(address).json()
            late = till.post(f"{address}/settle", {})

        assert (answer["status"], answer["released"]) == ("expired", 500)
        assert refused(late)[:2] == (409, "hold_is_closed")
        assert late.json()["ended"] == "expired"

    def test_takes_three_statements_to_place_and_to_end(self, till, rich: Shop, django_assert_num_queries):
        till.post(f"{placed(till, 1)}/settle", {})

        # The key, the member, the plan; and in a test the savepoint around the plan.
        with django_assert_num_queries(5):
            address = placed(till, 1)
        with django_assert_num_queries(5):
            till.post(f"{address}/settle", {})

    def test_has_its_effect_once_however_often_it_is_asked_for(self, till, rich: Shop):
        first = till.post(HOLDS, wanted(), idempotency_key="k1")
        again = till.post(HOLDS, wanted(), idempotency_key="k1")
        address = f"{HOLDS}/{first.json()['id']}"
        settled = [
            till.post(f"{address}/settle", {"points": 350}, idempotency_key=key) for key in ("k2", "k2", "k3")
        ]

        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json() == first.json()
        assert Hold.objects.count() == 1
        assert [answer.status_code for answer in settled] == [200, 200, 200]
        assert settled[0].json() == settled[1].json() == settled[2].json()
        assert Entry.objects.filter(kind="settle").count() == 1

    @pytest.mark.parametrize(("path", "body"), [("settle", {"points": 499}), ("release", {})])
    def test_that_was_settled_says_so_to_whoever_wants_it_otherwise(self, till, rich: Shop, path, body):
        address = placed(till)
        till.post(f"{address}/settle", {})

        answer = till.post(f"{address}/{path}", body)

        assert refused(answer)[:2] == (409, "hold_is_closed")
        assert (answer.json()["ended"], answer.json()["settled"]) == ("settled", 500)

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"points": 0}, (422, "invalid_input", "#/points")),
            ({"points": -5}, (422, "invalid_input", "#/points")),
            ({"points": 1.5}, (422, "invalid_input", "#/points")),
            ({"points": "500"}, (422, "invalid_input", "#/points")),
            ({"points": 10**15 + 1}, (422, "invalid_input", "#/points")),
            ({"points": 10**15}, (409, "insufficient_points", "")),
            ({"points": 701}, (409, "insufficient_points", "")),
            ({"lives_for_seconds": 0}, (422, "invalid_input", "#/lives_for_seconds")),
            ({"lives_for_seconds": 604_801}, (422, "invalid_input", "#/lives_for_seconds")),
            ({"wallet_type": "gold"}, (422, "unknown_wallet_type", "#/wallet_type")),
            ({"wallet_type": "status"}, (422, "points_not_spendable", "#/wallet_type")),
            ({"member": {"kind": "card", "value": "9999"}}, (404, "unknown_member", "#/member/value")),
            ({"member": {"kind": "name", "value": "Ada"}}, (422, "invalid_input", "#/member/kind")),
            ({"actor": "staff:1"}, (422, "invalid_input", "#/actor")),
        ],
    )
    def test_refuses_what_cannot_be_held(self, till, rich: Shop, program, change, expected):
        factories.WalletTypeFactory.create(program=program, key="status", is_spendable=False)

        answer = till.post(HOLDS, wanted() | change)

        assert (*refused(answer)[:2], refused(answer)[2] or expected[2]) == expected
        assert not Hold.objects.exists()
        assert Wallet.objects.get().held == 0

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"points": 0}, (422, "invalid_input")),
            ({"points": -1}, (422, "invalid_input")),
            ({"points": 501}, (409, "more_than_held")),
            ({"lines": {"1": 500}}, (422, "invalid_input")),
            ({"sale_external_id": "receipt-2", "lines": {"1": 499}}, (422, "invalid_input")),
            ({"sale_external_id": "receipt-2", "lines": {"1": 0}}, (422, "invalid_input")),
            ({"sale_external_id": "x" * 101}, (422, "invalid_input")),
            ({"member": "1001"}, (422, "invalid_input")),
        ],
    )
    def test_refuses_to_be_settled_by_nonsense(self, till, rich: Shop, body, expected):
        address = placed(till)

        assert refused(till.post(f"{address}/settle", body))[:2] == expected
        assert Wallet.objects.get().held == 500

    def test_of_a_blocked_member_is_neither_placed_nor_settled(self, till, rich: Shop):
        address = placed(till, 10)
        Member.objects.update(status="blocked")

        answers = [till.post(HOLDS, wanted(10)), till.post(f"{address}/settle", {})]

        assert [refused(answer)[:2] for answer in answers] == [(409, "member_blocked")] * 2

    @pytest.mark.parametrize("hold_id", [uuid4(), "nonsense", "00000000"])
    def test_that_is_not_there_is_unknown(self, till, rich: Shop, hold_id):
        answers = [
            till.get(f"{HOLDS}/{hold_id}"),
            till.post(f"{HOLDS}/{hold_id}/settle", {}),
            till.post(f"{HOLDS}/{hold_id}/release", {}),
        ]

        assert [refused(answer)[:2] for answer in answers] == [(404, "unknown_hold")] * 3

    def test_of_another_program_is_unknown(self, till, outsider, rich: Shop):
        address = placed(till)

        answers = [outsider.get(address), *(outsider.post(f"{address}/{end}", {}) for end in _ENDS)]

        assert [refused(answer)[:2] for answer in answers] == [(404, "unknown_hold")] * 3
        assert Wallet.objects.get().held == 500

    def test_shows_in_the_members_status_until_it_ends(self, till, rich: Shop):
        address = placed(till)

        during = till.get("/v1/members/card:1001/status").json()["wallets"][0]
        till.post(f"{address}/release", {})
        after = till.get("/v1/members/card:1001/status").json()["wallets"][0]

        assert (during["available"], during["held"]) == (200, 500)
        assert (after["available"], after["held"]) == (700, 0)


class TestSpend:
    def test_pays_at_once(self, till, rich: Shop):
        answer = till.post(SPEND, wanted(350, sale_external_id="receipt-2"))

        body = answer.json()
        assert answer.status_code == 201
        assert (body["status"], body["settled"], body["released"], body["available"]) == (
            "settled",
            350,
            0,
            350,
        )
        assert till.get(f"{HOLDS}/{body['id']}").json() == body
        assert list(verify.run()) == []

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"points": 0}, (422, "invalid_input")),
            ({"points": 701}, (409, "insufficient_points")),
            ({"lines": {"1": 350}}, (422, "invalid_input")),
            ({"wallet_type": "gold"}, (422, "unknown_wallet_type")),
            ({"member": {"kind": "card", "value": "9999"}}, (404, "unknown_member")),
        ],
    )
    def test_refuses_what_cannot_be_paid(self, till, rich: Shop, change, expected):
        answer = till.post(SPEND, wanted(350) | change)

        assert refused(answer)[:2] == expected
        assert not Hold.objects.exists()


_ENDS = ("settle", "release")


def test_a_run_of_the_job_changes_nothing_for_who_asked_before(till, rich: Shop, noon: datetime):
    address = placed(till)
    with time_machine.travel(noon + timedelta(hours=1), tick=False):
        before = till.get(address).json()
        list(holds.expire_overdue(rich.program, at=noon + timedelta(hours=1)))
        after = till.get(address).json()

    assert (before["status"], before["released"]) == (after["status"], after["released"])
    assert (before["closed_at"], after["closed_at"]) == (None, "2026-06-01T13:00:00Z")
