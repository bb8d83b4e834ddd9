from datetime import timedelta

import pytest

from loyalty.core.models import Event, Program
from members.ledger import verify
from members.ledger.operations import InsufficientPoints
from members.models import Entry, Member, Posting, Wallet
from members.references import MemberIsBlocked, MemberReference, UnknownMember
from rewards import redeeming
from rewards.models import Redemption, Reward, Voucher
from rewards.redeeming import RewardNotOnOffer, RewardSoldOut, UnknownReward
from tests import factories
from tests.cast import CARD, Shop


@pytest.fixture
def coffee(shop: Shop, points) -> Reward:
    return factories.RewardFactory.create(
        program=shop.program, wallet_type=points, key="coffee", price=500, stock=2
    )


class TestRedeem:
    def test_takes_the_points_and_gives_a_voucher(self, shop: Shop, ada: Member, coffee: Reward):
        shop.sells("receipt-1", "700.00")

        redeemed = shop.redeems("coffee")

        voucher = Voucher.objects.get()
        assert (redeemed.points, redeemed.balance) == (500, 200)
        assert redeemed.voucher_code == voucher.code
        assert voucher.expires_at == shop.at + timedelta(days=90)
        assert Redemption.objects.get().member == ada
        assert Wallet.objects.get(member=ada).lifetime_spent == 500
        assert Reward.objects.get().stock == 1
        assert list(verify.run()) == []

    def test_takes_the_points_that_were_earned_first(self, shop: Shop, ada: Member, coffee: Reward):
        first = shop.sells("receipt-1", "300.00")
        shop.later(days=1).sells("receipt-2", "300.00")

        shop.later(days=2).redeems("coffee")

        taken = dict(Posting.objects.filter(destination="redeemed").values_list("lot__activity_id", "points"))
        assert taken.pop(first.id) == 300
        assert list(taken.values()) == [200]

    def test_keeps_the_code_out_of_the_event_log(self, shop: Shop, ada: Member, coffee: Reward):
        shop.sells("receipt-1", "700.00")

        redeemed = shop.redeems("coffee")

        told = Event.objects.filter(type__in=["points.spent", "reward.redeemed", "voucher.issued"])
        assert len(told) == 3
        assert told.get(type="points.spent").data["wallet_type"] == "points"
        assert not any(redeemed.voucher_code in str(event.data) for event in told)

    def test_refuses_more_than_is_available_and_moves_nothing(self, shop: Shop, ada: Member, coffee: Reward):
        shop.sells("receipt-1", "499.99")

        with pytest.raises(InsufficientPoints, match="has 499 points, not 500"):
            shop.redeems("coffee")

        assert Wallet.objects.get(member=ada).available == 499
        assert Reward.objects.get().stock == 2
        assert not Entry.objects.filter(kind="spend").exists()
        assert not Redemption.objects.exists()

    def test_refuses_a_member_who_is_blocked_while_it_runs(
        self, shop: Shop, ada: Member, coffee: Reward, program: Program
    ):
        shop.sells("receipt-1", "700.00")

        def block(*_: object) -> None:
            Member.objects.update(status="blocked")

        with pytest.raises(MemberIsBlocked):
            redeeming.redeem(
                member=CARD,
                reward="coffee",
                program=program,
                source="till",
                actor="partner:till",
                at=shop.at,
                also=block,
            )

        assert Wallet.objects.get(member=ada).available == 700
        assert not Redemption.objects.exists()

    def test_refuses_what_is_sold_out(self, shop: Shop, ada: Member, coffee: Reward):
        Reward.objects.update(stock=0)
        shop.sells("receipt-1", "700.00")

        with pytest.raises(RewardSoldOut):
            shop.redeems("coffee")

    @pytest.mark.parametrize(
        "change",
        [
            {"is_active": False},
            {"starts_at": factories.NOON + timedelta(seconds=1)},
            {"ends_at": factories.NOON},
        ],
    )
    def test_refuses_what_is_not_on_offer(self, shop: Shop, ada: Member, coffee: Reward, change):
        Reward.objects.update(**change)
        shop.sells("receipt-1", "700.00")

        with pytest.raises(RewardNotOnOffer):
            shop.redeems("coffee")

    def test_refuses_a_reward_of_another_program(self, shop: Shop, ada: Member):
        factories.RewardFactory.create(key="tea")

        with pytest.raises(UnknownReward):
            shop.redeems("tea")

    def test_refuses_an_unknown_and_a_blocked_member(self, shop: Shop, ada: Member, coffee: Reward):
        with pytest.raises(UnknownMember):
            shop.redeems("coffee", MemberReference("card", "9999"))

        Member.objects.update(status="blocked")
        with pytest.raises(MemberIsBlocked):
            shop.redeems("coffee")
