"""Codes of an uploaded list under many hands: threads with connections of their own."""

import pytest

from members.ledger import verify
from members.models import Wallet, WalletType
from members.references import MemberReference
from rewards import redeeming
from rewards.models import Reward, UploadedCode, Voucher
from rewards.redeeming import uploaded_codes
from tests import factories
from tests.cast import Shop
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

CLIENTS = 64
CODES = 40


@pytest.fixture
def cards(shop: Shop, points: WalletType) -> list[MemberReference]:
    """64 members who can buy two tickets each."""
    found = []
    for number in range(CLIENTS):
        card = factories.IdentifierFactory.create(member__program=shop.program, value=f"7{number:03}")
        found.append(MemberReference("card", card.value))
        shop.sells(f"receipt-{number}", "200.00", member=found[-1])
    return found


@pytest.fixture
def cinema(shop: Shop, points: WalletType) -> Reward:
    reward: Reward = factories.RewardFactory.create(
        program=shop.program, key="cinema", wallet_type=points, price=100, codes_from="uploaded", stock=0
    )
    codes = [f"CINE-{number:03}" for number in range(CODES)]
    uploaded_codes.add(reward, lines=codes, by=factories.UserFactory.create(), at=shop.at)
    return reward


class TestSixtyFour:
    def test_who_buy_at_once_get_a_code_each_and_none_twice(self, shop: Shop, cards, cinema: Reward):
        results = at_once(CLIENTS, lambda number: shop.redeems("cinema", cards[number]).voucher_code)

        given = [result for result in results if result.startswith("CINE-")]
        assert len(given) == len(set(given)) == CODES
        assert results.count("reward_sold_out") == CLIENTS - CODES
        assert set(given) == set(Voucher.objects.values_list("code", flat=True))
        assert not UploadedCode.objects.filter(redemption=None).exists()
        assert Reward.objects.get().stock == 0
        assert list(verify.run(parts=(verify.LEDGER,))) == []

    def test_who_reserve_and_confirm_while_others_buy_all_get_what_they_reserved(
        self, shop: Shop, cards, cinema: Reward
    ):
        def work(number: int) -> str:
            if number % 2:
                return shop.redeems("cinema", cards[number]).voucher_code
            held = shop.reserves("cinema", cards[number])
            redeeming.confirm(held.pk, **shop._where())
            return str(Voucher.objects.get(redemption=held.pk).code)

        results = at_once(CLIENTS, work)

        given = [result for result in results if result.startswith("CINE-")]
        assert len(given) == len(set(given)) == CODES
        assert results.count("reward_sold_out") == CLIENTS - CODES
        assert Wallet.objects.filter(held__gt=0).count() == 0
        assert list(verify.run(parts=(verify.LEDGER, verify.HOLDS))) == []
