"""Who comes first, with real connections: a thread each, a barrier, and the database as referee."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import transaction

from loyalty.core.models import IdempotencyRecord, Program
from members.ledger import verify
from members.models import Entry, Member, Wallet
from members.references import MemberReference
from rewards.deciding.activities import ReturnedLine
from rewards.deciding.recorded import Recorded
from rewards.journeys import earning, waiting
from rewards.models import Activity, Redemption, Reward, WaitingReturn
from rewards.planning import making
from tests import factories
from tests.cast import Shop, line
from tests.clients import PartnerClient
from tests.races import at_once, connected, nothing_written_to, wait_for_locks, wallets_held
from tests.rewards.test_transactions_api import sale

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ladder")]


@pytest.fixture
def coffee(shop: Shop, points) -> Reward:
    return factories.RewardFactory.create(program=shop.program, wallet_type=points, key="coffee", price=100)


class TestSales:
    def test_of_one_member_all_count(self, shop: Shop, ada: Member):
        results = at_once(16, lambda number: shop.sells(f"receipt-{number}", "10.00").points)

        wallet = Wallet.objects.get(member=ada)
        assert results == [10] * 16
        assert (wallet.available, wallet.entry_count) == (160, 16)
        assert list(verify.run()) == []

    def test_of_one_receipt_one_counts(self, shop: Shop, ada: Member):
        results = at_once(16, lambda number: shop.sells("receipt-1", "10.00"))

        assert len({result.id for result in results}) == 1
        assert sum(not result.is_repeat for result in results) == 1
        assert Wallet.objects.get(member=ada).available == 10

    @pytest.mark.parametrize("keys", ["one", "many"])
    def test_repeats_of_one_call_are_told_of_the_one_booking(
        self, shop: Shop, ada: Member, transactional_till: PartnerClient, keys: str
    ):
        shop.sells("receipt-0", "10.00")

        def call(number: int) -> Any:
            key = "k" if keys == "one" else f"k{number}"
            return _copy(transactional_till).post("/v1/transactions", sale(), idempotency_key=key)

        with wallets_held():
            answers = at_once(12, call)

        booked = Activity.objects.get(external_id="receipt-1")
        assert {answer.status_code for answer in answers} == {201}
        assert {answer.json()["id"] for answer in answers} == {str(booked.pk)}
        assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == (
            11 if keys == "one" else 0
        )
        assert IdempotencyRecord.objects.count() == (1 if keys == "one" else 12)


class TestBatches:
    def test_of_the_same_members_take_turns_and_all_count(self, shop: Shop, ada: Member):
        _with_cards(shop, 40)
        shop.sells("receipt-0", "1.00")

        def report(number: int) -> list[Any]:
            """The same members in another order each, some of them with no points before."""
            cards = [1001 + (place * (number + 3)) % 41 for place in range(earning.MANY)]
            sales = [
                shop.sale(f"batch-{number}-{place}", "1.00", member=_card(str(card)))
                for place, card in enumerate(cards)
            ]
            return earning.record_many(
                sales, program=shop.program, source="till", actor="partner:till", at=shop.at
            )

        results = at_once(8, lambda number: report(number) if number < 6 else _sell_beside(shop, number))

        assert {type(one) for batch in results for one in batch} == {Recorded}
        assert sum(wallet.available for wallet in Wallet.objects.all()) == 1 + 6 * earning.MANY + 2 * 20
        assert list(verify.run()) == []


def _with_cards(shop: Shop, members: int) -> None:
    for number in range(1002, 1002 + members):
        member = factories.MemberFactory.create(program=shop.program)
        factories.IdentifierFactory.create(member=member, kind="card", value=str(number))


def _sell_beside(shop: Shop, number: int) -> list[Recorded]:
    """One by one, as a till does while others upload what they kept."""
    return [shop.sells(f"till-{number}-{step}", "1.00", member=_card(str(1001 + step))) for step in range(20)]


class TestRedemptions:
    def test_of_the_last_points_exactly_one_wins(self, shop: Shop, ada: Member, coffee: Reward):
        shop.sells("receipt-1", "150.00")

        results = at_once(12, lambda number: _code(shop, "coffee"))

        assert results.count("insufficient_points") == 11
        assert Wallet.objects.get(member=ada).available == 50
        assert Entry.objects.filter(kind="spend").count() == 1
        assert list(verify.run()) == []

    def test_of_the_last_pieces_as_many_win_as_there_are(self, shop: Shop, ada: Member, coffee: Reward):
        Reward.objects.update(stock=3)
        cards = [f"m{number}" for number in range(12)]
        for card in cards:
            factories.IdentifierFactory.create(member__program=shop.program, value=card)
            shop.sells(f"receipt-{card}", "100.00", member=_card(str(card)))

        results = at_once(12, lambda number: _code(shop, "coffee", cards[number]))

        assert results.count("reward_sold_out") == 9
        assert Reward.objects.get().stock == 0
        assert Redemption.objects.count() == 3
        assert list(verify.run()) == []

    def test_and_sales_of_one_member_do_not_lose_each_other(self, shop: Shop, ada: Member, coffee: Reward):
        shop.sells("receipt-0", "800.00")

        def work(number: int) -> Any:
            return _code(shop, "coffee") if number % 2 else shop.sells(f"receipt-{number + 1}", "5.00").points

        at_once(16, work)

        assert Wallet.objects.get(member=ada).available == 800 + 8 * 5 - 8 * 100
        assert list(verify.run()) == []


class TestReturns:
    def test_of_one_sale_never_exceed_it(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")

        def work(number: int) -> Any:
            return shop.takes_back(f"return-{number}", "receipt-1", "30.00").points

        results = at_once(8, work)

        assert sorted(map(str, results)) == ["-30"] * 3 + ["returned_too_much"] * 5
        assert Wallet.objects.get(member=ada).available == 10
        assert list(verify.run()) == []

    def test_of_a_sale_that_gave_nothing_never_exceed_it(self, shop: Shop, ada: Member):
        nothing = shop.later(days=-2000)
        nothing.sells("receipt-1", "100.00")
        assert not Wallet.objects.exists()

        def work(number: int) -> Any:
            return shop.takes_back(f"return-{number}", "receipt-1", "80.00").points

        results = at_once(6, work)

        assert results.count("returned_too_much") == 5
        assert Activity.objects.get(kind="sale").returned_amount == 80


class TestReturnsByLine:
    BASKET = (line("mug", "40.00"), line("coffee", "60.00", quantity="3"))

    def test_of_one_line_are_taken_once(self, shop: Shop, ada: Member):
        shop.sells("r1", "100.00", lines=self.BASKET)

        def work(number: int) -> Any:
            return shop.takes_back(f"b{number}", "r1", None, ReturnedLine(id="mug")).points

        results = at_once(16, work)

        assert sorted(map(str, results)) == ["-40"] + ["returned_too_much"] * 15
        assert Wallet.objects.get(member=ada).available == 60
        assert list(verify.run()) == []

    def test_of_a_sale_that_gave_nothing_are_taken_once_too(self, shop: Shop, ada: Member):
        long_ago = shop.later(days=-2000)
        long_ago.sells("r1", "100.00", lines=self.BASKET)
        assert not Wallet.objects.exists()

        results = at_once(
            8, lambda number: shop.takes_back(f"b{number}", "r1", None, ReturnedLine(id="mug")).points
        )

        assert sorted(map(str, results)) == ["0"] + ["returned_too_much"] * 7
        assert Activity.objects.get(kind="sale").returned_amount == 40

    def test_and_by_amount_end_at_the_whole(self, shop: Shop, ada: Member):
        shop.sells("r1", "100.00", lines=self.BASKET)

        def work(number: int) -> Any:
            if number % 2:
                return shop.takes_back(f"b{number}", "r1", "4.99").points
            return shop.takes_back(
                f"b{number}", "r1", None, ReturnedLine(id="coffee", quantity="0.250")
            ).points

        at_once(16, work)
        shop.takes_back("rest", "r1")

        assert Wallet.objects.get(member=ada).available == 0
        assert Activity.objects.get(kind="sale").returned_amount == 100
        assert list(verify.run()) == []

    def test_and_redemptions_never_overdraw(self, shop: Shop, ada: Member, coffee: Reward):
        shop.sells("r1", "1000.00")

        def work(number: int) -> Any:
            if number % 2:
                return _code(shop, "coffee")
            return shop.takes_back(f"b{number}", "r1", "125.00").returned

        results = at_once(16, work)

        bought = sum(isinstance(result, str) and result != "insufficient_points" for result in results)
        returns = [result for result in results if isinstance(result, dict)]
        written_off = sum(result["taken"][0]["written_off"] for result in returns)
        assert len(returns) == 8
        assert Wallet.objects.get(member=ada).available == 1000 - bought * 100 - (1000 - written_off)
        assert list(verify.run()) == []

    def test_that_wait_meet_their_sale_exactly_once(self, shop: Shop, ada: Member):
        shop.sells("r0", "500.00")

        def work(number: int) -> Any:
            if number % 4 == 0:
                return shop.sells("r1", "100.00").points
            return type(shop.hears_of_return(f"b{number % 4}", "r1", "20.00")).__name__

        at_once(16, work)
        waiting.sweep(shop.program, at=shop.at)

        assert Activity.objects.filter(kind="return").count() == 3
        assert not WaitingReturn.objects.waiting().exists()
        assert Wallet.objects.get(member=ada).available == 540
        assert list(verify.run()) == []

    def test_that_begin_to_wait_while_they_are_booked_are_told_of_the_one_booking(
        self, shop: Shop, ada: Member
    ):
        with ThreadPoolExecutor() as pool, nothing_written_to("rewards_waitingreturn"):
            early = pool.submit(connected(lambda: shop.hears_of_return("b1", "r1", "20.00")))
            wait_for_locks(1)
            pool.submit(connected(lambda: shop.sells("r1", "100.00"))).result()
            booked = pool.submit(connected(lambda: shop.takes_back("b1", "r1", "20.00"))).result()

        assert early.result().id == booked.id
        assert not WaitingReturn.objects.exists()

    def test_that_are_booked_while_they_begin_to_wait_have_the_id_that_was_told(
        self, shop: Shop, ada: Member
    ):
        shop.sells("r0", "500.00")

        with ThreadPoolExecutor() as pool, transaction.atomic():
            waits = shop.hears_of_return("b1", "r1", "20.00")
            pool.submit(connected(lambda: shop.sells("r1", "100.00"))).result()
            booked = pool.submit(connected(lambda: shop.takes_back("b1", "r1", "20.00")))
            wait_for_locks(1)

        assert booked.result().id == waits.id
        assert WaitingReturn.objects.get().activity_id == waits.id
        assert Wallet.objects.get(member=ada).available == 580


class TestCampaigns:
    def test_of_one_name_begun_at_once_have_a_key_each(self, program: Program):
        def begin(number: int) -> str:
            return making.draft(program, name="Milk week", definition={}).key

        keys = at_once(4, begin)

        assert sorted(keys) == ["milk-week", "milk-week-2", "milk-week-3", "milk-week-4"]


def _card(value: str) -> MemberReference:
    return MemberReference("card", value)


def _code(shop: Shop, reward: str, card: str = "1001") -> str:
    return shop.redeems(reward, _card(card)).voucher_code


def _copy(till: PartnerClient) -> PartnerClient:
    return PartnerClient(key=till.key, credential=till.credential)


@pytest.fixture
def transactional_till(shop: Shop) -> PartnerClient:
    partner = factories.PartnerFactory.create(program=shop.program, key="till")
    return PartnerClient.of(partner, scopes=["transactions:write"])
