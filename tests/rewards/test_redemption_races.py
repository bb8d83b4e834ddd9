"""Redemptions under many hands at once: threads with connections of their own."""

from datetime import timedelta
from typing import Any

import pytest

from members.ledger import verify
from members.models import Entry, Member, Wallet
from rewards import redeeming
from rewards.books import proving
from rewards.models import Redemption, Reward, Voucher
from tests import factories
from tests.cast import Shop
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def coffee(shop: Shop, ada: Member, points: Any) -> Reward:
    reward: Reward = factories.RewardFactory.create(
        program=shop.program, wallet_type=points, key="coffee", price=100, stock=5
    )
    shop.sells("receipt-1", "1000.00")
    return reward


def where(shop: Shop) -> dict[str, Any]:
    return {"program": shop.program, "source": "till", "actor": "partner:till", "at": shop.at}


def hold(shop: Shop) -> Any:
    return shop.reserves("coffee").pk


def faults() -> list[Any]:
    return list(verify.run(parts=(verify.LEDGER, verify.HOLDS, proving.ACTIVITIES)))


class TestReservations:
    def test_of_the_last_pieces_never_exceed_them(self, shop: Shop, coffee: Reward):
        results = at_once(12, lambda number: hold(shop))

        assert results.count("reward_sold_out") == 7
        assert Reward.objects.get().stock == 0
        assert Wallet.objects.get().held == 500
        assert faults() == []

    def test_and_purchases_never_exceed_the_limit_of_a_member(self, shop: Shop, coffee: Reward):
        Reward.objects.update(limit_per_member=3, stock=None)

        results = at_once(12, lambda number: hold(shop) if number % 2 else shop.redeems("coffee").id)

        assert results.count("reward_limit_reached") == 9
        assert Redemption.objects.count() == 3
        assert faults() == []

    def test_are_confirmed_or_given_up_and_never_both(self, shop: Shop, coffee: Reward):
        redemption_id = hold(shop)
        ways = [redeeming.confirm, redeeming.release]

        results = at_once(8, lambda number: ways[number % 2](redemption_id, **where(shop)).status)

        status = Redemption.objects.get().status
        wallet, entries = Wallet.objects.get(), Entry.objects.filter(kind__in=["settle", "release"])
        assert entries.count() == 1
        if status == "confirmed":
            assert results.count("redemption_not_in_state") == 4
            assert (wallet.available, Reward.objects.get().stock) == (900, 4)
        else:
            assert status == "cancelled"
            assert results.count("redemption_not_in_state") == 4
            assert (wallet.available, Reward.objects.get().stock) == (1000, 5)
        assert faults() == []

    def test_expire_once_while_somebody_confirms_them(self, shop: Shop, coffee: Reward):
        redemption_id = hold(shop)
        late = shop.at + timedelta(hours=1)

        def work(number: int) -> Any:
            if number % 2:
                return sum(redeeming.expire_overdue(shop.program, at=late))
            return redeeming.confirm(redemption_id, **where(shop)).status

        at_once(8, work)

        status, wallet = Redemption.objects.get().status, Wallet.objects.get()
        assert status in ("confirmed", "expired")
        assert wallet.available == (900 if status == "confirmed" else 1000)
        assert Voucher.objects.count() == (1 if status == "confirmed" else 0)
        assert faults() == []


class TestCancelling:
    def test_gives_back_once_whoever_asks_how_often(self, shop: Shop, coffee: Reward):
        bought = shop.redeems("coffee")

        results = at_once(8, lambda number: redeeming.cancel(bought.id, **where(shop)).status)

        assert results == ["cancelled"] * 8
        assert (Wallet.objects.get().available, Reward.objects.get().stock) == (1000, 5)
        assert Entry.objects.filter(kind="restore").count() == 1
        assert faults() == []
