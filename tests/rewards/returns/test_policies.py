"""Where points that are owed for a return are taken from, and what comes of those that are missing."""

import pytest

from members import expiry, pending
from members.ledger import verify
from members.models import Member, MemberTier, Wallet, WalletType
from rewards.models import Reward
from tests.cast import Shop
from tests.rewards.returns.goods import spendable


class TestPolicies:
    def test_within_balance_writes_off_what_was_spent(self, shop: Shop, ada: Member, cup: Reward):
        shop.sells("r1", "100.00")
        shop.redeems("cup")

        returned = shop.takes_back("b1", "r1")

        assert returned.returned is not None
        (taken,) = returned.returned["taken"]
        assert (taken["points"], taken["owed"], taken["written_off"], taken["debt"]) == (20, 100, 80, 0)
        shop.sells("r2", "50.00")
        assert spendable(ada) == 50
        assert list(verify.run()) == []

    def test_debt_is_paid_by_what_comes_next(
        self, shop: Shop, ada: Member, cup: Reward, indebted: WalletType
    ):
        shop.sells("r1", "100.00")
        shop.redeems("cup")

        returned = shop.takes_back("b1", "r1")

        assert returned.returned is not None
        (taken,) = returned.returned["taken"]
        assert (taken["points"], taken["owed"], taken["written_off"], taken["debt"]) == (20, 100, 0, 80)
        assert returned.awards[0]["reason"].endswith("; 80 points were spent and are owed")
        shop.sells("r2", "50.00")
        shop.sells("r3", "50.00")
        wallet = Wallet.objects.get(member=ada)
        assert (wallet.available, wallet.debt) == (20, 0)
        assert list(verify.run()) == []

    @pytest.mark.parametrize("policy", ["within_balance", "debt"])
    def test_take_each_sales_points_though_one_paid_for_the_other(
        self, shop: Shop, ada: Member, points: WalletType, cup: Reward, policy: str
    ):
        points.return_policy = policy
        points.save()
        shop.program.refresh_from_db()
        shop.later(days=-3).sells("r1", "100.00")
        shop.later(days=-2).sells("r2", "100.00")
        shop.redeems("cup")

        shop.takes_back("b1", "r1")
        shop.takes_back("b2", "r2")
        shop.sells("r3", "200.00")

        # All 200 are owed, 80 of them bought a cup.
        wallet = Wallet.objects.get(member=ada)
        assert wallet.available == (200 if policy == "within_balance" else 120)
        assert wallet.debt == 0
        assert list(verify.run()) == []

    def test_neither_counts_what_has_expired(self, shop: Shop, ada: Member, indebted: WalletType):
        indebted.expiry_rule, indebted.expires_after = "days", 30
        indebted.save()
        shop.program.refresh_from_db()
        shop.sells("r1", "100.00")
        later = shop.later(days=40)
        list(expiry.run(later.program, at=later.at))

        returned = later.takes_back("b1", "r1")

        assert returned.returned is not None
        (taken,) = returned.returned["taken"]
        assert (taken["points"], taken["owed"], taken["debt"]) == (0, 100, 0)
        assert Wallet.objects.get(member=ada).debt == 0


class TestPending:
    @pytest.fixture(autouse=True)
    def _for_two_weeks(self, points: WalletType, shop: Shop) -> None:
        points.pending_days = 14
        points.save()
        shop.program.refresh_from_db()

    def test_goes_first(self, shop: Shop, ada: Member):
        shop.sells("r1", "100.00")

        returned = shop.takes_back("b1", "r1", "30.00")

        assert returned.points == -30
        wallet = Wallet.objects.get(member=ada)
        assert (wallet.pending, wallet.available) == (70, 0)
        assert list(verify.run()) == []

    def test_that_was_cancelled_is_asked_of_nobody(self, shop: Shop, ada: Member):
        shop.later(days=-30).sells("r0", "50.00")
        list(pending.make_available(shop.program, at=shop.at))
        sold = shop.sells("r1", "100.00")
        shop.takes_back("b1", "r1", "30.00")
        lots = pending.lots_of(shop.program, activity_id=sold.id)
        pending.cancel(shop.program, member_id=ada.pk, lot_ids=lots, actor="staff:1", at=shop.at)

        returned = shop.takes_back("b2", "r1")

        assert returned.points == 0
        wallet = Wallet.objects.get(member=ada)
        assert (wallet.pending, wallet.available) == (0, 50)
        assert list(verify.run()) == []

    def test_pays_no_debt_before_it_is_there(self, shop: Shop, ada: Member, cup: Reward, points: WalletType):
        points.return_policy = "debt"
        points.save()
        shop.program.refresh_from_db()
        shop.later(days=-30).sells("r0", "80.00")
        list(pending.make_available(shop.program, at=shop.at))
        shop.redeems("cup")
        shop.takes_back("b0", "r0")

        shop.sells("r1", "100.00")

        wallet = Wallet.objects.get(member=ada)
        assert (wallet.pending, wallet.available, wallet.debt) == (100, 0, 80)
        list(pending.make_available(shop.program, at=shop.later(days=20).at))
        wallet.refresh_from_db()
        assert (wallet.pending, wallet.available, wallet.debt) == (0, 20, 0)
        shop.later(days=21).takes_back("b1", "r1")
        wallet.refresh_from_db()
        assert (wallet.available, wallet.debt) == (0, 80)
        assert list(verify.run()) == []


class TestOfExpiredPoints:
    def test_takes_the_progress_and_leaves_the_books_in_order(
        self, shop: Shop, ada: Member, points: WalletType
    ):
        points.expiry_rule, points.expires_after = "days", 30
        points.save()
        shop.program.refresh_from_db()
        shop.sells("r1", "100.00")
        late = shop.later(days=40)
        list(expiry.run(shop.program, at=late.at))

        returned = late.takes_back("b1", "r1")

        assert returned.points == 0
        assert MemberTier.objects.get(member=ada).progress == 0
        assert list(verify.run()) == []
