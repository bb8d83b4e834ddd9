"""The page of a reward, and its stock."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty.core.models import Program, Role
from members.models import WalletType
from rewards.models import Reward
from tests import factories
from tests.admin.pages import page


class TestRewardPage:
    @pytest.fixture
    def mug(self, program: Program, points: WalletType) -> Reward:
        return factories.RewardFactory.create(program=program, wallet_type=points, key="mug", stock=5)

    def changes(self, client: Client, reward: Reward, change: str, pieces: object = "") -> Any:
        return client.post(
            reverse("admin:rewards_reward_change_stock", args=[reward.pk]),
            {"change": change, "pieces": pieces},
        )

    def test_saving_does_not_put_back_what_was_sold_meanwhile(self, marketer: Client, mug: Reward):
        form = {
            "name": "Big mug",
            "description": "",
            "wallet_type": str(mug.wallet_type_id),
            "price": "500",
            "stock": "5",
            "is_active": "on",
            "voucher_valid_days": "90",
            "voucher_uses": "1",
            "has_voucher": "on",
            "limit_period": "ever",
            "discount_kind": "none",
            "codes_from": "made",
            "codes_warn_below": "20",
        }
        Reward.objects.update(stock=3)

        with CaptureQueriesContext(connection) as queries:
            marketer.post(page("rewards.reward", "change", mug.pk), form)

        (update,) = [q["sql"] for q in queries if 'UPDATE "rewards_reward"' in q["sql"]]
        assert '"stock"' not in update
        mug.refresh_from_db()
        assert (mug.name, mug.stock) == ("Big mug", 3)

    def test_what_it_takes_off_is_asked_for_so_that_it_holds_together(self, marketer: Client, mug: Reward):
        form = {
            "name": "Big mug",
            "wallet_type": str(mug.wallet_type_id),
            "price": "500",
            "voucher_valid_days": "90",
            "voucher_uses": "1",
            "limit_period": "ever",
            "discount_kind": "percent",
            "codes_from": "made",
            "codes_warn_below": "20",
            "discount_amount": "5.00",
        }

        lacking = marketer.post(page("rewards.reward", "change", mug.pk), form)
        amount = form | {"discount_kind": "amount"}
        marketer.post(page("rewards.reward", "change", mug.pk), amount)
        marketer.post(page("rewards.reward", "change", mug.pk), form | {"discount_percent": "10"})

        assert "Say what is taken off." in lacking.content.decode()
        mug.refresh_from_db()
        told = (mug.discount_kind, mug.discount_percent, mug.discount_amount)
        assert told == ("percent", Decimal(10), None)

    def test_pieces_are_added_to_and_removed_from_what_is_there_now(self, marketer: Client, mug: Reward):
        offered = marketer.get(page("rewards.reward", "change", mug.pk)).content.decode()
        Reward.objects.update(stock=3)

        self.changes(marketer, mug, "add", 10)
        self.changes(marketer, mug, "remove", 4)

        mug.refresh_from_db()
        assert "Add or remove pieces" in offered
        assert mug.stock == 9
        history = marketer.get(page("rewards.reward", "history", mug.pk)).content.decode()
        assert "Stock: 10 added, 13 then." in history
        assert "Stock: 4 removed, 9 then." in history
        assert f"{Role.MARKETER}@coffee.example.org" in history

    def test_no_more_are_removed_than_there_are(self, marketer: Client, mug: Reward):
        response = self.changes(marketer, mug, "remove", 6)

        assert "There are 5 pieces" in response.content.decode()
        mug.refresh_from_db()
        assert mug.stock == 5
        history = marketer.get(page("rewards.reward", "history", mug.pk)).content.decode()
        assert "Stock:" not in history

    @pytest.mark.parametrize("pieces", ["", "-1", "many", "1000001"])
    def test_what_is_no_number_of_pieces_is_refused_at_the_field(
        self, marketer: Client, mug: Reward, pieces: str
    ):
        response = self.changes(marketer, mug, "add", pieces)

        assert response.context["form"].errors["pieces"]
        mug.refresh_from_db()
        assert mug.stock == 5

    def test_the_limit_is_lifted_and_set_again(self, marketer: Client, mug: Reward):
        self.changes(marketer, mug, "lift")
        mug.refresh_from_db()
        assert mug.stock is None

        self.changes(marketer, mug, "add", 5)
        mug.refresh_from_db()
        assert mug.stock is None

        self.changes(marketer, mug, "limit", 7)
        mug.refresh_from_db()
        assert mug.stock == 7

    def test_who_may_only_look_does_not_change_the_stock(self, support: Client, mug: Reward):
        assert self.changes(support, mug, "add", 5).status_code == 403
        mug.refresh_from_db()
        assert mug.stock == 5

    def test_another_programs_stock_is_not_found(self, marketer: Client, elsewhere: dict[str, Any]):
        assert self.changes(marketer, elsewhere["rewards.reward"], "lift").status_code == 404
