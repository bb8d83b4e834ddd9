"""Points that had paid for the goods come back to whoever paid."""

from collections.abc import Callable

import pytest

from loyalty.core.models import Event
from members import unmerging
from members.ledger import verify
from members.models import Entry, Hold, Lot, Member, Merge, Wallet, WalletType
from members.references import MemberReference
from rewards.deciding.activities import ReturnedLine
from rewards.models import Reward
from tests import factories
from tests.cast import Shop
from tests.rewards.returns.conftest import Pay
from tests.rewards.returns.goods import BASKET, spendable


class TestPaidWithPoints:
    """Ada has 300 points and pays with 200 of them for a basket of 100.00, which gives her 100."""

    @pytest.fixture
    def hold(self, shop: Shop, ada: Member, pays: Pay) -> Hold:
        shop.later(days=-20).sells("r0", "120.00")
        shop.later(days=-10).sells("r00", "180.00")
        hold = pays(shop, ada, 200, "r1")
        shop.sells("r1", "100.00", lines=BASKET)
        return hold

    def test_come_back_into_their_lots_with_the_whole_sale(self, shop: Shop, ada: Member, hold: Hold):
        returned = shop.takes_back("b1", "r1")

        assert returned.returned is not None
        assert returned.returned["given_back"] == [
            {
                "wallet_type": "points",
                "hold_id": str(hold.pk),
                "points": 200,
                "expired": 0,
                "debt_paid": 0,
            }
        ]
        assert spendable(ada) == 300
        hold.refresh_from_db()
        assert hold.restored == 200
        assert [(lot.redeemed, lot.available) for lot in Lot.objects.order_by("earned_at")][:2] == [
            (0, 120),
            (0, 180),
        ]
        assert [entry.kind for entry in Entry.objects.order_by("number")][-2:] == ["restore", "reverse"]
        assert Event.objects.get(type="points.restored").data["points"] == 200
        assert list(verify.run()) == []

    def test_come_back_by_amount_and_end_at_the_whole(self, shop: Shop, ada: Member, hold: Hold):
        for number, amount in enumerate(["33.33", "0.01", "33.33"]):
            shop.takes_back(f"b{number}", "r1", amount)

        hold.refresh_from_db()
        assert hold.restored == 133
        shop.takes_back("b9", "r1")
        hold.refresh_from_db()
        assert hold.restored == 200
        assert spendable(ada) == 300
        assert list(verify.run()) == []

    def test_come_back_by_line_if_it_is_known_what_they_paid_for(self, shop: Shop, ada: Member, pays: Pay):
        shop.sells("r0", "300.00")
        hold = pays(shop, ada, 200, "r1", coffee=150, mug=50)
        shop.sells("r1", "100.00", lines=BASKET)

        shop.takes_back("b1", "r1", None, ReturnedLine(id="coffee", quantity="1"))

        hold.refresh_from_db()
        assert hold.restored == 50
        assert spendable(ada) == 100 + 100 - 20 + 50

    def test_that_have_expired_meanwhile_expire_again_at_once(
        self, shop: Shop, ada: Member, points: WalletType, pays: Pay
    ):
        points.expiry_rule, points.expires_after = "days", 30
        points.save()
        shop.program.refresh_from_db()
        shop.later(days=-20).sells("r0", "120.00")
        shop.later(days=-10).sells("r00", "180.00")
        pays(shop, ada, 200, "r1")
        shop.sells("r1", "100.00", lines=BASKET)

        returned = shop.later(days=15).takes_back("b1", "r1")

        # The oldest 120 points were paid with first; their time is over.
        assert returned.returned is not None
        (given_back,) = returned.returned["given_back"]
        assert (given_back["points"], given_back["expired"]) == (200, 120)
        kinds = [(entry.kind, entry.points) for entry in Entry.objects.order_by("number")][-3:]
        assert kinds == [("restore", 200), ("expire", -120), ("reverse", -100)]
        assert spendable(ada) == 180
        assert list(verify.run()) == []

    def test_pay_what_the_same_return_takes(self, shop: Shop, ada: Member, hold: Hold, cup: Reward):
        shop.redeems("cup")
        shop.redeems("cup")
        assert spendable(ada) == 40

        returned = shop.takes_back("b1", "r1")

        assert returned.returned is not None
        assert returned.returned["taken"][0]["written_off"] == 0
        assert spendable(ada) == 40 + 200 - 100

    def test_pay_what_was_owed_before(
        self, shop: Shop, ada: Member, hold: Hold, cup: Reward, indebted: WalletType
    ):
        for _ in range(2):
            shop.redeems("cup")
        shop.takes_back("b0", "r0")
        assert Wallet.objects.get(member=ada).debt == 80

        returned = shop.takes_back("b1", "r1")

        assert returned.returned is not None
        assert returned.returned["given_back"][0]["debt_paid"] == 80
        wallet = Wallet.objects.get(member=ada)
        assert (wallet.available, wallet.debt) == (20, 0)
        assert list(verify.run()) == []


class TestPaidBySomebodyElse:
    """Grace pays with 150 of her 200 points for Ada's basket of 100.00."""

    @pytest.fixture
    def hold(self, shop: Shop, ada: Member, grace: Member, pays: Pay) -> Hold:
        shop.sells("r0", "200.00", member=MemberReference("card", "2002"))
        hold = pays(shop, grace, 150, "r1")
        shop.sells("r1", "100.00", lines=BASKET)
        return hold

    def test_gives_the_points_back_to_who_paid(self, shop: Shop, ada: Member, grace: Member, hold: Hold):
        coffee = shop.takes_back("b1", "r1", None, ReturnedLine(id="coffee"))
        rest = shop.takes_back("b2", "r1")

        assert (coffee.member_id, coffee.points, rest.points) == (ada.pk, -60, -40)
        assert (spendable(ada), spendable(grace)) == (0, 200)
        assert Hold.objects.get(pk=hold.pk).restored == 150
        assert list(verify.run()) == []

    def test_gives_them_to_who_stands_for_the_payer(
        self,
        shop: Shop,
        ada: Member,
        grace: Member,
        hold: Hold,
        merges: Callable[[Shop, Member, Member], Merge],
    ):
        hedy = factories.MemberFactory.create(program=shop.program, first_name="Hedy")
        merges(shop, grace, hedy)

        shop.takes_back("b1", "r1")

        assert (spendable(ada), spendable(grace), spendable(hedy)) == (0, 0, 200)
        assert list(verify.run()) == []

    def test_gives_them_back_when_the_two_were_merged_and_parted(
        self,
        shop: Shop,
        ada: Member,
        grace: Member,
        pays: Pay,
        merges: Callable[[Shop, Member, Member], Merge],
    ):
        shop.later(days=-10).sells("r0", "200.00", member=MemberReference("card", "2002"))
        shop.sells("r1", "100.00", lines=BASKET)
        merge = merges(shop, ada, grace)
        pays(shop, grace, 50, "r1")
        unmerging.undo(merge, actor="staff:1", at=shop.later(days=1).at)

        shop.later(days=2).takes_back("b1", "r1")

        assert (spendable(ada), spendable(grace)) == (0, 200)
        assert list(verify.run()) == []
