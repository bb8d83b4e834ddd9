"""A shop's checkout, as the shop sees it."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from loyalty.core.models import Event
from members import privacy
from members.ledger import verify
from members.models import Entry, Hold, Member, Wallet
from rewards import redeeming, tasks
from rewards.deciding.activities import ReturnedLine
from rewards.models import Activity, Checkout, Redemption, Reward, Voucher, VoucherUse
from rewards.redeeming import guessing
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.rewards.checkouts.conftest import reward

pytestmark = pytest.mark.usefixtures("_at_noon")

CHECKOUTS = "/v1/checkouts"


def euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def line(line_id: str, amount: str, **more: Any) -> dict[str, Any]:
    return {"id": line_id, "sku": f"sku-{line_id}", "amount": euros(amount), **more}


def contents(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"lines": list(lines) or [line("1", "12.00"), line("2", "4.00")], **more}


def wanted(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"member": {"kind": "card", "value": "1001"}, **contents(*lines, **more)}


def using(points: int) -> list[dict[str, Any]]:
    return [{"wallet_type": "points", "points": points}]


def opened(till: PartnerClient, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = till.post(CHECKOUTS, wanted(*lines, **more))
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def at(checkout: dict[str, Any], command: str = "") -> str:
    return f"{CHECKOUTS}/{checkout['id']}" + (f"/{command}" if command else "")


def paid(total: str, receipt: str = "order-1") -> dict[str, Any]:
    payments = [{"method": "card", "amount": euros(total)}] if total != "0.00" else []
    return {"external_id": receipt, "payments": payments}


def refused(answer: Any) -> tuple[int, str, str]:
    problem = answer.json()
    pointer = problem["errors"][0]["pointer"] if problem.get("errors") else ""
    return answer.status_code, problem["code"], pointer


def wallet() -> tuple[int, int]:
    """What is available and what is held."""
    found = Wallet.objects.get()
    return found.available, found.held


class TestOpen:
    def test_prices_the_basket_and_reserves_what_is_applied(self, till, rich: Shop, five_off: Reward):
        checkout = opened(till, points=using(300), rewards=["five-off"])

        assert checkout["status"] == "open"
        assert checkout["expires_at"] == "2026-06-01T12:15:00Z"
        sums = [checkout[name]["amount"] for name in ("subtotal", "discount", "paid_with_points", "total")]
        assert sums == ["16.00", "5.00", "3.00", "8.00"]
        assert [
            (one["amount"]["amount"], one["discount"]["amount"], one["paid_with_points"]["amount"])
            for one in checkout["lines"]
        ] == [("12.00", "3.75", "2.25"), ("4.00", "1.25", "0.75")]
        assert checkout["points"][0]["lines"] == {"1": 225, "2": 75}
        assert checkout["rewards"][0]["discount"] == euros("5.00")
        assert wallet() == (200, 800)
        assert Hold.objects.get(pk=checkout["points"][0]["hold_id"]).kept_for == f"checkout:{checkout['id']}"
        assert Redemption.objects.get(pk=checkout["rewards"][0]["redemption_id"]).status == "held"

    def test_says_what_the_member_would_earn_and_could_use(self, till, rich: Shop):
        checkout = opened(till, line("1", "8.50"), points=using(50))

        assert checkout["earns"]["points"] == 8
        assert checkout["options"] == [
            {
                "wallet_type": "points",
                "name": "Points",
                "available": 1000,
                "points": 850,
                "amount": euros("8.50"),
            }
        ]

    def test_takes_no_more_points_than_are_needed(self, till, rich: Shop):
        checkout = opened(till, line("1", "2.00"), points=using(1000))

        assert (checkout["points"][0]["points"], checkout["total"]) == (200, euros("0.00"))
        assert wallet() == (800, 200)

    def test_of_a_basket_with_nothing_applied_reserves_nothing(self, till, rich: Shop):
        checkout = opened(till)

        assert checkout["total"] == euros("16.00")
        assert (wallet(), Hold.objects.count()) == ((1000, 0), 0)

    def test_reserves_all_or_nothing(self, till, rich: Shop, five_off: Reward, coffee: Reward):
        before = Entry.objects.count()

        answer = till.post(CHECKOUTS, wanted(rewards=["coffee", "five-off", "five-off"]))

        assert refused(answer) == (409, "insufficient_points", "#/rewards/2")
        assert wallet() == (1000, 0)
        assert (Entry.objects.count(), Checkout.objects.count(), Redemption.objects.count()) == (before, 0, 0)
        coffee.refresh_from_db()
        assert coffee.stock == 2

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"points": using(0)}, (422, "invalid_input", "#/points/0/points")),
            ({"points": using(1001)}, (409, "insufficient_points", "#/points/0/points")),
            ({"points": using(1) * 2}, (422, "invalid_input", "#/points/1/wallet_type")),
            (
                {"points": [{"wallet_type": "gold", "points": 1}]},
                (422, "unknown_wallet_type", "#/points/0/wallet_type"),
            ),
            ({"rewards": ["nonsense"]}, (404, "unknown_reward", "#/rewards/0")),
            ({"rewards": ["free-beans"]}, (422, "nothing_left_to_pay", "#/rewards/0")),
            ({"rewards": ["coffee"] * 3}, (409, "reward_sold_out", "#/rewards/2")),
            ({"rewards": ["x"] * 21}, (422, "invalid_input", "#/rewards")),
            ({"lines": []}, (422, "invalid_input", "#/lines")),
            ({"lines": [line("1", "1.00")] * 2}, (422, "invalid_input", "#/lines/1/id")),
            ({"lines": [line("1", "-1.00")]}, (422, "invalid_input", "#/lines/0/amount/amount")),
            (
                {"lines": [{**line("1", "1.00"), "amount": {"amount": "1.00", "currency": "USD"}}]},
                (422, "invalid_input", "#/lines/0/amount/currency"),
            ),
            (
                {"lines": [line(str(number), "999999999999.99") for number in range(2)]},
                (422, "invalid_input", "#/lines"),
            ),
            ({"member": {"kind": "card", "value": "9999"}}, (404, "unknown_member", "#/member/value")),
            ({"lives_for_seconds": 86_401}, (422, "invalid_input", "#/lives_for_seconds")),
            ({"total": "0.01"}, (422, "invalid_input", "#/total")),
        ],
    )
    def test_refuses_what_cannot_be_and_changes_nothing(self, till, rich: Shop, coffee, change, expected):
        reward(rich, "free-beans", 10, discount_kind="free_product", discount_sku="beans")

        answer = till.post(CHECKOUTS, wanted() | {"points": []} | change)

        assert refused(answer) == expected
        assert wallet() == (1000, 0)
        assert not Checkout.objects.exists()

    def test_refuses_points_without_a_rate(self, till, ada: Member, shop: Shop):
        shop.sells("receipt-1", "10.00")

        answer = till.post(CHECKOUTS, wanted(points=using(5)))

        assert refused(answer) == (422, "points_do_not_pay", "#/points/0/wallet_type")

    def test_needs_the_scope_of_what_is_applied(self, program, rich: Shop, five_off: Reward, till):
        partner = till.credential.partner
        shop_key = PartnerClient.of(partner, scopes=["points:hold"])

        answer = shop_key.post(CHECKOUTS, wanted(rewards=["five-off"]))

        assert (answer.status_code, answer.json()["scope"]) == (403, "redemptions:write")
        assert shop_key.post(CHECKOUTS, wanted()).status_code == 201

    def test_is_not_repeated_to_who_may_no_longer_apply_what_is_in_it(
        self, till, rich: Shop, five_off: Reward
    ):
        wants = wanted(rewards=["five-off"])
        first = till.post(CHECKOUTS, wants, idempotency_key="k1")
        other = PartnerClient.of(till.credential.partner, scopes=["points:hold"])

        answer = other.post(CHECKOUTS, wants, idempotency_key="k1")

        assert first.status_code == 201
        assert (answer.status_code, answer.json()["scope"]) == (403, "redemptions:write")

    def test_has_its_effect_once_however_often_it_is_asked_for(self, till, rich: Shop):
        first = till.post(CHECKOUTS, wanted(points=using(300)), idempotency_key="k1")
        again = till.post(CHECKOUTS, wanted(points=using(300)), idempotency_key="k1")

        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json() == first.json()
        assert wallet() == (700, 300)


class TestRead:
    def test_shows_it_as_it_was_answered_with_the_same_tag(self, till, rich: Shop):
        answer = till.post(CHECKOUTS, wanted(points=using(300)))

        read = till.get(at(answer.json()))

        assert read.json() == answer.json()
        assert read.headers["ETag"] == answer.headers["ETag"]

    def test_shows_it_as_over_when_its_time_is(self, till, rich: Shop, noon: datetime):
        checkout = opened(till, points=using(300))

        with time_machine.travel(noon + timedelta(minutes=15), tick=False):
            assert till.get(at(checkout)).json()["status"] == "expired"

    @pytest.mark.parametrize("checkout_id", ["01976c1e-5d7a-7000-8000-c7e3a1b5d902", "nonsense"])
    def test_refuses_what_it_does_not_know(self, till, rich: Shop, checkout_id):
        assert refused(till.get(f"{CHECKOUTS}/{checkout_id}"))[:2] == (404, "unknown_checkout")


class TestChange:
    def test_reserves_what_is_new_keeps_what_stays_and_lets_the_rest_go(
        self, till, rich: Shop, five_off: Reward, coffee: Reward, noon: datetime
    ):
        before = opened(till, points=using(100), rewards=["five-off"])
        later = noon + timedelta(minutes=5)

        with time_machine.travel(later, tick=False):
            after = till.edit("PUT", at(before), contents(points=using(50), rewards=["coffee", "five-off"]))

        assert after.status_code == 200
        changed = after.json()
        assert changed["expires_at"] == "2026-06-01T12:20:00Z"
        assert changed["rewards"][1]["redemption_id"] == before["rewards"][0]["redemption_id"]
        assert changed["points"][0]["hold_id"] != before["points"][0]["hold_id"]
        assert changed["total"] == euros("10.50")
        assert wallet() == (250, 750)
        kept = Redemption.objects.get(pk=before["rewards"][0]["redemption_id"])
        assert kept.hold is not None
        assert kept.expires_at == kept.hold.expires_at == later + timedelta(minutes=15)
        assert after.headers["ETag"] == till.get(at(before)).headers["ETag"]

    def test_that_is_the_same_moves_no_points(self, till, rich: Shop, five_off: Reward):
        before = opened(till, points=using(100), rewards=["five-off"])
        entries = Entry.objects.count()

        after = till.edit("PUT", at(before), contents(points=using(100), rewards=["five-off"]))

        assert after.json()["points"] == before["points"]
        assert Entry.objects.count() == entries

    def test_keeps_the_price_that_a_reward_was_reserved_for(self, till, rich: Shop, five_off: Reward):
        before = opened(till, rewards=["five-off"])
        Reward.objects.update(price=700)

        after = till.edit("PUT", at(before), contents(rewards=["five-off"], points=using(400))).json()

        assert after["rewards"] == before["rewards"]
        assert after["options"][0]["available"] == 500
        assert wallet() == (100, 900)

    def test_that_is_refused_leaves_everything_as_it_was(self, till, rich: Shop, five_off: Reward):
        before = opened(till, points=using(100), rewards=["five-off"])

        answer = till.edit("PUT", at(before), contents(rewards=["five-off"] * 3))

        assert refused(answer) == (409, "insufficient_points", "#/rewards/2")
        assert wallet() == (400, 600)
        assert till.get(at(before)).json() == before

    def test_reserves_a_reward_anew_that_was_given_up_by_itself(self, till, rich: Shop, coffee: Reward):
        before = opened(till, rewards=["coffee"])
        Redemption.objects.update(status="cancelled", ended_at=rich.at)

        after = till.edit("PUT", at(before), contents(rewards=["coffee"])).json()

        assert after["rewards"][0]["redemption_id"] != before["rewards"][0]["redemption_id"]

    def test_needs_the_state_that_was_seen(self, till, rich: Shop):
        checkout = opened(till, points=using(100))
        tag = till.get(at(checkout)).headers["ETag"]
        till.edit("PUT", at(checkout), contents(points=using(200)))

        stale = till.edit("PUT", at(checkout), contents(), seen=tag)
        unseen = till.edit("PUT", at(checkout), contents(), seen=None)

        assert (stale.status_code, unseen.status_code) == (412, 428)
        assert wallet() == (800, 200)

    def test_is_refused_once_it_has_ended(self, till, rich: Shop):
        checkout = opened(till)
        till.post(at(checkout, "abandon"))

        answer = till.edit("PUT", at(checkout), contents())

        assert refused(answer)[:2] == (409, "checkout_is_closed")
        assert answer.json()["ended"] == "abandoned"


class TestConfirm:
    def test_settles_confirms_and_sells_in_one_go(self, till, rich: Shop, five_off: Reward, coffee: Reward):
        checkout = opened(till, points=using(300), rewards=["five-off", "coffee"])

        answer = till.post(at(checkout, "confirm"), paid("8.00"))

        body = answer.json()
        assert (answer.status_code, body["status"]) == (200, "confirmed")
        assert body["transaction"]["points"] == 8
        assert body["transaction"]["wallets"][0]["available"] == 8
        sale = Activity.objects.get(pk=body["transaction"]["id"])
        assert (sale.external_id, sale.amount) == ("order-1", Decimal("8.00"))
        assert [one["amount"]["amount"] for one in sale.lines] == ["6.00", "2.00"]
        assert [one["discount"]["amount"] for one in sale.lines] == ["6.00", "2.00"]
        assert wallet() == (8, 0)
        off, cup = (Redemption.objects.get(pk=one["redemption_id"]) for one in body["rewards"])
        assert (off.status, cup.status) == ("fulfilled", "confirmed")
        assert list(Voucher.objects.values_list("redemption", flat=True)) == [cup.pk]
        assert list(verify.run()) == []
        told = Event.objects.filter(type__startswith="checkout.").get()
        assert told.data["total"] == euros("8.00")

    def test_of_what_points_paid_in_full_needs_no_payment(self, till, rich: Shop):
        checkout = opened(till, line("1", "2.00"), points=using(200))

        answer = till.post(at(checkout, "confirm"), paid("0.00"))

        assert (answer.status_code, answer.json()["transaction"]["points"]) == (200, 0)
        assert wallet() == (800, 0)

    def test_lets_a_return_give_back_points_by_line(self, till, rich: Shop):
        checkout = opened(till, points=using(400))
        till.post(at(checkout, "confirm"), paid("12.00"))

        rich.takes_back("return-1", "order-1", None, ReturnedLine(id="1"))

        # 300 of the 400 points had paid for the first line, whose 9 points are taken back.
        assert wallet() == (600 + 12 + 300 - 9, 0)
        assert list(verify.run()) == []

    def test_again_is_answered_as_it_was(self, till, rich: Shop):
        checkout = opened(till, points=using(300))
        first = till.post(at(checkout, "confirm"), paid("13.00"), idempotency_key="k1")

        again = [
            till.post(at(checkout, "confirm"), paid("13.00"), idempotency_key=key) for key in ("k1", "k2")
        ]

        assert [answer.json() for answer in again] == [first.json()] * 2
        assert Activity.objects.filter(external_id="order-1").count() == 1

    def test_again_with_another_receipt_is_refused(self, till, rich: Shop):
        checkout = opened(till)
        till.post(at(checkout, "confirm"), paid("16.00"))

        answer = till.post(at(checkout, "confirm"), paid("16.00", "order-2"))

        assert refused(answer)[:2] == (409, "checkout_is_closed")
        assert answer.json()["ended"] == "confirmed"

    @pytest.mark.parametrize(
        ("purchase", "expected"),
        [
            (paid("12.99"), (422, "payments_do_not_add_up", "#/payments")),
            (paid("0.00"), (422, "payments_do_not_add_up", "#/payments")),
            (paid("13.00", "receipt-1"), (409, "already_reported", "#/external_id")),
            (paid("13.00", ""), (422, "invalid_input", "#/external_id")),
            (
                {
                    "external_id": "order-1",
                    "payments": [{"method": "card", "amount": {"amount": "13.00", "currency": "USD"}}],
                },
                (422, "invalid_input", "#/payments/0/amount/currency"),
            ),
            ({"payments": []}, (422, "invalid_input", "#/external_id")),
        ],
    )
    def test_refuses_what_does_not_fit_and_books_nothing(self, till, rich: Shop, purchase, expected):
        checkout = opened(till, points=using(300))
        entries = Entry.objects.count()

        answer = till.post(at(checkout, "confirm"), purchase)

        assert refused(answer) == expected
        assert (wallet(), Entry.objects.count()) == ((700, 300), entries)
        assert till.get(at(checkout)).json() == checkout

    def test_refuses_a_reward_that_was_confirmed_by_itself(self, till, rich: Shop, five_off: Reward):
        checkout = opened(till, rewards=["five-off"])
        redeeming.confirm(checkout["rewards"][0]["redemption_id"], **rich._where())

        answer = till.post(at(checkout, "confirm"), paid("11.00"))

        assert refused(answer)[:2] == (409, "redemption_not_in_state")
        assert not Activity.objects.filter(external_id="order-1").exists()

    def test_refuses_a_member_who_was_blocked_meanwhile(self, till, ada: Member, rich: Shop):
        checkout = opened(till, points=using(300))
        Member.objects.update(status="blocked")

        answer = till.post(at(checkout, "confirm"), paid("13.00"))

        assert refused(answer)[1] == "member_blocked" or answer.status_code in (403, 409, 422)
        assert wallet() == (700, 300)
        assert till.post(at(checkout, "abandon")).status_code == 200

    def test_refuses_one_whose_time_is_over(self, till, rich: Shop, noon: datetime):
        checkout = opened(till, points=using(300), lives_for_seconds=60)

        with time_machine.travel(noon + timedelta(seconds=60), tick=False):
            answer = till.post(at(checkout, "confirm"), paid("13.00"))

        assert refused(answer)[:2] == (409, "checkout_is_closed")
        assert answer.json()["ended"] == "expired"
        assert wallet() == (700, 300)


class TestAbandon:
    def test_gives_everything_free(self, till, rich: Shop, coffee: Reward):
        checkout = opened(till, points=using(300), rewards=["coffee"])

        answer = till.post(at(checkout, "abandon"))

        assert (answer.status_code, answer.json()["status"]) == (200, "abandoned")
        assert wallet() == (1000, 0)
        coffee.refresh_from_db()
        assert coffee.stock == 2
        assert till.post(at(checkout, "abandon")).json() == answer.json()
        assert Event.objects.filter(type="checkout.abandoned").count() == 1

    def test_is_refused_once_it_is_paid(self, till, rich: Shop):
        checkout = opened(till)
        till.post(at(checkout, "confirm"), paid("16.00"))

        assert refused(till.post(at(checkout, "abandon")))[:2] == (409, "checkout_is_closed")


class TestVoucher:
    @pytest.fixture
    def code(self, rich: Shop, five_off: Reward) -> str:
        """Of a voucher for 5 euros off."""
        return rich.redeems("five-off").voucher_code

    def test_is_kept_for_the_checkout_and_used_with_it(self, till, rich: Shop, code: str):
        checkout = opened(till, vouchers=[code.lower()])
        (applied,) = checkout["vouchers"]

        meanwhile = till.post("/v1/vouchers/use", {"code": code, "external_id": "receipt-9"})
        answer = till.post(at(checkout, "confirm"), paid("11.00"))

        assert (applied["code"], applied["discount"]) == (code, euros("5.00"))
        assert (meanwhile.status_code, meanwhile.json()["reason"]) == (409, "reserved")
        assert answer.status_code == 200
        voucher = Voucher.objects.get()
        assert (voucher.status, voucher.uses, voucher.reserved) == ("used", 1, 0)
        use = VoucherUse.objects.get()
        assert (use.external_id, use.amount) == ("order-1", Decimal("5.00"))

    def test_is_kept_for_one_checkout(self, till, rich: Shop, code: str):
        opened(till, vouchers=[code])

        answer = till.post(CHECKOUTS, wanted(vouchers=[code]))

        assert refused(answer) == (409, "voucher_not_usable", "#/vouchers/0")

    @pytest.mark.parametrize("ending", ["abandon", "change", "time"])
    def test_is_free_again_when_it_is_not_used(self, till, rich: Shop, code: str, noon: datetime, ending):
        checkout = opened(till, vouchers=[code])

        if ending == "abandon":
            till.post(at(checkout, "abandon"))
        elif ending == "change":
            till.edit("PUT", at(checkout), contents())
        else:
            with time_machine.travel(noon + timedelta(minutes=15), tick=False):
                tasks.expire_checkouts()

        assert Voucher.objects.get().reserved == 0
        assert till.post("/v1/vouchers/check", {"code": code}).json()["is_usable"]

    def test_that_expires_while_it_is_kept_is_still_good(self, till, rich: Shop, code: str, noon: datetime):
        Voucher.objects.update(expires_at=noon + timedelta(minutes=5))
        checkout = opened(till, vouchers=[code])

        with time_machine.travel(noon + timedelta(minutes=10), tick=False):
            answer = till.post(at(checkout, "confirm"), paid("11.00"))

        assert answer.status_code == 200

    def test_that_was_made_void_is_refused_and_nothing_is_booked(self, till, rich: Shop, code: str):
        checkout = opened(till, vouchers=[code], points=using(100))
        till.post(f"/v1/vouchers/{Voucher.objects.get().pk}/void", {})
        before = wallet()

        answer = till.post(at(checkout, "confirm"), paid("10.00"))

        assert refused(answer)[:2] == (409, "voucher_not_usable")
        assert wallet() == before
        till.post(at(checkout, "abandon"))
        assert Voucher.objects.get().reserved == 0

    @pytest.mark.parametrize(
        ("codes", "expected"),
        [
            (["NONSENSE"], (404, "unknown_voucher", "#/vouchers/0")),
            (["{code}", "{code}"], (422, "invalid_input", "#/vouchers/1")),
            ([""], (422, "invalid_input", "#/vouchers/0")),
        ],
    )
    def test_refuses_other_codes(self, till, rich: Shop, code: str, codes, expected):
        answer = till.post(CHECKOUTS, wanted(vouchers=[one.format(code=code) for one in codes]))

        assert refused(answer) == expected
        assert Voucher.objects.get().reserved == 0

    def test_is_not_guessed_by_checkouts(self, till, rich: Shop, code: str, monkeypatch):
        monkeypatch.setattr(guessing, "WRONG_BY_CREDENTIAL", 2)
        for _ in range(2):
            till.post(CHECKOUTS, wanted(vouchers=["NONSENSE"]))

        assert till.post(CHECKOUTS, wanted(vouchers=[code])).status_code == 429

    def test_needs_its_scope(self, rich: Shop, code: str, till):
        key = PartnerClient.of(till.credential.partner, scopes=["points:hold"])

        answer = key.post(CHECKOUTS, wanted(vouchers=[code]))

        assert (answer.status_code, answer.json()["scope"]) == (403, "vouchers:use")


class TestEndOfTime:
    def test_gives_everything_free_by_itself(self, till, rich: Shop, coffee: Reward, noon: datetime):
        checkout = opened(till, points=using(300), rewards=["coffee"])

        with time_machine.travel(noon + timedelta(minutes=14, seconds=59), tick=False):
            tasks.expire_checkouts()
        assert wallet() == (500, 500)
        with time_machine.travel(noon + timedelta(minutes=15), tick=False):
            tasks.expire_checkouts()
            tasks.expire_checkouts()

        assert wallet() == (1000, 0)
        assert till.get(at(checkout)).json()["status"] == "expired"
        assert Redemption.objects.get().status in ("cancelled", "expired")
        assert Event.objects.filter(type="checkout.expired").count() == 1
        assert list(verify.run()) == []


class TestErasure:
    def test_of_the_member_leaves_nothing_reserved(self, till, ada: Member, rich: Shop, coffee: Reward, noon):
        checkout = opened(till, points=using(300), rewards=["coffee"])

        privacy.erase(ada, actor="staff:1", at=noon)
        late = till.post(at(checkout, "confirm"), paid("13.00"))
        with time_machine.travel(noon + timedelta(minutes=15), tick=False):
            tasks.expire_checkouts()

        assert late.status_code == 409
        assert Checkout.objects.get().status == "expired"
        coffee.refresh_from_db()
        assert (coffee.stock, wallet()) == (2, (0, 0))


class TestStatements:
    def test_of_each_operation_are_few(self, till, rich: Shop, five_off: Reward, django_assert_num_queries):
        till.post(at(opened(till, points=using(1)), "confirm"), paid("15.99", "order-0"))

        # With the savepoints that a test's own transaction makes of what are transactions elsewhere.
        with django_assert_num_queries(15):
            plain = opened(till)
        with django_assert_num_queries(34):
            checkout = opened(till, points=using(100), rewards=["five-off"])
        with django_assert_num_queries(2):
            tag = till.get(at(checkout)).headers["ETag"]
        with django_assert_num_queries(19):
            till.edit("PUT", at(checkout), contents(points=using(100), rewards=["five-off"]), seen=tag)
        with django_assert_num_queries(40):
            till.post(at(checkout, "confirm"), paid("10.00"))
        with django_assert_num_queries(16):
            till.post(at(plain, "abandon"))
