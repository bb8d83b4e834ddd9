"""The life of a voucher: checked, used, rolled back, void."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, ProgrammingError, transaction

from loyalty.core.models import Event
from members.models import Member
from rewards import redeeming
from rewards.models import Redemption, Reward, Voucher, VoucherUse
from rewards.redeeming import guessing, vouchers
from rewards.redeeming.vouchers import (
    UnknownVoucher,
    UnknownVoucherUse,
    VoucherNotUsable,
    VoucherUsedOtherwise,
)
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.races import at_once


@pytest.fixture
def today(shop: Shop) -> Iterator[Shop]:
    """It stays noon, so that no day ends during a test."""
    with time_machine.travel(shop.at, tick=False):
        yield shop


@pytest.fixture
def coffee(today: Shop, ada: Member, points: Any) -> Reward:
    today.sells("receipt-0", "1000.00")
    reward: Reward = factories.RewardFactory.create(
        program=today.program, wallet_type=points, key="coffee", price=100
    )
    return reward


@pytest.fixture
def code(today: Shop, coffee: Reward) -> str:
    return today.redeems("coffee").voucher_code


def where(shop: Shop) -> dict[str, Any]:
    return {"program": shop.program, "source": "till", "at": shop.at}


class TestUse:
    def test_uses_it_up_and_says_so_without_the_code(self, today: Shop, code: str):
        used = vouchers.use(code, external_id="r1", amount=Decimal("2.80"), **where(today))

        voucher = Voucher.objects.get()
        assert (voucher.status, voucher.uses) == ("used", 1)
        assert (used.external_id, used.amount, used.used_at) == ("r1", Decimal("2.80"), today.at)
        told = Event.objects.get(type="voucher.used").data
        assert (told["external_id"], told["amount"], told["uses"]) == ("r1", "2.80", 1)
        assert code not in str(told)

    def test_takes_a_code_as_people_type_it(self, today: Shop, code: str):
        typed = f" {code[:4]}-{code[4:8]} {code[8:]} ".lower()

        vouchers.use(typed, external_id="r1", **where(today))

        assert VoucherUse.objects.count() == 1

    def test_for_the_same_purchase_is_the_use_that_there_is(self, today: Shop, code: str):
        first = vouchers.use(code, external_id="r1", **where(today))
        again = vouchers.use(code, external_id="r1", **where(today.later(hours=1)))

        assert (again.pk, again.used_at) == (first.pk, today.at)
        assert Voucher.objects.get().uses == 1
        with pytest.raises(VoucherUsedOtherwise):
            vouchers.use(code, external_id="r1", amount=Decimal(1), **where(today))

    def test_is_refused_once_it_is_used_up(self, today: Shop, code: str):
        vouchers.use(code, external_id="r1", **where(today))

        with pytest.raises(VoucherNotUsable) as refusal:
            vouchers.use(code, external_id="r2", **where(today))

        assert refusal.value.extra == {"reason": "used"}
        assert VoucherUse.objects.count() == 1

    def test_of_one_for_three_times_ends_after_three(self, today: Shop, coffee: Reward):
        Reward.objects.update(voucher_uses=3)
        code = today.redeems("coffee").voucher_code

        for number in range(3):
            assert Voucher.objects.get().status == "issued"
            vouchers.use(code, external_id=f"r{number}", **where(today))

        with pytest.raises(VoucherNotUsable):
            vouchers.use(code, external_id="r4", **where(today))

    def test_is_refused_when_it_has_expired_is_void_or_its_member_is_blocked(self, today: Shop, code: str):
        def reason() -> str:
            with pytest.raises(VoucherNotUsable) as refusal:
                vouchers.use(code, external_id="r1", **where(today))
            return str(refusal.value.extra["reason"])

        Voucher.objects.update(expires_at=today.at)
        assert reason() == "expired"
        Voucher.objects.update(expires_at=today.at + timedelta(seconds=1))
        Member.objects.update(status="blocked")
        assert reason() == "member_blocked"
        Voucher.objects.update(status="void")
        assert reason() == "void"
        assert not VoucherUse.objects.exists()

    def test_knows_no_voucher_of_another_program_or_member(self, today: Shop, code: str):
        elsewhere = factories.ProgramFactory.create()
        somebody = factories.MemberFactory.create(program=today.program)

        with pytest.raises(UnknownVoucher):
            vouchers.use(code, external_id="r1", **where(today) | {"program": elsewhere})
        with pytest.raises(UnknownVoucher):
            vouchers.use(code, external_id="r1", member_id=somebody.pk, **where(today))

    def test_keeps_its_redemption_from_being_cancelled(self, today: Shop, code: str):
        vouchers.use(code, external_id="r1", **where(today))

        with pytest.raises(redeeming.VoucherInUse):
            redeeming.cancel(Redemption.objects.get().pk, actor="till", **where(today))


class TestRollBack:
    def test_makes_it_usable_again(self, today: Shop, code: str):
        vouchers.use(code, external_id="r1", **where(today))

        undone = vouchers.roll_back(code, external_id="r1", **where(today.later(minutes=1)))
        vouchers.roll_back(code, external_id="r1", **where(today.later(minutes=2)))
        vouchers.use(code, external_id="r1", **where(today.later(minutes=3)))

        assert undone.rolled_back_at == today.at + timedelta(minutes=1)
        assert (Voucher.objects.get().status, Voucher.objects.get().uses) == ("used", 1)
        assert VoucherUse.objects.count() == 2
        assert Event.objects.filter(type="voucher.rolled_back").count() == 1

    def test_is_only_for_what_that_partner_has_used(self, today: Shop, code: str):
        vouchers.use(code, external_id="r1", **where(today))

        for other in ({"external_id": "r2"}, {"external_id": "r1", "source": "shop"}):
            with pytest.raises(UnknownVoucherUse):
                vouchers.roll_back(code, **where(today) | other)

    def test_leaves_a_void_one_void(self, today: Shop, coffee: Reward):
        bought = today.redeems("coffee")
        vouchers.use(bought.voucher_code, external_id="r1", **where(today))
        Voucher.objects.update(status="void")

        vouchers.roll_back(bought.voucher_code, external_id="r1", **where(today))

        assert (Voucher.objects.get().status, Voucher.objects.get().uses) == ("void", 0)

    def test_does_not_revive_one_whose_reward_came_back_and_whose_points_are_the_members_again(
        self, today: Shop, coffee: Reward
    ):
        bought = today.redeems("coffee")
        vouchers.use(bought.voucher_code, external_id="r1", **where(today))
        redeeming.take_back(bought.id, actor="till", **where(today))

        vouchers.roll_back(bought.voucher_code, external_id="r1", **where(today))

        with pytest.raises(VoucherNotUsable):
            vouchers.use(bought.voucher_code, external_id="r2", **where(today))
        assert (Voucher.objects.get().status, Voucher.objects.get().uses) == ("void", 0)


class TestVoid:
    def test_ends_what_is_left_of_it_and_gives_no_points_back(self, today: Shop, code: str):
        voucher = Voucher.objects.get()

        vouchers.void(voucher.pk, program=today.program, at=today.at)
        vouchers.void(voucher.pk, program=today.program, at=today.at)

        assert Voucher.objects.get().status == "void"
        assert Redemption.objects.get().status == "confirmed"
        assert Event.objects.filter(type="voucher.voided").count() == 1

    def test_is_too_late_once_it_is_used_up(self, today: Shop, code: str):
        used = vouchers.use(code, external_id="r1", **where(today))

        with pytest.raises(VoucherNotUsable):
            vouchers.void(used.voucher_id, program=today.program, at=today.at)


class TestConstraints:
    def test_keep_a_voucher_from_being_used_too_often(self, code: str):
        with (
            pytest.raises(IntegrityError, match="a_voucher_is_used_as_often_as_allowed"),
            transaction.atomic(),
        ):
            Voucher.objects.update(uses=2)
        with pytest.raises(IntegrityError, match="a_voucher_is_used_up_or_not"), transaction.atomic():
            Voucher.objects.update(uses=1)

    def test_keep_a_use_as_it_was(self, today: Shop, code: str):
        vouchers.use(code, external_id="r1", **where(today))

        with pytest.raises(ProgrammingError, match="a_use_stays_what_it_was"), transaction.atomic():
            VoucherUse.objects.update(amount=Decimal(5))

    def test_keep_the_end_of_a_redemption(self, today: Shop, code: str):
        redeeming.cancel(Redemption.objects.get().pk, actor="till", **where(today))

        with pytest.raises(ProgrammingError, match="a_redemption_that_ended_stays_so"), transaction.atomic():
            Redemption.objects.update(status="confirmed", ended_at=None)
        with pytest.raises(ProgrammingError, match="a_redemption_stays_what_it_was"), transaction.atomic():
            Redemption.objects.update(points=1)


@pytest.mark.django_db(transaction=True)
class TestManyAtOnce:
    def test_use_it_as_often_as_is_allowed(self, today: Shop, coffee: Reward):
        Reward.objects.update(voucher_uses=3)
        code = today.redeems("coffee").voucher_code

        def work(number: int) -> Any:
            return vouchers.use(code, external_id=f"r{number}", **where(today)).external_id

        results = at_once(10, work)

        assert results.count("voucher_not_usable") == 7
        assert (Voucher.objects.get().uses, VoucherUse.objects.count()) == (3, 3)

    def test_use_it_or_cancel_it_and_never_both(self, today: Shop, coffee: Reward):
        bought = today.redeems("coffee")

        def work(number: int) -> Any:
            if number % 2:
                return redeeming.cancel(bought.id, actor="till", **where(today)).status
            return vouchers.use(bought.voucher_code, external_id="r1", **where(today)).external_id

        results = at_once(8, work)

        status = Redemption.objects.get().status
        assert results.count("r1") == (0 if status == "cancelled" else 4)
        assert VoucherUse.objects.count() == (0 if status == "cancelled" else 1)


def post(till: PartnerClient, path: str, **body: Any) -> Any:
    return till.post(f"/v1/vouchers/{path}", body)


class TestApi:
    def test_checks_uses_and_rolls_back(self, till: PartnerClient, code: str):
        checked = till.post("/v1/vouchers/check", {"code": code}, idempotency_key=None)
        used = post(till, "use", code=code, external_id="r1", amount={"amount": "2.8", "currency": "EUR"})
        after = post(till, "check", code=code).json()
        undone = post(till, "rollback", code=code, external_id="r1")

        assert (checked.status_code, checked.json()["is_usable"]) == (200, True)
        assert (used.status_code, used.json()["amount"]["amount"]) == (201, "2.80")
        assert (after["is_usable"], after["reason"]) == (False, "used")
        assert undone.json()["rolled_back_at"] is not None
        assert undone.json()["voucher"]["status"] == "issued"

    def test_tells_a_till_what_the_voucher_takes_off(self, till: PartnerClient, coffee: Reward, code: str):
        assert post(till, "check", code=code).json()["voucher"]["discount"] is None
        Reward.objects.update(discount_kind="percent", discount_percent=Decimal(10))

        checked = post(till, "check", code=code).json()

        assert checked["voucher"]["discount"]["kind"] == "percent"
        assert checked["voucher"]["discount"]["percent"] == "10.00"

    def test_says_what_to_do_about_a_voucher_that_was_used(self, till: PartnerClient, code: str):
        off = {"amount": "2.80", "currency": "EUR"}
        post(till, "use", code=code, external_id="r1", amount=off)

        otherwise = post(till, "use", code=code, external_id="r1").json()
        cancelled = till.post(f"/v1/redemptions/{Redemption.objects.get().pk}/cancel", {}).json()
        voided = till.post(f"/v1/vouchers/{code}/void", {}).json()

        assert "“r1” with 2.80 off" in otherwise["detail"]
        assert otherwise["errors"][0]["pointer"] == "#/amount"
        assert "rolled back first" in cancelled["detail"]
        assert "by its id" in voided["detail"]

    def test_tells_the_code_to_nobody_who_only_uses_vouchers(self, till: PartnerClient, code: str):
        listed = till.get("/v1/vouchers?member=card:1001&status=issued").json()["data"]
        read = till.get(f"/v1/vouchers/{listed[0]['id']}")

        assert read.json() == listed[0]
        assert listed[0]["code_ends_with"] == code[-4:]
        assert code not in read.content.decode()

    def test_refuses_what_makes_no_sense(self, till: PartnerClient, code: str):
        dollars = {"amount": "1.00", "currency": "USD"}
        cases: dict[str, dict[str, Any]] = {
            "#/external_id": {"code": code},
            "#/amount/currency": {"code": code, "external_id": "r1", "amount": dollars},
            "#/amount/amount": {
                "code": code, "external_id": "r1", "amount": {"amount": "-1", "currency": "EUR"}
            },
            "#/uses": {"code": code, "external_id": "r1", "uses": 0},
        }  # fmt: skip
        for pointer, body in cases.items():
            response = post(till, "use", **body)
            assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer)

        assert not VoucherUse.objects.exists()

    def test_voids_it_for_good(self, till: PartnerClient, code: str):
        voucher = Voucher.objects.get()

        assert till.post(f"/v1/vouchers/{voucher.pk}/void", {}).json()["status"] == "void"
        assert post(till, "check", code=code).json()["reason"] == "void"
        assert till.post("/v1/vouchers/nonsense/void", {}).status_code == 404

    def test_slows_down_who_guesses_for_a_member(self, till: PartnerClient, code: str):
        ada = {"kind": "card", "value": "1001"}
        for number in range(guessing.WRONG_BY_MEMBER):
            assert post(till, "check", code=f"WRONG{number}", member=ada).status_code == 404

        refused = post(till, "use", code=code, external_id="r1", member=ada)

        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_voucher_codes")
        assert refused.headers["Retry-After"] == "900"
        assert not VoucherUse.objects.exists()
        assert post(till, "check", code=code).status_code == 200

    def test_slows_down_a_credential_that_guesses(self, till, code: str, monkeypatch):
        monkeypatch.setattr(guessing, "WRONG_BY_CREDENTIAL", 3)
        other = PartnerClient.of(till.credential.partner, scopes=["vouchers:use"])
        for _ in range(3):
            assert post(till, "rollback", code="WRONG", external_id="r1").status_code == 404

        assert post(till, "check", code=code).status_code == 429
        assert post(other, "check", code=code).status_code == 200

    def test_goes_on_where_nobody_can_count(self, till: PartnerClient, code: str, settings):
        nowhere = {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
        }
        settings.CACHES = {"default": nowhere}

        assert post(till, "check", code="WRONG").status_code == 404
        assert post(till, "use", code=code, external_id="r1").status_code == 201
