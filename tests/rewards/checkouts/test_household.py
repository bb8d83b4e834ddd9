"""Points of a household, reserved for one of its members: at checkouts, and for a reward by itself."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members import households
from members.ledger import verify
from members.models import BroughtPoints, Entry, HouseholdMember, Lot, Member, Transfer, Wallet, WalletType
from members.references import MemberReference
from rewards import redeeming
from rewards.checkouts import ending
from rewards.models import Checkout, Redemption, Reward
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.rewards.checkouts.conftest import reward
from tests.rewards.checkouts.test_api import (
    CHECKOUTS,
    at,
    contents,
    euros,
    line,
    opened,
    paid,
    refused,
    using,
    wanted,
)
from tests.rewards.checkouts.test_giving_back import cancelled, returned

pytestmark = pytest.mark.usefixtures("_at_noon")

BERT = MemberReference("card", "2002")
BY = {"actor": "staff:1"}


@pytest.fixture
def bert(ada: Member) -> Member:
    bert = factories.MemberFactory.create(program=ada.program)
    factories.IdentifierFactory.create(member=bert, value="2002")
    return bert


@pytest.fixture
def family(rate: WalletType, ada: Member, bert: Member, shop: Shop, noon: datetime) -> Shop:
    """Ada has 300 points, Bert 400, which he shares."""
    WalletType.objects.update(
        transfers_to="household", expiry_rule="days", expires_after=60, transfer_minimum=1
    )
    shop.program.refresh_from_db()
    together = households.found(head=ada, at=noon, **BY)
    households.join(together, member=bert, at=noon, **BY)
    households.share(bert, shares_points=True)
    shop.sells("r-ada", "300.00")
    shop.later(days=-1).sells("r-bert", "400.00", member=BERT)
    return shop


@pytest.fixture
def car(family: Shop) -> Reward:
    """500 points, for a voucher; one is there."""
    return reward(family, "car", 500, stock=1)


def balances(*members: Member) -> list[tuple[int, int]]:
    """What is available and held."""
    found = {one.member_id: (one.available, one.held) for one in Wallet.objects.all()}
    return [found.get(member.pk, (0, 0)) for member in members]


def dates(member: Member) -> list[tuple[datetime | None, int]]:
    """When a member's points expire."""
    lots = Lot.objects.filter(wallet__member=member, available__gt=0).order_by("expires_at")
    return list(lots.values_list("expires_at", "available"))


class TestPreview:
    def test_counts_what_the_others_would_add(self, till, family: Shop, car: Reward, ada, bert):
        body = {"member": {"kind": "card", "value": "1001"}, "reward": "car"}

        alone = till.post("/v1/redemptions/preview", body, idempotency_key=None).json()
        together = till.post(
            "/v1/redemptions/preview", {**body, "from_household": True}, idempotency_key=None
        ).json()

        assert (alone["is_possible"], alone["brought"], alone["missing"]) == (False, 0, 200)
        assert together["refusal"] is None
        assert (together["brought"], together["missing"], together["balance"]) == (200, 0, 0)
        assert balances(ada, bert) == [(300, 0), (400, 0)]

    def test_says_what_even_all_together_lack(self, till, family: Shop, car: Reward):
        Reward.objects.update(price=1000)
        body = {"member": {"kind": "card", "value": "1001"}, "reward": "car", "from_household": True}

        answer = till.post("/v1/redemptions/preview", body, idempotency_key=None).json()

        assert answer["refusal"]["code"] == "insufficient_points"
        assert (answer["brought"], answer["missing"], answer["balance"]) == (400, 300, None)


class TestReservation:
    def test_brings_what_the_member_lacks(self, family: Shop, car: Reward, ada, bert):
        held = family.reserves("car", from_household=True)

        assert held.brought == 200
        assert balances(ada, bert) == [(0, 500), (200, 0)]
        assert list(verify.run()) == []

    def test_brings_nothing_to_who_has_enough(self, family: Shop, car: Reward, ada, bert):
        Reward.objects.update(price=300)

        held = family.reserves("car", from_household=True)

        assert (held.brought, Transfer.objects.count()) == (0, 0)
        assert balances(ada, bert) == [(0, 300), (400, 0)]

    @pytest.mark.parametrize("how", ["cancel", "release", "expire"])
    def test_that_comes_to_nothing_sends_them_back_with_their_dates(
        self, family: Shop, car: Reward, ada, bert, how: str
    ):
        before = dates(ada), dates(bert)
        held = family.reserves("car", from_household=True)

        if how == "expire":
            list(redeeming.expire_overdue(family.program, at=family.at + timedelta(hours=1)))
        else:
            getattr(redeeming, how)(held.pk, **family._where())

        assert balances(ada, bert) == [(300, 0), (400, 0)]
        assert (dates(ada), dates(bert)) == before
        assert list(verify.run()) == []

    def test_takes_so_many_statements(self, family: Shop, car: Reward):
        with CaptureQueriesContext(connection) as sent:
            family.reserves("car", from_household=True)

        # What there is, the household and what it shares; the transfer, the hold, the redemption, the event.
        assert sum("SAVEPOINT" not in query["sql"] for query in sent.captured_queries) == 17

    def test_that_is_confirmed_spends_them(self, family: Shop, car: Reward, ada, bert):
        held = family.reserves("car", from_household=True)

        redeeming.confirm(held.pk, **family._where())

        assert balances(ada, bert) == [(0, 0), (200, 0)]
        assert list(verify.run()) == []

    def test_that_is_confirmed_and_cancelled_gives_them_back(self, family: Shop, car: Reward, ada, bert):
        held = family.reserves("car", from_household=True)
        redeeming.confirm(held.pk, **family._where())

        redeeming.cancel(held.pk, **family._where())

        assert balances(ada, bert) == [(300, 0), (400, 0)]
        assert list(verify.run()) == []

    def test_is_refused_when_all_together_have_too_few_and_moves_nothing(self, till, family, car, ada, bert):
        Reward.objects.update(price=701)
        wanted_car = {"member": {"kind": "card", "value": "1001"}, "reward": "car", "from_household": True}

        answer = till.post("/v1/redemptions/hold", wanted_car)

        assert refused(answer)[:2] == (409, "insufficient_points")
        assert answer.json()["available"] == 700
        assert balances(ada, bert) == [(300, 0), (400, 0)]
        assert not Redemption.objects.exists()

    def test_takes_nothing_from_who_does_not_share(self, family: Shop, car: Reward, bert):
        households.share(bert, shares_points=False)

        with pytest.raises(Exception, match="has 300 points, not 500"):
            family.reserves("car", from_household=True)

    def test_sends_back_also_to_who_has_left_meanwhile(self, family: Shop, car: Reward, ada, bert):
        held = family.reserves("car", from_household=True)
        households.leave(bert, at=family.at, **BY)

        redeeming.cancel(held.pk, **family._where())

        assert not HouseholdMember.objects.filter(member=bert).exists()
        assert balances(ada, bert) == [(300, 0), (400, 0)]


class TestCheckout:
    def shared(self, till: PartnerClient, **more: Any) -> dict[str, Any]:
        return opened(till, line("1", "20.00"), from_household=True, **more)

    def test_reserves_points_and_rewards_of_all(self, till, family: Shop, ada, bert):
        reward(family, "five-off", 500, discount_kind="amount", discount_amount=5)

        checkout = self.shared(till, rewards=["five-off"], points=using(150))

        assert checkout["total"] == euros("13.50")
        assert [one["brought"] for one in checkout["rewards"] + checkout["points"]] == [200, 150]
        assert balances(ada, bert) == [(0, 650), (50, 0)]
        assert list(verify.run()) == []

    def test_counts_what_all_have_in_its_options(self, till, family: Shop):
        checkout = self.shared(till)

        (option,) = checkout["options"]
        assert (option["available"], option["points"]) == (700, 700)

    def test_asks_for_the_household_and_does_not_take_it_by_itself(self, till, family: Shop, ada, bert):
        answer = till.post(CHECKOUTS, wanted(line("1", "20.00"), points=using(400)))

        assert refused(answer) == (409, "insufficient_points", "#/points/0/points")
        assert balances(ada, bert) == [(300, 0), (400, 0)]

    @pytest.mark.parametrize("how", ["abandoned", "changed", "expired"])
    def test_that_comes_to_nothing_sends_them_back(self, till, family: Shop, ada, bert, how: str):
        before = dates(ada), dates(bert)
        checkout = self.shared(till, points=using(500))

        if how == "abandoned":
            till.post(at(checkout, "abandon"), {})
        elif how == "changed":
            till.edit("PUT", at(checkout), contents(line("1", "20.00")))
        else:
            Checkout.objects.update(expires_at=family.at + timedelta(microseconds=1))
            end_overdue(family)

        assert balances(ada, bert) == [(300, 0), (400, 0)]
        assert (dates(ada), dates(bert)) == before
        assert list(verify.run()) == []

    def test_keeps_what_is_wanted_again(self, till, family: Shop, ada, bert):
        checkout = self.shared(till, points=using(500))

        changed = till.edit(
            "PUT", at(checkout), contents(line("1", "30.00"), points=using(500), from_household=True)
        ).json()

        assert changed["points"] == [{**checkout["points"][0], "lines": {"1": 500}}]
        assert Transfer.objects.count() == 1

    def test_spends_them_when_it_is_paid(self, till, family: Shop, ada, bert):
        checkout = self.shared(till, points=using(500))

        answer = till.post(at(checkout, "confirm"), paid("15.00"))

        assert answer.status_code == 200, answer.content
        assert balances(ada, bert) == [(15, 0), (200, 0)]
        assert BroughtPoints.objects.count() == 1
        assert list(verify.run()) == []

    @pytest.mark.parametrize("how", ["cancelled", "returned"])
    def test_whose_order_comes_back_gives_them_back_to_whom_they_came_from(
        self, till, family: Shop, ada, bert, how: str
    ):
        reward(family, "five-off", 400, discount_kind="amount", discount_amount=5)
        before = dates(ada), dates(bert)
        checkout = self.shared(till, rewards=["five-off"], points=using(200))
        order = till.post(at(checkout, "confirm"), paid("13.00")).json()
        assert balances(ada, bert) == [(13, 0), (100, 0)]

        if how == "cancelled":
            cancelled(till, order)
        else:
            returned(till, order, "return-1")

        assert balances(ada, bert) == [(300, 0), (400, 0)]
        assert (dates(ada), dates(bert)) == before
        assert list(verify.run()) == []

    def test_of_whose_order_a_part_comes_back_leaves_them_with_the_member(
        self, till, family: Shop, ada, bert
    ):
        checkout = opened(
            till, line("1", "10.00"), line("2", "10.00"), points=using(500), from_household=True
        )
        order = till.post(at(checkout, "confirm"), paid("15.00")).json()

        returned(till, order, "return-1", "1")

        # Half of the 15 points for the sale are gone again, half of the 500 are back.
        assert balances(ada, bert) == [(8 + 250, 0), (200, 0)]
        assert not Transfer.objects.filter(undone_at__isnull=False).exists()

    def test_whose_order_cannot_be_cancelled_gives_nothing_back(self, till, family: Shop, ada, bert):
        order = till.post(at(self.shared(till, points=using(500)), "confirm"), paid("15.00")).json()
        returned(till, order, "return-1", "1")
        before = balances(ada, bert)

        answer = till.post(f"/v1/transactions/{order['transaction']['id']}/cancel", {})

        assert refused(answer)[:2] == (409, "transaction_has_returns")
        assert balances(ada, bert) == before
        assert list(verify.run()) == []

    def test_whose_order_is_cancelled_again_gives_nothing_back_twice(self, till, family: Shop, ada, bert):
        order = till.post(at(self.shared(till, points=using(500)), "confirm"), paid("15.00")).json()
        cancelled(till, order)
        before = Entry.objects.count()

        cancelled(till, order, key="another")

        assert (balances(ada, bert), Entry.objects.count()) == ([(300, 0), (400, 0)], before)

    def test_whose_order_is_cancelled_gives_back_to_who_has_left_meanwhile(
        self, till, family: Shop, ada, bert
    ):
        order = till.post(at(self.shared(till, points=using(500)), "confirm"), paid("15.00")).json()
        households.leave(bert, at=family.at, **BY)

        cancelled(till, order)

        assert balances(ada, bert) == [(300, 0), (400, 0)]


def end_overdue(shop: Shop) -> None:
    list(ending.expire_overdue(shop.program, at=shop.at + timedelta(minutes=1)))
