"""Redemptions in the admin: what staff see of them, and what they may do."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from loyalty.core import audit
from loyalty.core.models import Program, Role
from members.models import Member, Wallet
from rewards import redeeming
from rewards.models import Redemption, Reward, Voucher
from rewards.redeeming import vouchers
from tests import factories
from tests.cast import Shop
from tests.clients import staff


@pytest.fixture
def today(shop: Shop, ada: Member, points: Any) -> Shop:
    """Ada has 1,000 points, and coffee costs 500."""
    factories.RewardFactory.create(
        program=shop.program, wallet_type=points, key="coffee", name="Coffee", stock=3
    )
    shop.sells("receipt-1", "1000.00")
    return replace(shop, at=timezone.now())


@pytest.fixture
def support(program: Program) -> Client:
    return staff(program, Role.SUPPORT)


def page(redemption_id: Any, verb: str = "change") -> str:
    return reverse(f"admin:rewards_redemption_{verb}", args=[redemption_id])


class TestPage:
    def test_shows_where_it_stands_and_offers_what_can_be_done(self, support: Client, today: Shop):
        held = today.reserves("coffee")
        bought = today.redeems("coffee")

        reserved = support.get(page(held.pk)).content.decode()
        confirmed = support.get(page(bought.id)).content.decode()

        assert ">Reserved</span>" in reserved
        assert page(held.pk, "cancel") in reserved
        assert page(held.pk, "fulfil") not in reserved
        assert ">Confirmed</span>" in confirmed
        assert bought.voucher_code in confirmed
        assert page(bought.id, "fulfil") in confirmed
        assert page(bought.id, "return") not in confirmed

    def test_shows_what_the_voucher_was_used_for_and_then_offers_a_return(self, support: Client, today: Shop):
        bought = today.redeems("coffee")
        vouchers.use(
            bought.voucher_code, external_id="r-77", program=today.program, source="till", at=today.at
        )

        body = support.get(page(bought.id)).content.decode()

        assert "r-77" in body
        assert "1 of 1 times" in body
        assert page(bought.id, "cancel") not in body
        assert page(bought.id, "return") in body

    def test_does_not_call_reserved_what_is_over(self, support: Client, shop: Shop, today: Shop):
        held = shop.reserves("coffee")  # in June, long ago

        body = support.get(page(held.pk)).content.decode()

        assert "Time is over" in body

    @pytest.mark.parametrize("role", [Role.MARKETER, Role.FINANCE])
    def test_offers_nothing_to_who_may_only_look(self, program: Program, today: Shop, role):
        bought = today.redeems("coffee")
        client = staff(program, role)

        body = client.get(page(bought.id)).content.decode()
        answers = [client.post(page(bought.id, verb)).status_code for verb in ("cancel", "fulfil", "return")]

        assert page(bought.id, "cancel") not in body
        assert answers == [403] * 3
        assert Redemption.objects.get().status == "confirmed"


class TestActions:
    def test_cancel_gives_all_back_and_is_noted(self, support: Client, today: Shop):
        bought = today.redeems("coffee")

        response = support.post(page(bought.id, "cancel"), {"reason": "Ordered twice"}, follow=True)

        redemption = Redemption.objects.get()
        assert "the points are back" in response.content.decode()
        assert (redemption.status, redemption.reason) == ("cancelled", "Ordered twice")
        assert (Wallet.objects.get().available, Reward.objects.get().stock) == (1000, 3)
        assert Voucher.objects.get().status == "void"
        (step,) = audit.trail(redemption)
        assert step.by is not None
        assert "Ordered twice" in step.summary

    def test_fulfil_and_return_follow_each_other(self, support: Client, today: Shop):
        bought = today.redeems("coffee")

        support.post(page(bought.id, "fulfil"), {"tracking": "JD01"})
        fulfilled = Redemption.objects.get()
        support.post(page(bought.id, "return"), {"reason": "Broken"})

        assert (fulfilled.status, fulfilled.tracking) == ("fulfilled", "JD01")
        assert Redemption.objects.get().status == "returned"
        assert Wallet.objects.get().available == 1000

    def test_says_why_something_cannot_be_done_any_more(self, support: Client, today: Shop):
        bought = today.redeems("coffee")
        redeeming.fulfil(bought.id, program=today.program, source="till", actor="till", at=today.at)

        response = support.post(page(bought.id, "cancel"), follow=True)

        assert "Handed over" in response.content.decode()
        assert Redemption.objects.get().status == "fulfilled"

    def test_knows_nothing_of_another_program(self, today: Shop):
        bought = today.redeems("coffee")
        stranger = staff(factories.ProgramFactory.create(), Role.SUPPORT)

        assert stranger.post(page(bought.id, "cancel")).status_code == 404

    def test_takes_only_posts(self, support: Client, today: Shop):
        bought = today.redeems("coffee")

        assert support.get(page(bought.id, "cancel")).status_code == 405


class TestVoid:
    def test_takes_a_reason_and_leaves_it_in_the_history(self, support: Client, today: Shop):
        bought = today.redeems("coffee")

        answer = support.post(page(bought.id, "void"), {"reason": "Was on a stolen phone"}, follow=True)
        history = support.get(reverse("admin:rewards_redemption_history", args=[bought.id]))

        assert "Its voucher is void." in answer.content.decode()
        assert Redemption.objects.get().voucher.status == "void"
        assert Redemption.objects.get().status == "confirmed"
        assert "Was on a stolen phone" in history.content.decode()

    def test_changes_nothing_without_a_reason(self, support: Client, today: Shop):
        bought = today.redeems("coffee")

        answer = support.post(page(bought.id, "void"), {"reason": " "}, follow=True)

        assert "Say why" in answer.content.decode()
        assert Redemption.objects.get().voucher.status == "issued"

    def test_takes_the_permission(self, program: Program, today: Shop):
        bought = today.redeems("coffee")

        answer = staff(program, Role.MARKETER).post(page(bought.id, "void"), {"reason": "Why not"})

        assert answer.status_code == 403
        assert Redemption.objects.get().voucher.status == "issued"

    def test_refuses_one_that_is_used_up_and_one_of_another_program(self, support: Client, today: Shop):
        bought = today.redeems("coffee")
        vouchers.use(bought.voucher_code, external_id="r", program=today.program, source="till", at=today.at)
        stranger = staff(factories.ProgramFactory.create(), Role.SUPPORT)

        used = support.post(page(bought.id, "void"), {"reason": "Late"}, follow=True)
        foreign = stranger.post(page(bought.id, "void"), {"reason": "Mine"})

        assert "used up" in used.content.decode()
        assert foreign.status_code == 404


class TestUploadedCodes:
    @pytest.fixture
    def cinema(self, program: Program, points: Any) -> Reward:
        return factories.RewardFactory.create(
            program=program, wallet_type=points, key="cinema", codes_from="uploaded", stock=0
        )

    def upload(self, client: Client, reward: Reward, content: bytes) -> str:
        address = reverse("admin:rewards_reward_upload_codes", args=[reward.pk])
        answer = client.post(address, {"file": SimpleUploadedFile("codes.csv", content)})
        assert answer.status_code == 200
        return answer.content.decode()

    def test_are_added_and_lines_that_bring_none_are_named(self, program: Program, cinema: Reward):
        body = self.upload(staff(program, Role.MARKETER), cinema, b"code\nCINE-1\nCINE-1\nCINE-2\n")

        assert "2 codes are added" in body
        assert "Line 3, “CINE-1”: it is in line 2, too" in body
        cinema.refresh_from_db()
        assert cinema.stock == 2

    @pytest.mark.parametrize(
        ("content", "said"),
        [(b"a b\n", "No line brings a new code"), (b"\xff\xfe", "not in UTF-8"), (b"", "empty")],
    )
    def test_are_refused_with_a_reason(self, program: Program, cinema: Reward, content, said):
        body = self.upload(staff(program, Role.MARKETER), cinema, content)

        assert said in body
        cinema.refresh_from_db()
        assert cinema.stock == 0

    def test_are_the_stock_so_that_pieces_are_not_counted_by_hand(self, program: Program, cinema: Reward):
        client = staff(program, Role.MARKETER)

        page_of_it = client.get(reverse("admin:rewards_reward_change", args=[cinema.pk])).content.decode()
        counted = client.post(
            reverse("admin:rewards_reward_change_stock", args=[cinema.pk]), {"change": "add", "pieces": 5}
        )

        assert "0 codes are left: upload more." in page_of_it
        assert reverse("admin:rewards_reward_upload_codes", args=[cinema.pk]) in page_of_it
        assert reverse("admin:rewards_reward_change_stock", args=[cinema.pk]) not in page_of_it
        assert counted.status_code == 403
        cinema.refresh_from_db()
        assert cinema.stock == 0

    def test_are_uploaded_by_those_only_who_may_change_rewards_of_that_program(
        self, program: Program, support: Client, points: Any, cinema: Reward
    ):
        address = reverse("admin:rewards_reward_upload_codes", args=[cinema.pk])
        coffee = factories.RewardFactory.create(program=program, wallet_type=points, key="coffee")
        made_here = reverse("admin:rewards_reward_upload_codes", args=[coffee.pk])
        stranger = staff(factories.ProgramFactory.create(), Role.MARKETER)

        assert support.get(address).status_code == 403
        assert stranger.get(address).status_code in (403, 404)
        assert staff(program, Role.MARKETER).get(made_here).status_code in (403, 404)

    def test_begin_with_none_in_the_form_of_the_reward(self, program: Program, points: Any):
        form = {
            "name": "Cinema", "key": "cinema", "wallet_type": points.pk, "price": 300, "limit_period": "ever",
            "voucher_valid_days": 30, "voucher_uses": 1, "discount_kind": "none", "has_voucher": "on",
            "codes_from": "uploaded", "codes_warn_below": 5, "stock": "",
        }  # fmt: skip
        client = staff(program, Role.MARKETER)

        without = client.post(reverse("admin:rewards_reward_add"), form | {"has_voucher": ""})
        client.post(reverse("admin:rewards_reward_add"), form)

        assert "it gives one" in without.content.decode()
        reward = Reward.objects.get()
        assert (reward.codes_from, reward.stock, reward.codes_warn_below) == ("uploaded", 0, 5)


class TestRewardForm:
    def test_sets_limit_and_voucher(self, program: Program, points: Any):
        client = staff(program, Role.MARKETER)
        form = {
            "name": "Cake", "key": "cake", "wallet_type": points.pk, "price": 300, "is_active": "on",
            "limit_per_member": 2, "limit_period": "week", "voucher_valid_days": 30, "voucher_uses": 3,
            "has_voucher": "on", "discount_kind": "none", "codes_from": "made",
            "codes_warn_below": 20,
        }  # fmt: skip

        client.post(reverse("admin:rewards_reward_add"), form)
        listed = client.get(reverse("admin:rewards_reward_changelist")).content.decode()

        reward = Reward.objects.get()
        assert (reward.limit_per_member, reward.limit_period, reward.voucher_uses) == (2, "week", 3)
        assert "2 · A week" in listed

    @pytest.mark.parametrize(
        "wrong", [{"limit_per_member": 0}, {"voucher_uses": 0}, {"limit_period": "hour"}]
    )
    def test_refuses_what_makes_no_sense(self, program: Program, points: Any, wrong):
        form = {
            "name": "Cake", "key": "cake", "wallet_type": points.pk, "price": 300, "limit_period": "ever",
            "voucher_valid_days": 30, "voucher_uses": 1, "discount_kind": "none", "codes_from": "made",
            "codes_warn_below": 20,
        }  # fmt: skip

        response = staff(program, Role.MARKETER).post(reverse("admin:rewards_reward_add"), form | wrong)

        assert response.status_code == 200
        assert not Reward.objects.exists()
