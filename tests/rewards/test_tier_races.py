"""Tiers and lists that many write at once, each over a connection of its own."""

from datetime import timedelta

import pytest

from loyalty.core.models import Event
from members import segments
from members.models import FormerTier, Member, MemberTier, Segment, SegmentMember
from tests.cast import Shop
from tests.races import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ladder")]


class TestSales:
    def test_that_reach_a_tier_together_leave_the_one_before_once(self, shop: Shop, ada: Member):
        shop.sells("receipt-0", "10.00")
        later = shop.later(hours=1)

        at_once(8, lambda number: later.sells(f"receipt-{number + 1}", "500.00").tier)

        standing = MemberTier.objects.get(member=ada)
        assert (standing.tier.key, standing.progress) == ("silver", 4010)
        former = FormerTier.objects.get(member=ada)
        assert (former.tier.key, former.starts_at, former.ends_at) == ("basic", shop.at, later.at)

    def test_that_come_in_any_order_leave_a_history_without_holes(self, shop: Shop, ada: Member):
        shop.sells("receipt-0", "10.00")
        evening = shop.later(hours=9)

        def sell(number: int) -> str | None:
            at = shop.at + timedelta(hours=1 + number)
            return evening.sells(f"receipt-{number + 1}", "1000.00", occurred_at=at).tier

        at_once(6, sell)

        # Silver is no part of it if the last of these sales was the first to come.
        standing = MemberTier.objects.get(member=ada)
        former = list(FormerTier.objects.filter(member=ada).order_by("pk"))
        assert (former[0].tier.key, former[0].starts_at, standing.tier.key) == ("basic", shop.at, "gold")
        starts = [one.starts_at for one in former[1:]]
        assert [one.ends_at for one in former] == [*starts, standing.since]


class TestLists:
    def test_members_who_are_put_on_a_list_by_several_are_new_once(self, shop: Shop, ada: Member):
        vip = Segment.objects.create(program=shop.program, key="vip", name="VIP", kind="list")

        found = at_once(6, lambda _: segments.enter(vip, member_ids=[ada.pk], at=shop.at))

        assert sorted(found) == [[]] * 5 + [[ada.pk]]
        assert SegmentMember.objects.count() == 1
        assert Event.objects.filter(type="segment.entered").count() == 1
