"""Returns of what a member bought who was merged since."""

from collections.abc import Callable

import pytest

from members import unmerging
from members.ledger import verify
from members.models import Lot, Member, Merge, Wallet
from members.references import MemberReference
from rewards.deciding.activities import ReturnedLine
from rewards.models import Activity, Reward
from tests import factories
from tests.cast import Shop
from tests.rewards.returns.conftest import Pay
from tests.rewards.returns.goods import BASKET


class TestOfAMergedMember:
    @pytest.fixture
    def merged(
        self, shop: Shop, ada: Member, grace: Member, merges: Callable[[Shop, Member, Member], Merge]
    ) -> Callable[[], Merge]:
        return lambda: merges(shop, ada, grace)

    def test_is_taken_from_who_has_the_points_now(
        self, shop: Shop, ada: Member, grace: Member, merged: Callable[[], Merge]
    ):
        shop.sells("r1", "100.00", lines=BASKET)
        shop.takes_back("b0", "r1", "10.00")
        merged()

        returned = shop.takes_back("b1", "r1", None, ReturnedLine(id="mug"))
        rest = shop.takes_back("b2", "r1")

        assert returned.member_id == grace.pk
        assert (returned.points, rest.points) == (-40, -50)
        assert Wallet.objects.get(member=grace).available == 0
        assert Lot.objects.get(member=grace).reversed == 90
        assert list(verify.run()) == []

    def test_counts_what_was_spent_before_or_since(
        self, shop: Shop, ada: Member, grace: Member, merged: Callable[[], Merge], cup: Reward
    ):
        shop.sells("r1", "100.00")
        shop.redeems("cup")
        merged()
        shop.later(days=1).sells("r2", "50.00", member=MemberReference("card", "2002"))

        returned = shop.later(days=2).takes_back("b1", "r1")

        # 20 came along, 50 are Grace's own: 30 of the 80 that bought a cup are not there any more.
        assert returned.returned is not None
        (taken,) = returned.returned["taken"]
        assert (taken["points"], taken["written_off"]) == (70, 30)
        assert Wallet.objects.get(member=grace).available == 0
        assert list(verify.run()) == []

    def test_is_taken_from_both_when_they_part_again(
        self, shop: Shop, ada: Member, grace: Member, merges: Callable[[Shop, Member, Member], Merge]
    ):
        shop.sells("r1", "100.00", lines=BASKET)
        merge = merges(shop, ada, grace)
        shop.takes_back("b1", "r1", None, ReturnedLine(id="mug"))
        unmerging.undo(merge, actor="staff:1", at=shop.later(days=1).at)

        returned = shop.later(days=2).takes_back("b2", "r1")

        assert (returned.member_id, returned.points) == (ada.pk, -60)
        assert returned.returned is not None
        assert returned.returned["taken"][0]["written_off"] == 0
        assert list(Wallet.objects.values_list("available", flat=True)) == [0, 0]
        assert list(verify.run()) == []

    def test_gives_points_that_paid_to_who_stands_for_them(
        self, shop: Shop, ada: Member, grace: Member, merged: Callable[[], Merge], pays: Pay
    ):
        shop.sells("r0", "200.00")
        pays(shop, ada, 150, "r1")
        shop.sells("r1", "100.00")
        merged()

        returned = shop.takes_back("b1", "r1")

        assert returned.returned is not None
        assert returned.returned["given_back"][0]["points"] == 150
        assert Wallet.objects.get(member=ada).available == 0
        assert Wallet.objects.get(member=grace).available == 200
        kept = Lot.objects.filter(member=grace, available__gt=0).values_list("earned_at", flat=True)
        assert set(kept) == {shop.at}
        assert list(verify.run()) == []

    def test_of_a_member_merged_twice_reaches_the_last(
        self,
        shop: Shop,
        ada: Member,
        grace: Member,
        merged: Callable[[], Merge],
        merges: Callable[[Shop, Member, Member], Merge],
    ):
        shop.sells("r1", "100.00")
        merged()
        hedy = factories.MemberFactory.create(program=shop.program, first_name="Hedy")
        merges(shop, grace, hedy)

        returned = shop.takes_back("b1", "r1", "60.00")

        assert (returned.member_id, returned.points) == (hedy.pk, -60)
        assert Wallet.objects.get(member=hedy).available == 40
        assert Activity.objects.get(kind="return").facts["owed"] != {}
        assert list(verify.run()) == []
