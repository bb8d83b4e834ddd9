"""Of those who want to end a checkout at the same moment, exactly one does."""

import random
from collections.abc import Callable
from decimal import Decimal

import pytest

from loyalty.core.models import Event
from members.ledger import verify
from members.models import Hold, Member, Wallet, WalletType
from rewards import redeeming
from rewards.checkouts import confirming, ending, giving_back, sessions
from rewards.checkouts.confirming import Payment, Purchase
from rewards.checkouts.contents import CheckoutContents, CheckoutRequest, PointsWanted
from rewards.deciding.activities import Line, Money
from rewards.journeys.undoing import Asked
from rewards.models import Activity, Checkout, Redemption, Reward
from tests.cast import CARD, Shop
from tests.races import at_once
from tests.rewards.checkouts.conftest import reward

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ladder")]

ROUNDS = 40
TEN_EUROS = (Line(id="1", sku="beans", amount=Money(amount="10.00", currency="EUR")),)


@pytest.fixture
def paying(ada: Member, points: WalletType, shop: Shop) -> Shop:
    """100 points pay a euro, and Ada has 100,000."""
    WalletType.objects.update(checkout_points=100, checkout_amount=Decimal("1.00"))
    shop.program.refresh_from_db()
    shop.sells("receipt-1", "100000.00")
    return shop


def begin(shop: Shop, *, points: int = 300, rewards: tuple[str, ...] = ()) -> Checkout:
    wanted = CheckoutRequest(
        member=CARD,
        lines=TEN_EUROS,
        points=(PointsWanted(wallet_type="points", points=points),) if points else (),
        rewards=rewards,
    )
    return sessions.begin(wanted, **shop._where())


def confirm(shop: Shop, checkout: Checkout, receipt: str) -> str:
    amount = Money(amount=str(checkout.total), currency="EUR")
    purchase = Purchase(external_id=receipt, payments=(Payment(method="card", amount=amount),))
    return str(confirming.confirm(checkout.pk, purchase, **shop._where()).status)


def abandon(shop: Shop, checkout: Checkout, receipt: str) -> str:
    return str(ending.abandon(checkout.pk, **shop._where()).status)


def expire(shop: Shop, checkout: Checkout, receipt: str) -> str:
    return "expired" if sum(ending.expire_overdue(shop.program, at=checkout.expires_at)) else "nothing"


def change(shop: Shop, checkout: Checkout, receipt: str) -> str:
    contents = CheckoutContents(lines=TEN_EUROS, points=(PointsWanted(wallet_type="points", points=200),))
    sessions.change(checkout.pk, contents, seen=lambda _: None, **shop._where())
    return "changed"


Step = Callable[[Shop, Checkout, str], str]


class TestEnds:
    @pytest.mark.slow
    def test_of_one_checkout_exactly_one_wins(self, paying: Shop):
        won = {"confirmed": 0, "abandoned": 0, "expired": 0}
        shop = paying
        reward(shop, "coffee", 200, stock=ROUNDS)

        for number in range(ROUNDS):
            checkout = begin(shop, rewards=("coffee",))
            before = Wallet.objects.get()
            ends: list[Step] = [confirm, abandon, expire, change]
            random.Random(number).shuffle(ends)

            def end(client: int, ends: list[Step] = ends, checkout: Checkout = checkout) -> str:
                return ends[client](shop, checkout, f"order-{checkout.pk}")

            results = at_once(4, end)

            checkout.refresh_from_db()
            if checkout.status == "open":  # it was changed, and what came then found its time anew
                assert "changed" in results
                ending.abandon(checkout.pk, **shop._where())
                continue
            won[checkout.status] += 1
            # Who has changed it first has changed what is to be paid, too.
            others = {"checkout_is_closed", "payments_do_not_add_up", "nothing", "changed"}
            assert set(results) <= {checkout.status, *others}, results
            told = Event.objects.filter(type__startswith="checkout.", data__checkout_id=str(checkout.pk))
            assert [event.type for event in told] == [f"checkout.{checkout.status}"]
            sold = Activity.objects.filter(external_id=f"order-{checkout.pk}").count()
            assert sold == (checkout.status == "confirmed")
            after = Wallet.objects.get()
            assert after.held == 0
            if checkout.status != "confirmed":
                assert after.available == before.available + before.held

        assert won["confirmed"] > 0, f"it was no race: {won}"
        assert won["abandoned"] + won["expired"] > 0, f"it was no race: {won}"
        assert not Hold.objects.open().exists()
        sold_pieces = Redemption.objects.filter(status="confirmed").count()
        assert Reward.objects.get().stock == ROUNDS - sold_pieces
        assert list(verify.run()) == []

    def test_by_a_crowd_that_pays_the_same_is_one(self, paying: Shop):
        checkout = begin(paying)

        results = at_once(8, lambda client: confirm(paying, checkout, "order-1"))

        assert results == ["confirmed"] * 8
        assert Activity.objects.filter(external_id="order-1").count() == 1

    def test_by_two_receipts_is_one(self, paying: Shop):
        checkout = begin(paying)

        results = at_once(8, lambda client: confirm(paying, checkout, f"order-{client}"))

        assert sorted(results) == ["checkout_is_closed"] * 7 + ["confirmed"]
        assert Activity.objects.filter(external_id__startswith="order-").count() == 1


class TestCancel:
    def test_by_a_crowd_gives_back_once(self, paying: Shop):
        reward(paying, "coffee", 200, stock=1)
        checkout = begin(paying, rewards=("coffee",))
        confirm(paying, checkout, "order-1")
        sale = Activity.objects.get(external_id="order-1")
        asked = Asked(program=paying.program, actor="partner:shop", at=paying.at)

        results = at_once(16, lambda client: giving_back.cancel(sale, asked))

        assert results == [None] * 16
        wallet = Wallet.objects.get()
        assert (wallet.available, wallet.held, Reward.objects.get().stock) == (100_000, 0, 1)
        assert Event.objects.filter(type="sale.cancelled").count() == 1
        assert list(verify.run()) == []

    def test_and_the_return_of_its_reward_by_hand_give_back_once(self, paying: Shop):
        reward(paying, "coffee", 200, stock=1)
        checkout = begin(paying, rewards=("coffee",))
        confirm(paying, checkout, "order-1")
        sale = Activity.objects.get(external_id="order-1")
        asked = Asked(program=paying.program, actor="partner:shop", at=paying.at)
        coffee = Redemption.objects.get()

        def end(client: int) -> None:
            if client % 2:
                giving_back.cancel(sale, asked)
            else:
                redeeming.cancel(coffee.pk, **paying._where())

        results = at_once(16, end)

        assert results == [None] * 16
        assert (Wallet.objects.get().available, Reward.objects.get().stock) == (100_000, 1)
        assert list(verify.run()) == []


class TestReservations:
    def test_of_the_last_piece_go_to_one_checkout(self, paying: Shop):
        reward(paying, "coffee", 200, stock=1)

        results = at_once(6, lambda client: begin(paying, rewards=("coffee",)).status)

        assert sorted(map(str, results)) == ["open"] + ["reward_sold_out"] * 5
        assert (Wallet.objects.get().held, Reward.objects.get().stock) == (500, 0)

    def test_of_the_last_points_go_to_one_checkout(self, ada: Member, points: WalletType, shop: Shop):
        WalletType.objects.update(checkout_points=100, checkout_amount=Decimal("1.00"))
        shop.program.refresh_from_db()
        shop.sells("receipt-1", "500.00")

        results = at_once(6, lambda client: str(begin(shop).status))

        assert sorted(results) == ["insufficient_points"] * 5 + ["open"]
        assert (Wallet.objects.get().available, Wallet.objects.get().held) == (200, 300)
