"""The life of a redemption: reserved, confirmed, handed over, and every way back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from loyalty.core.models import Event
from members import expiry, holds, merging
from members.ledger import verify
from members.ledger.operations import InsufficientPoints
from members.models import Hold, Lot, Member, Wallet
from members.paying import HoldIsKept
from members.references import MemberIsBlocked
from rewards import redeeming
from rewards.books import proving
from rewards.models import Redemption, Reward, Voucher
from rewards.redeeming import (
    RedemptionNotInState,
    RewardLimitReached,
    RewardNotOnOffer,
    RewardSoldOut,
    UnknownRedemption,
    VoucherInUse,
)
from tests import factories
from tests.cast import Shop


@pytest.fixture
def coffee(shop: Shop, points) -> Reward:
    return factories.RewardFactory.create(
        program=shop.program, wallet_type=points, key="coffee", price=500, stock=2
    )


@pytest.fixture
def rich(shop: Shop, ada: Member, coffee: Reward) -> Iterator[Member]:
    """Ada with 700 points; whatever happens to them, the books are right in the end."""
    shop.sells("receipt-1", "700.00")
    yield ada
    assert list(verify.run(parts=(verify.LEDGER, verify.HOLDS, proving.ACTIVITIES))) == []


def where(shop: Shop, **more: Any) -> dict[str, Any]:
    return {"program": shop.program, "source": "till", "actor": "partner:till", "at": shop.at, **more}


def hold(shop: Shop, reward: str = "coffee", **more: Any) -> Redemption:
    return shop.reserves(reward, **more)


def purse(member: Member) -> tuple[int, int, int]:
    """Available, held and ever spent points."""
    wallet = Wallet.objects.get(member=member)
    return wallet.available, wallet.held, wallet.lifetime_spent


def told(*types: str) -> list[dict[str, Any]]:
    return [event.data for event in Event.objects.filter(type__in=types).order_by("number")]


class TestHold:
    def test_reserves_the_points_and_a_piece_and_gives_no_voucher_yet(self, shop: Shop, rich, coffee):
        held = hold(shop)

        held.refresh_from_db()
        assert (held.status, held.points, held.expires_at) == ("held", 500, shop.at + timedelta(minutes=15))
        assert purse(rich) == (200, 500, 0)
        assert Reward.objects.get().stock == 1
        assert not Voucher.objects.exists()
        assert told("redemption.held")[0]["points"] == 500
        assert not told("reward.redeemed", "voucher.issued")

    def test_refuses_what_cannot_be_paid_and_takes_no_piece(self, shop: Shop, rich, coffee):
        hold(shop)

        with pytest.raises(InsufficientPoints, match="has 200 points, not 500"):
            hold(shop)

        assert Reward.objects.get().stock == 1
        assert Redemption.objects.count() == 1

    def test_refuses_the_last_piece_twice(self, shop: Shop, rich, coffee):
        Reward.objects.update(stock=1, price=10)
        hold(shop)

        with pytest.raises(RewardSoldOut):
            hold(shop)

        assert purse(rich) == (690, 10, 0)

    def test_refuses_what_is_not_on_offer(self, shop: Shop, rich, coffee):
        Reward.objects.update(is_active=False)

        with pytest.raises(RewardNotOnOffer):
            hold(shop)

    def test_has_points_that_nobody_else_frees_or_spends(self, shop: Shop, rich, coffee):
        held = hold(shop)

        assert held.hold_id is not None
        with pytest.raises(HoldIsKept, match=f"redemption:{held.pk}"):
            holds.release(held.hold_id, **where(shop))
        with pytest.raises(HoldIsKept):
            holds.settle(held.hold_id, **where(shop))
        assert list(holds.expire_overdue(shop.program, at=shop.at + timedelta(days=1))) == []

        assert Hold.objects.get().status == "held"


class TestConfirm:
    def test_spends_the_points_and_issues_the_voucher(self, shop: Shop, rich, coffee):
        held = hold(shop)

        redeeming.confirm(held.pk, **where(shop.later(minutes=5)))

        voucher = Voucher.objects.get()
        assert voucher.redemption.status == "confirmed"
        assert voucher.expires_at == shop.at + timedelta(days=90, minutes=5)
        assert purse(rich) == (200, 0, 500)
        assert Reward.objects.get().stock == 1
        assert [event["points"] for event in told("reward.redeemed")] == [500]
        assert len(told("voucher.issued")) == 1
        assert voucher.code not in str(told("reward.redeemed", "voucher.issued", "points.spent"))

    def test_leaves_what_is_confirmed_as_it_is(self, shop: Shop, rich, coffee):
        held = hold(shop)
        redeeming.confirm(held.pk, **where(shop))

        again = redeeming.confirm(held.pk, **where(shop.later(hours=5)))

        assert again.confirmed_at == shop.at
        assert Voucher.objects.count() == 1
        assert purse(rich) == (200, 0, 500)

    def test_hands_over_at_once_without_a_voucher_at_a_checkout(self, shop: Shop, rich, coffee):
        held = hold(shop)

        redeeming.confirm(held.pk, is_handed_over=True, **where(shop))

        assert Redemption.objects.get().status == "fulfilled"
        assert not Voucher.objects.exists()
        assert len(told("redemption.fulfilled")) == 1

    def test_gives_no_voucher_where_the_reward_has_none(self, shop: Shop, rich, coffee):
        Reward.objects.update(has_voucher=False)
        held = hold(shop)

        redeeming.confirm(held.pk, **where(shop))

        assert Redemption.objects.get().status == "confirmed"
        assert not Voucher.objects.exists()

    def test_refuses_a_reservation_whose_time_is_over(self, shop: Shop, rich, coffee):
        held = hold(shop)

        with pytest.raises(RedemptionNotInState) as refusal:
            redeeming.confirm(held.pk, **where(shop.later(minutes=15)))

        assert refusal.value.extra == {"redemption_status": "expired"}
        assert purse(rich) == (200, 500, 0)

    def test_refuses_a_member_who_was_blocked_meanwhile(self, shop: Shop, rich, coffee):
        held = hold(shop)
        Member.objects.update(status="blocked")

        with pytest.raises(MemberIsBlocked):
            redeeming.confirm(held.pk, **where(shop))

        assert Redemption.objects.get().status == "held"

    def test_knows_nothing_of_another_program(self, shop: Shop, rich, coffee):
        held = hold(shop)
        elsewhere = factories.ProgramFactory.create()

        with pytest.raises(UnknownRedemption):
            redeeming.confirm(held.pk, **where(shop, program=elsewhere))


class TestRelease:
    def test_gives_points_and_piece_free(self, shop: Shop, rich, coffee):
        held = hold(shop)

        redeeming.release(held.pk, **where(shop.later(minutes=1)))
        redeeming.release(held.pk, **where(shop.later(minutes=2)))

        assert Redemption.objects.get().ended_at == shop.at + timedelta(minutes=1)
        assert (purse(rich), Reward.objects.get().stock) == ((700, 0, 0), 2)
        assert len(told("redemption.cancelled")) == 1

    def test_refuses_what_is_confirmed(self, shop: Shop, rich, coffee):
        held = hold(shop)
        redeeming.confirm(held.pk, **where(shop))

        with pytest.raises(RedemptionNotInState, match="Confirmed"):
            redeeming.release(held.pk, **where(shop))


class TestExpireOverdue:
    def test_ends_what_nobody_confirmed_in_time_and_no_other(self, shop: Shop, rich, coffee):
        Reward.objects.update(price=100)
        short, longer = hold(shop), hold(shop, lives_for=timedelta(hours=1))

        ended = list(redeeming.expire_overdue(shop.program, at=shop.at + timedelta(minutes=15)))

        assert ended == [1]
        assert Redemption.objects.get(pk=short.pk).status == "expired"
        assert Redemption.objects.get(pk=longer.pk).status == "held"
        assert (purse(rich), Reward.objects.get().stock) == ((600, 100, 0), 1)
        assert Hold.objects.get(kept_for=f"redemption:{short.pk}").status == "expired"
        assert [event["redemption_id"] for event in told("redemption.expired")] == [str(short.pk)]

    def test_does_nothing_the_second_time(self, shop: Shop, rich, coffee):
        hold(shop)
        tomorrow = shop.at + timedelta(days=1)
        list(redeeming.expire_overdue(shop.program, at=tomorrow))

        assert list(redeeming.expire_overdue(shop.program, at=tomorrow)) == []

        assert (purse(rich), Reward.objects.get().stock) == ((700, 0, 0), 2)


class TestCancel:
    @pytest.mark.parametrize("how", ["bought", "reserved"])
    def test_gives_everything_back_into_the_old_lots(self, shop: Shop, rich, coffee, how):
        lots = list(Lot.objects.values("pk", "available", "expires_at"))
        if how == "bought":
            redemption_id = shop.redeems("coffee").id
        else:
            redemption_id = hold(shop).pk
            redeeming.confirm(redemption_id, **where(shop))

        redeeming.cancel(redemption_id, reason="Wrong size", **where(shop.later(days=1)))

        assert list(Lot.objects.values("pk", "available", "expires_at")) == lots
        cancelled = Redemption.objects.get()
        assert (cancelled.status, cancelled.reason) == ("cancelled", "Wrong size")
        assert cancelled.ended_at == shop.at + timedelta(days=1)
        assert (purse(rich), Reward.objects.get().stock) == ((700, 0, 0), 2)
        assert Voucher.objects.get().status == "void"
        assert told("redemption.cancelled")[0]["points"] == 500
        assert told("points.restored")[0]["redemption_id"] == str(redemption_id)

    def test_leaves_what_is_cancelled_as_it_is(self, shop: Shop, rich, coffee):
        bought = shop.redeems("coffee")
        redeeming.cancel(bought.id, **where(shop))

        redeeming.cancel(bought.id, reason="Once more", **where(shop))

        assert (purse(rich), Reward.objects.get().stock) == ((700, 0, 0), 2)
        assert Redemption.objects.get().reason == ""

    def test_refuses_once_the_voucher_was_used(self, shop: Shop, rich, coffee):
        bought = shop.redeems("coffee")
        Voucher.objects.update(uses=1, status="used")

        with pytest.raises(VoucherInUse):
            redeeming.cancel(bought.id, **where(shop))

        assert purse(rich) == (200, 0, 500)
        assert Redemption.objects.get().status == "confirmed"

    def test_refuses_what_was_handed_over(self, shop: Shop, rich, coffee):
        bought = shop.redeems("coffee")
        redeeming.fulfil(bought.id, **where(shop))

        with pytest.raises(RedemptionNotInState, match="Handed over"):
            redeeming.cancel(bought.id, **where(shop))

    def test_lets_points_go_at_once_that_have_expired_meanwhile(self, shop: Shop, rich, coffee):
        Lot.objects.update(expires_at=shop.at + timedelta(days=10))
        bought = shop.redeems("coffee")
        late = shop.at + timedelta(days=11)
        list(expiry.run(shop.program, at=late))

        redeeming.cancel(bought.id, **where(shop, at=late))

        lot = Lot.objects.get()
        assert (lot.available, lot.redeemed, lot.expired) == (0, 0, 700)
        assert [event["points"] for event in told("points.restored", "points.expired")] == [200, 500, 500]
        # The lots' dates were moved behind the books' back.
        Lot.objects.update(expires_at=None)

    def test_gives_points_of_a_merged_member_to_the_other(self, shop: Shop, rich, coffee):
        bought = shop.redeems("coffee")
        other = factories.MemberFactory.create(program=shop.program)
        merging.merge(survivor=other, duplicate=rich, actor="staff:1", at=shop.at)

        redeeming.cancel(bought.id, **where(shop))

        assert purse(other)[0] == 700
        assert purse(rich)[:2] == (0, 0)

    def test_frees_no_piece_that_was_not_counted(self, shop: Shop, rich, coffee):
        Reward.objects.update(stock=None)
        bought = shop.redeems("coffee")
        Reward.objects.update(stock=5)

        redeeming.cancel(bought.id, **where(shop))

        assert Reward.objects.get().stock == 5

    def test_of_something_reserved_too_late_says_that_it_has_expired(self, shop: Shop, rich, coffee):
        held = hold(shop)

        redeeming.cancel(held.pk, **where(shop.later(hours=1)))

        assert Redemption.objects.get().status == "expired"
        assert purse(rich) == (700, 0, 0)


class TestFulfil:
    def test_says_when_and_how_it_was_sent(self, shop: Shop, rich, coffee):
        bought = shop.redeems("coffee")

        redeeming.fulfil(bought.id, tracking="DHL 1234", **where(shop.later(days=2)))
        redeeming.fulfil(bought.id, **where(shop.later(days=3)))

        fulfilled = Redemption.objects.get()
        assert (fulfilled.status, fulfilled.tracking) == ("fulfilled", "DHL 1234")
        assert fulfilled.fulfilled_at == shop.at + timedelta(days=2)
        assert len(told("redemption.fulfilled")) == 1

    def test_refuses_what_is_only_reserved(self, shop: Shop, rich, coffee):
        held = hold(shop)

        with pytest.raises(RedemptionNotInState):
            redeeming.fulfil(held.pk, **where(shop))


class TestTakeBack:
    def test_gives_everything_back_after_it_was_handed_over(self, shop: Shop, rich, coffee):
        bought = shop.redeems("coffee")
        redeeming.fulfil(bought.id, **where(shop))

        redeeming.take_back(bought.id, reason="Broken", **where(shop))
        redeeming.take_back(bought.id, **where(shop))

        returned = Redemption.objects.get()
        assert (returned.status, returned.reason) == ("returned", "Broken")
        assert (purse(rich), Reward.objects.get().stock) == ((700, 0, 0), 2)
        assert Voucher.objects.get().status == "void"
        assert len(told("redemption.returned")) == 1

    def test_keeps_a_voucher_that_was_used_up_as_it_is(self, shop: Shop, rich, coffee):
        bought = shop.redeems("coffee")
        Voucher.objects.update(uses=1, status="used")

        redeeming.take_back(bought.id, **where(shop))

        assert Voucher.objects.get().status == "used"
        assert purse(rich) == (700, 0, 0)

    def test_refuses_what_was_given_up_before(self, shop: Shop, rich, coffee):
        bought = shop.redeems("coffee")
        redeeming.cancel(bought.id, **where(shop))

        with pytest.raises(RedemptionNotInState, match="Cancelled"):
            redeeming.take_back(bought.id, **where(shop))


class TestLimitPerMember:
    @pytest.fixture(autouse=True)
    def _cheap(self, rich, coffee):
        Reward.objects.update(price=10, stock=None, limit_per_member=2)

    def test_counts_what_was_bought_and_what_is_reserved(self, shop: Shop):
        shop.redeems("coffee")
        hold(shop)

        with pytest.raises(RewardLimitReached) as refusal:
            shop.redeems("coffee")
        with pytest.raises(RewardLimitReached):
            hold(shop)

        assert refusal.value.extra == {"limit": 2, "period": "ever"}
        assert Redemption.objects.count() == 2

    def test_gives_room_again_when_something_is_given_up(self, shop: Shop):
        first = shop.redeems("coffee")
        second = hold(shop)
        third = redeeming.cancel(first.id, **where(shop))
        redeeming.release(second.pk, **where(shop))

        shop.redeems("coffee")
        shop.redeems("coffee")

        assert third.status == "cancelled"

    def test_does_not_count_a_reservation_whose_time_is_over(self, shop: Shop):
        hold(shop)
        hold(shop)

        shop.later(minutes=15).redeems("coffee")

        list(redeeming.expire_overdue(shop.program, at=shop.at + timedelta(minutes=15)))

    @pytest.mark.parametrize(
        ("period", "hours"),
        [
            ("day", 10),  # from Monday noon UTC (14:00 in Berlin) to Tuesday 00:00 in Berlin
            ("week", 10 + 6 * 24),
            ("month", 10 + 29 * 24),
        ],
    )
    def test_begins_anew_with_each_period_of_the_programs_calendar(self, shop: Shop, period, hours):
        Reward.objects.update(limit_period=period)
        shop.redeems("coffee")
        shop.redeems("coffee")

        with pytest.raises(RewardLimitReached):
            shop.later(hours=hours, seconds=-1).redeems("coffee")
        shop.later(hours=hours).redeems("coffee")

        assert Redemption.objects.count() == 3
