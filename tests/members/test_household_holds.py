"""Holds, and payments at once, to which others of the household add what the member lacks."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members import holds, households, privacy
from members.ledger import verify
from members.ledger.operations import InsufficientPoints
from members.models import BroughtPoints, Hold, Lot, Member, Transfer, Wallet, WalletType
from members.references import MemberReference
from members.transfers import TransferNotAllowed
from tests.cast import Shop

BY = {"actor": "staff:1"}
HOLDS = "/v1/points/holds"


@pytest.fixture(autouse=True)
def _at_noon(noon: datetime) -> Iterator[None]:
    with time_machine.travel(noon, tick=False):
        yield


@pytest.fixture
def family(points: WalletType, ada: Member, bert: Member, shop: Shop, noon: datetime) -> Shop:
    """Ada has 300 points, and Bert, who shares them, 400 that expire sooner."""
    WalletType.objects.update(transfers_to="household", expiry_rule="days", expires_after=60)
    shop.program.refresh_from_db()
    together = households.found(head=ada, at=noon, **BY)
    households.join(together, member=bert, at=noon, **BY)
    households.share(bert, shares_points=True)
    shop.sells("r-ada", "300.00")
    shop.later(days=-1).sells("r-bert", "400.00", member=MemberReference("card", "2002"))
    return shop


def balances(*members: Member) -> list[tuple[int, int]]:
    """What is available and held."""
    found = {one.member_id: (one.available, one.held) for one in Wallet.objects.all()}
    return [found.get(member.pk, (0, 0)) for member in members]


def dates(member: Member) -> list[tuple[datetime | None, int]]:
    """When a member's points expire."""
    lots = Lot.objects.filter(wallet__member=member, available__gt=0).order_by("expires_at")
    return list(lots.values_list("expires_at", "available"))


def wanted(points: int, **more: Any) -> dict[str, Any]:
    member = {"kind": "card", "value": "1001"}
    return {"member": member, "wallet_type": "points", "points": points, "from_household": True, **more}


class TestHold:
    def test_brings_what_the_member_lacks(self, till, family: Shop, ada, bert):
        answer = till.post(HOLDS, wanted(500))

        assert answer.status_code == 201, answer.content
        told = answer.json()
        assert (told["points"], told["brought"], told["available"]) == (500, 200, 0)
        assert balances(ada, bert) == [(0, 500), (200, 0)]
        assert till.get(f"{HOLDS}/{told['id']}").json() == told
        assert list(verify.run()) == []

    def test_brings_nothing_to_who_has_enough(self, family: Shop, ada, bert):
        held = family.holds(300, from_household=True)

        assert (held.brought, Transfer.objects.count()) == (0, 0)
        assert balances(ada, bert) == [(0, 300), (400, 0)]

    def test_does_not_ask_the_household_by_itself(self, family: Shop, ada, bert):
        with pytest.raises(InsufficientPoints):
            family.holds(500)

        assert balances(ada, bert) == [(300, 0), (400, 0)]

    def test_is_refused_when_all_together_have_too_few_and_moves_nothing(self, till, family, ada, bert):
        answer = till.post(HOLDS, wanted(701))

        assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_points")
        assert answer.json()["available"] == 700
        assert balances(ada, bert) == [(300, 0), (400, 0)]
        assert not Hold.objects.exists()

    def test_is_refused_for_points_that_cannot_be_passed_on(self, family: Shop):
        WalletType.objects.update(transfers_to="nobody")
        family.program.refresh_from_db()

        with pytest.raises(TransferNotAllowed) as refusal:
            family.holds(500, from_household=True)

        assert refusal.value.pointer == "#/from_household"

    @pytest.mark.parametrize("how", ["released", "expired", "erased"])
    def test_that_comes_to_nothing_sends_them_back_with_their_dates(
        self, till, family: Shop, ada, bert, how: str
    ):
        before = dates(bert)
        hold_id = till.post(HOLDS, wanted(500)).json()["id"]

        if how == "released":
            answer = till.post(f"{HOLDS}/{hold_id}/release", {}).json()
            assert (answer["released"], answer["brought"], answer["available"]) == (500, 200, 300)
        elif how == "expired":
            assert sum(holds.expire_overdue(family.program, at=family.at + timedelta(hours=1))) == 1
        else:
            privacy.erase(ada, at=family.at, **BY)

        assert balances(ada, bert) == [(0 if how == "erased" else 300, 0), (400, 0)]
        assert dates(bert) == before
        assert list(verify.run()) == []

    def test_that_is_settled_spends_them(self, family: Shop, ada, bert):
        held = family.holds(500, from_household=True)

        settled = holds.settle(held.hold.id, **family._where())

        assert (settled.brought, settled.available) == (200, 0)
        assert balances(ada, bert) == [(0, 0), (200, 0)]

    def test_that_is_settled_in_part_sends_the_rest_back(self, till, family: Shop, ada, bert):
        hold_id = till.post(HOLDS, wanted(500)).json()["id"]

        answer = till.post(f"{HOLDS}/{hold_id}/settle", {"points": 150}).json()

        # Bert's 200 expire first: 150 of them paid.
        assert (answer["settled"], answer["released"], answer["available"]) == (150, 350, 300)
        assert balances(ada, bert) == [(300, 0), (250, 0)]
        assert list(verify.run()) == []

    def test_sends_back_also_to_who_has_left_meanwhile(self, family: Shop, ada, bert):
        held = family.holds(500, from_household=True)
        households.leave(bert, at=family.at, **BY)

        holds.release(held.hold.id, **family._where())

        assert balances(ada, bert) == [(300, 0), (400, 0)]

    def test_has_its_effect_once_however_often_it_is_asked_for(self, till, family: Shop, ada, bert):
        answers = [till.post(HOLDS, wanted(500), idempotency_key="k").json() for _ in range(2)]
        address = f"{HOLDS}/{answers[0]['id']}/release"
        answers += [till.post(address, {}, idempotency_key="r").json() for _ in range(2)]
        again = till.post(address, {}).json()

        assert answers[0] == answers[1]
        assert answers[2] == answers[3] == again
        assert balances(ada, bert) == [(300, 0), (400, 0)]

    def test_takes_so_many_statements(self, family: Shop):
        family.holds(1)
        with CaptureQueriesContext(connection) as placing:
            held = family.holds(500, from_household=True)
        with CaptureQueriesContext(connection) as releasing:
            holds.release(held.hold.id, **family._where())

        # The member, the household, its locks, accounts and lots, the transfers; the member again, the hold.
        assert count(placing) == 9
        # The hold, who gave, the lock, the hold again, its end; who brought, and the undo; the hold as it is.
        assert count(releasing) == 15


def count(sent: CaptureQueriesContext) -> int:
    return sum("SAVEPOINT" not in query["sql"] for query in sent.captured_queries)


class TestSpend:
    def test_brings_what_the_member_lacks(self, till, family: Shop, ada, bert):
        answer = till.post("/v1/points/spend", wanted(500, sale_external_id="receipt-2"))

        assert answer.status_code == 201, answer.content
        assert (answer.json()["settled"], answer.json()["brought"]) == (500, 200)
        assert balances(ada, bert) == [(0, 0), (200, 0)]
        assert BroughtPoints.objects.count() == 1
        assert list(verify.run()) == []

    def test_is_refused_when_all_together_have_too_few_and_moves_nothing(self, till, family, ada, bert):
        answer = till.post("/v1/points/spend", wanted(701))

        assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_points")
        assert balances(ada, bert) == [(300, 0), (400, 0)]
