"""Rewards whose vouchers have codes of a third party."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from loyalty.core.models import Event, User
from members.ledger.operations import InsufficientPoints
from members.models import Member, Wallet, WalletType
from rewards import redeeming
from rewards.models import Redemption, Reward, UploadedCode, Voucher
from rewards.planning import given_things
from rewards.planning.given_things import UnknownGift
from rewards.redeeming import RewardSoldOut, uploaded_codes, vouchers
from tests.cast import CARD, Shop
from tests.factories import RewardFactory, UserFactory


@pytest.fixture
def marketer(db: None) -> User:
    return UserFactory.create()


@pytest.fixture
def cinema(ada: Member, shop: Shop, points: WalletType) -> Reward:
    """100 points for a cinema ticket, of which there is no code yet; Ada has 1,000."""
    shop.sells("receipt-1", "1000.00")
    return RewardFactory.create(
        program=shop.program,
        key="cinema",
        wallet_type=points,
        price=100,
        codes_from="uploaded",
        stock=0,
        codes_warn_below=2,
    )


def upload(reward: Reward, by: User, *codes: str) -> uploaded_codes.Added:
    return uploaded_codes.add(reward, lines=codes, by=by, at=reward.program.created_at)


def left(reward: Reward) -> tuple[int | None, int]:
    """The stock, and codes that were not given."""
    reward.refresh_from_db()
    return reward.stock, UploadedCode.objects.filter(reward=reward, redemption=None).count()


class TestUpload:
    def test_adds_codes_to_the_stock(self, cinema: Reward, marketer: User):
        added = upload(cinema, marketer, "code;valid until", "CINE-0001;2027", ' "cine-0002" ', "", "CINE/3")

        assert (added.number, added.problems) == (3, ())
        assert left(cinema) == (3, 3)
        assert list(UploadedCode.objects.order_by("pk").values_list("code", flat=True)) == [
            "CINE-0001",
            "cine-0002",
            "CINE/3",
        ]

    def test_names_lines_that_bring_no_code_and_adds_the_others(
        self, cinema: Reward, shop: Shop, marketer: User, points: WalletType
    ):
        RewardFactory.create(program=shop.program, key="tea", wallet_type=points, price=10)
        ours = shop.redeems("tea").voucher_code
        upload(cinema, marketer, "CINE-0001")

        added = upload(cinema, marketer, "CINE-0001", "CINE-0002", "CINE-0002", "two words", "abc", ours)

        assert added.number == 1
        assert [str(problem) for problem in added.problems] == [
            "Line 1, “CINE-0001”: the program has this code already",
            "Line 3, “CINE-0002”: it is in line 2, too",
            "Line 4, “two words”: a code is 4 to 40 letters, digits and signs",
            "Line 5, “abc”: a code is 4 to 40 letters, digits and signs",
            f"Line 6, “{ours}”: the program has this code already",
        ]
        assert left(cinema) == (2, 2)

    def test_adds_nothing_the_second_time(self, cinema: Reward, marketer: User):
        upload(cinema, marketer, "CINE-0001", "CINE-0002")

        again = upload(cinema, marketer, "CINE-0001", "CINE-0002")

        assert again.number == 0
        assert left(cinema) == (2, 2)


class TestGiving:
    def test_takes_the_first_code_as_it_was_uploaded(self, cinema: Reward, shop: Shop, marketer: User):
        upload(cinema, marketer, "cine-0001", "cine-0002")

        redeemed = shop.redeems("cinema")

        given = UploadedCode.objects.get(redemption=redeemed.id)
        assert (redeemed.voucher_code, given.code, given.given_at) == ("cine-0001", "cine-0001", shop.at)
        assert Voucher.objects.get().code == "cine-0001"
        assert left(cinema) == (1, 1)

    def test_is_found_as_it_is_printed(self, cinema: Reward, shop: Shop, marketer: User):
        upload(cinema, marketer, "cine-0001")
        shop.redeems("cinema")

        found = vouchers.find(" cine-0001 ", program=shop.program)

        assert found.code == "cine-0001"

    def test_is_refused_when_none_is_left_and_costs_nothing(self, cinema: Reward, shop: Shop, marketer: User):
        upload(cinema, marketer, "CINE-0001")
        shop.redeems("cinema")

        with pytest.raises(RewardSoldOut):
            shop.redeems("cinema")

        assert Wallet.objects.get().available == 900
        assert redeeming.available_to(Member.objects.get().pk, program=shop.program, at=shop.at) == []

    def test_leaves_the_code_where_it_is_when_the_member_cannot_pay(
        self, cinema: Reward, shop: Shop, marketer: User
    ):
        upload(cinema, marketer, "CINE-0001")
        Reward.objects.update(price=5000)

        with pytest.raises(InsufficientPoints):
            shop.redeems("cinema")

        assert left(cinema) == (1, 1)

    def test_warns_when_few_are_left_and_when_none_is(self, cinema: Reward, shop: Shop, marketer: User):
        upload(cinema, marketer, "CINE-0001", "CINE-0002", "CINE-0003")

        for _ in range(3):
            shop.redeems("cinema")

        told = Event.objects.filter(type="reward.codes_low").order_by("number")
        assert [event.data for event in told] == [
            {"reward": "cinema", "left": 1},
            {"reward": "cinema", "left": 0},
        ]

    def test_is_no_gift_of_campaigns(self, cinema: Reward, shop: Shop):
        definition = {
            "trigger": {"kind": "sale"},
            "effects": [{"kind": "reward", "reward": cinema.key}],
        }

        with pytest.raises(UnknownGift):
            given_things.check(definition, program=shop.program)


class TestReservation:
    def test_keeps_a_code_for_who_confirms(self, cinema: Reward, shop: Shop, marketer: User):
        upload(cinema, marketer, "CINE-0001")
        held = shop.reserves("cinema")
        with pytest.raises(RewardSoldOut):
            shop.redeems("cinema")

        redeeming.confirm(held.pk, **shop._where())

        assert Voucher.objects.get().code == "CINE-0001"
        assert left(cinema) == (0, 0)

    def test_that_is_given_up_takes_no_code(self, cinema: Reward, shop: Shop, marketer: User):
        upload(cinema, marketer, "CINE-0001")
        held = shop.reserves("cinema")

        redeeming.cancel(held.pk, **shop._where())

        assert left(cinema) == (1, 1)

    def test_that_is_handed_over_at_once_takes_no_code(self, cinema: Reward, shop: Shop, marketer: User):
        upload(cinema, marketer, "CINE-0001")
        held = shop.reserves("cinema")

        redeeming.confirm(held.pk, is_handed_over=True, **shop._where())

        assert left(cinema) == (1, 1)
        redeeming.take_back(held.pk, **shop._where())
        assert left(cinema) == (1, 1)


class TestEnd:
    def test_does_not_bring_a_code_back_that_was_told(self, cinema: Reward, shop: Shop, marketer: User):
        upload(cinema, marketer, "CINE-0001", "CINE-0002")
        redeemed = shop.redeems("cinema")

        redeeming.cancel(redeemed.id, **shop._where())

        assert Wallet.objects.get().available == 1000
        assert left(cinema) == (1, 1)
        assert shop.later(minutes=1).redeems("cinema").voucher_code == "CINE-0002"

    def test_does_not_bring_a_code_back_that_was_voided(self, cinema: Reward, shop: Shop, marketer: User):
        upload(cinema, marketer, "CINE-0001", "CINE-0002")
        shop.redeems("cinema")

        vouchers.void(Voucher.objects.get().pk, program=shop.program, at=shop.at + timedelta(hours=1))

        assert left(cinema) == (1, 1)

    def test_of_a_code_that_was_given_cannot_be_undone_behind_the_back(
        self, cinema: Reward, shop: Shop, marketer: User
    ):
        upload(cinema, marketer, "CINE-0001")
        shop.redeems("cinema")

        with pytest.raises(Exception, match="Cannot update"):
            UploadedCode.objects.update(redemption=None, given_at=None)


class TestConstraint:
    @pytest.mark.parametrize("values", [{"stock": None}, {"stock": 0, "has_voucher": False}])
    def test_keeps_lists_without_stock_or_vouchers_out(self, shop: Shop, points: WalletType, values: Any):
        with pytest.raises(IntegrityError, match="an_uploaded_list_has_a_stock_and_vouchers"):
            RewardFactory.create(program=shop.program, wallet_type=points, codes_from="uploaded", **values)


class TestTheWayOfOthers:
    def test_brings_a_code_with_points_of_the_household(self, cinema: Reward, shop: Shop, marketer: User):
        upload(cinema, marketer, "CINE-0001")

        redeemed = redeeming.redeem(member=CARD, reward="cinema", from_household=True, **shop._where())

        assert redeemed.voucher_code == "CINE-0001"
        assert left(cinema) == (0, 0)

    def test_takes_no_more_statements_for_codes_of_our_own(
        self, cinema: Reward, shop: Shop, points: WalletType, django_assert_num_queries
    ):
        RewardFactory.create(program=shop.program, key="tea", wallet_type=points, price=10, stock=9)
        shop.redeems("tea")

        with django_assert_num_queries(4):  # what there is, what there will be, and a savepoint around it
            shop.redeems("tea")

        assert Redemption.objects.count() == 2
