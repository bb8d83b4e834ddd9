"""What was used at a checkout comes back when its whole order does, and only then."""

from decimal import Decimal
from typing import Any

import pytest

from loyalty.core.models import Event
from members import merging
from members.ledger import verify
from members.models import Entry, Wallet
from rewards.deciding.activities import ReturnedLine
from rewards.happenings import noticing
from rewards.models import Redemption, Reward, Voucher, VoucherUse
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.rewards.checkouts.conftest import reward
from tests.rewards.checkouts.test_api import at, opened, paid, refused, using, wallet

pytestmark = pytest.mark.usefixtures("_at_noon")


def bought(till: PartnerClient, total: str, receipt: str = "order-1", **applied: Any) -> dict[str, Any]:
    """A checkout that was paid with that."""
    answer = till.post(at(opened(till, **applied), "confirm"), paid(total, receipt))
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def cancelled(till: PartnerClient, order: dict[str, Any], **more: Any) -> Any:
    answer = till.post(f"/v1/transactions/{order['transaction']['id']}/cancel", {"reason": "Twice"}, **more)
    assert answer.status_code == 200, answer.content
    return answer.json()


def told(*types: str) -> list[str]:
    return list(Event.objects.filter(type__in=types).order_by("number").values_list("type", flat=True))


class TestCancel:
    def test_gives_back_points_rewards_and_uses_of_vouchers(
        self, till, rich: Shop, five_off: Reward, coffee: Reward
    ):
        ten_off = reward(rich, "one-off", 100, discount_kind="amount", discount_amount=Decimal(1))
        code = rich.redeems(ten_off.key).voucher_code
        order = bought(till, "8.00", points=using(200), rewards=["five-off", "coffee"], vouchers=[code])
        assert wallet() == (8, 0)

        answer = cancelled(till, order)

        assert wallet() == (900, 0)
        off, cup = answer["used"]["rewards"]
        assert (off["status"], off["has_come_back"], off["kept_because"]) == ("returned", True, "")
        assert (cup["status"], cup["has_come_back"], cup["kept_because"]) == ("cancelled", True, "")
        assert [(one["points"], one["came_back"]) for one in answer["used"]["points"]] == [(200, 200)]
        assert [(one["status"], one["has_come_back"]) for one in answer["used"]["vouchers"]] == [
            ("issued", True)
        ]
        voucher = Voucher.objects.get(code=code)
        assert (voucher.status, voucher.uses, voucher.reserved) == ("issued", 0, 0)
        assert Voucher.objects.get(redemption=cup["redemption_id"]).status == "void"
        coffee.refresh_from_db()
        assert coffee.stock == 2
        assert set(Redemption.objects.exclude(reward=ten_off).values_list("reason", flat=True)) == {
            "sale_cancelled"
        }
        assert told(
            "redemption.returned", "redemption.cancelled", "voucher.rolled_back", "sale.cancelled"
        ) == [
            "voucher.rolled_back",
            "redemption.cancelled",
            "redemption.returned",
            "sale.cancelled",
        ]
        assert list(verify.run()) == []

    def test_again_gives_nothing_back_twice(self, till, rich: Shop, five_off: Reward, coffee: Reward):
        code = rich.redeems("coffee").voucher_code
        order = bought(till, "9.00", points=using(200), rewards=["five-off"], vouchers=[code])
        first = cancelled(till, order)
        # The voucher is good again, for an order that has the number of the cancelled one, too.
        till.post("/v1/vouchers/use", {"code": code, "external_id": "order-1"})
        before = Entry.objects.count()

        again = cancelled(till, order, key="another")

        assert (wallet(), Entry.objects.count()) == ((800, 0), before)
        assert VoucherUse.objects.standing().count() == 1
        assert again["used"]["rewards"] == first["used"]["rewards"]
        assert list(verify.run()) == []

    def test_counts_a_voucher_for_several_uses_down(self, till, rich: Shop):
        often = reward(rich, "often", 100, voucher_uses=3, discount_kind="amount", discount_amount=Decimal(1))
        code = rich.redeems(often.key).voucher_code
        bought(till, "15.00", "order-0", vouchers=[code])
        order = bought(till, "15.00", vouchers=[code])

        cancelled(till, order)

        assert (Voucher.objects.get().uses, Voucher.objects.get().status) == (1, "issued")
        assert VoucherUse.objects.standing().get().external_id == "order-0"

    @pytest.mark.parametrize("how", ["fulfilled", "voucher_used", "sent"])
    def test_keeps_what_the_member_has_had_and_says_why(
        self, till, rich: Shop, five_off: Reward, coffee: Reward, how: str
    ):
        key = "five-off" if how == "sent" else "coffee"
        order = bought(till, "11.00" if how == "sent" else "16.00", rewards=[key])
        redemption_id = order["rewards"][0]["redemption_id"]
        left = wallet()[0]
        if how == "voucher_used":
            code = Voucher.objects.get().code
            till.post("/v1/vouchers/use", {"code": code, "external_id": "receipt-9"})
        else:
            till.post(f"/v1/redemptions/{redemption_id}/fulfil", {"tracking": "parcel-1"})

        answer = cancelled(till, order)

        (kept,) = answer["used"]["rewards"]
        reason = "voucher_used" if how == "voucher_used" else "fulfilled"
        assert (kept["has_come_back"], kept["kept_because"]) == (False, reason)
        assert Redemption.objects.get().status == ("confirmed" if how == "voucher_used" else "fulfilled")
        assert wallet()[0] == left - order["transaction"]["points"]

    def test_that_is_refused_gives_nothing_back(self, till, rich: Shop, five_off: Reward):
        order = bought(till, "11.00", rewards=["five-off"])
        rich.takes_back("return-1", "order-1", None, ReturnedLine(id="2"))
        before = (wallet(), Entry.objects.count())

        answer = till.post(f"/v1/transactions/{order['transaction']['id']}/cancel", {})

        assert refused(answer)[:2] == (409, "transaction_has_returns")
        assert (wallet(), Entry.objects.count()) == before
        assert Redemption.objects.get().status == "fulfilled"

    def test_of_what_stands_in_its_place_gives_back_too(self, till, rich: Shop, five_off: Reward):
        order = bought(till, "11.00", rewards=["five-off"])
        corrected = till.post(
            f"/v1/transactions/{order['transaction']['id']}/correct",
            {"external_id": "order-1-1", "amount": {"amount": "10.00", "currency": "EUR"}},
        ).json()

        answer = cancelled(till, {"transaction": corrected})

        assert answer["used"]["checkout_id"] == order["id"]
        assert (wallet(), Redemption.objects.get().status) == ((1000, 0), "returned")
        assert list(verify.run()) == []

    def test_gives_back_to_whom_the_member_was_merged_into(self, till, rich: Shop, five_off: Reward, ada):
        order = bought(till, "8.00", points=using(300), rewards=["five-off"])
        survivor = factories.MemberFactory.create(program=rich.program)
        merging.merge(survivor=survivor, duplicate=ada, actor="staff:1", at=rich.at)

        cancelled(till, order)

        assert Wallet.objects.get(member=survivor).available == 1000
        assert list(verify.run()) == []

    def test_takes_few_statements(self, till, rich: Shop, five_off: Reward, django_assert_num_queries):
        plain = bought(till, "16.00", "order-0")
        order = bought(till, "8.00", points=using(300), rewards=["five-off"])

        with django_assert_num_queries(33):
            cancelled(till, plain)
        with django_assert_num_queries(55):
            cancelled(till, order)


def returned(till: PartnerClient, order: dict[str, Any], number: str, *lines: str) -> None:
    """Goods come back, and what looks at events has come by."""
    body: dict[str, Any] = {"external_id": number, "occurred_at": "2026-06-01T12:00:00Z"}
    if lines:
        body["lines"] = [{"id": line} for line in lines]
    answer = till.post(f"/v1/transactions/{order['transaction']['id']}/returns", body)
    assert answer.status_code == 201, answer.content
    noticing.notice(Event.objects.filter(type="sale.returned", data__external_id=number).order_by("number"))


class TestReturn:
    def test_of_everything_gives_back_rewards_and_vouchers(
        self, till, rich: Shop, five_off: Reward, coffee: Reward
    ):
        one_off = reward(rich, "one-off", 100, discount_kind="amount", discount_amount=Decimal(1))
        code = rich.redeems(one_off.key).voucher_code
        order = bought(till, "8.00", points=using(200), rewards=["five-off", "coffee"], vouchers=[code])

        returned(till, order, "return-1")

        assert wallet() == (900, 0)
        used = till.get(f"/v1/transactions/{order['transaction']['id']}").json()["used"]
        assert [one["status"] for one in used["rewards"]] == ["returned", "cancelled"]
        assert (used["points"][0]["came_back"], used["vouchers"][0]["has_come_back"]) == (200, True)
        assert Redemption.objects.get(reward=five_off).reason == "sale_returned"
        assert list(verify.run()) == []

    def test_of_some_lines_gives_back_only_the_points_that_paid_for_them(
        self, till, rich: Shop, five_off: Reward
    ):
        order = bought(till, "8.00", points=using(300), rewards=["five-off"])

        returned(till, order, "return-1", "1")

        # 225 of the 300 points had paid for the first line, whose 6 points are taken back.
        assert wallet() == (200 + 8 + 225 - 6, 0)
        assert Redemption.objects.get().status == "fulfilled"

    def test_of_the_last_lines_gives_back_the_rewards(self, till, rich: Shop, five_off: Reward):
        order = bought(till, "8.00", points=using(300), rewards=["five-off"])
        returned(till, order, "return-1", "1")

        returned(till, order, "return-2", "2")

        assert (wallet(), Redemption.objects.get().status) == ((1000, 0), "returned")
        assert list(verify.run()) == []

    def test_that_is_seen_again_gives_nothing_back_twice(self, till, rich: Shop, five_off: Reward):
        order = bought(till, "11.00", rewards=["five-off"])
        returned(till, order, "return-1")

        noticing.notice(Event.objects.filter(type="sale.returned").order_by("number"))

        assert wallet() == (1000, 0)
        assert told("redemption.returned") == ["redemption.returned"]
