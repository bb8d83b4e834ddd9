import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections, transaction

from loyalty.core.models import Event, Program
from members import pending
from members.ledger import verify
from members.models import Entry, Lot, Member, Wallet, WalletType
from members.pending import NotPending
from members.references import MemberReference
from rewards.models import Campaign
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop

SHIPPED = {"event": "order.shipped", "cancel_after_days": 60}


@pytest.fixture
def pending_for_two_weeks(program: Program, points: WalletType) -> WalletType:
    points.pending_days = 14
    points.save()
    program.refresh_from_db()
    return points


def rule(program: Program, noon: datetime, **blocks) -> Campaign:
    """A point for each euro, with blocks of its own."""
    campaign = factories.CampaignFactory.create(program=program, key="own", name="Own dates")
    effect = {"kind": "points_per_unit", "points": "1", "per": "1.00", **blocks}
    campaigns.publish(
        campaign,
        definition=factories.definition(effect),
        by=None,
        at=noon,
        effective_at=noon - timedelta(days=1000),
    )
    program.refresh_from_db()
    return campaign


class TestPendingPoints:
    def test_are_seen_and_cannot_be_spent(self, pending_for_two_weeks, shop: Shop, ada: Member):
        sold = shop.sells("receipt-1", "100.00")

        assert sold.wallets == ({"type": "points", "available": 0, "pending": 100, "held": 0},)
        assert Lot.objects.get().unlocks_at == datetime(2026, 6, 15, 22, tzinfo=UTC)
        assert Event.objects.get(type="points.earned").data["pending"] == 100

    def test_are_available_after_the_last_of_so_many_days(self, pending_for_two_weeks, shop: Shop, ada):
        shop.sells("receipt-1", "100.00")
        over = datetime(2026, 6, 15, 22, tzinfo=UTC)

        early = list(pending.make_available(shop.program, at=over - timedelta(microseconds=1)))
        (chunk,) = pending.make_available(shop.program, at=over)

        assert early == []
        assert (chunk.wallets, chunk.lots, chunk.points) == (1, 1, 100)
        assert Wallet.objects.get().available == 100
        event = Event.objects.get(type="points.unlocked")
        assert (event.data["points"], event.data["balance"]) == (100, 100)
        assert list(pending.make_available(shop.program, at=over)) == []
        assert list(verify.run()) == []

    def test_of_another_program_stay(self, pending_for_two_weeks, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")

        other = factories.ProgramFactory.create()

        assert list(pending.make_available(other, at=shop.later(days=30).at)) == []

    def test_go_through_in_chunks(self, pending_for_two_weeks, shop: Shop, ada: Member, monkeypatch):
        monkeypatch.setattr(pending, "LOTS_AT_A_TIME", 2)
        for number in range(5):
            factories.IdentifierFactory.create(member__program=shop.program, value=f"m{number}")
            shop.sells(f"receipt-{number}", "10.00", member=MemberReference("card", f"m{number}"))

        chunks = list(pending.make_available(shop.program, at=shop.later(days=20).at))

        assert [chunk.wallets for chunk in chunks] == [2, 2, 1]
        assert not Wallet.objects.filter(pending__gt=0).exists()

    def test_pay_first_what_the_member_owes(self, owing: Shop):
        (chunk,) = pending.make_available(owing.program, at=owing.at)

        wallet = Wallet.objects.get()
        assert (wallet.pending, wallet.available, wallet.debt) == (0, 40, 0)
        assert (chunk.wallets, chunk.points) == (1, 100)
        assert list(verify.run()) == []

    @pytest.mark.django_db(transaction=True)
    def test_of_who_owes_let_others_hold_the_members_wallets_in_their_order(self, owing: Shop, ada: Member):
        late = Wallet.objects.get()
        stars = factories.WalletTypeFactory.create(program=owing.program, key="stars")
        early = Wallet.objects.create(id=UUID(int=1), program=owing.program, member=ada, type=stars)
        owing.program.refresh_from_db()

        with held_one_by_one(early, late):
            chunks = list(pending.make_available(owing.program, at=owing.at))

        assert [chunk.points for chunk in chunks] == [100]
        assert Wallet.objects.get(pk=late.pk).available == 40


@pytest.fixture
def owing(pending_for_two_weeks, points: WalletType, shop: Shop, ada: Member) -> Shop:
    """Ada owes 60 points, and 100 that are pending become available on this day."""
    WalletType.objects.update(return_policy="debt")
    shop.program.refresh_from_db()
    reward = factories.RewardFactory.create(program=shop.program, wallet_type=points, price=60)
    shop.sells("receipt-1", "60.00")
    list(pending.make_available(shop.program, at=shop.later(days=20).at))
    later = shop.later(days=20)
    later.redeems(reward.key)
    later.sells("receipt-2", "100.00")
    later.takes_back("return-1", "receipt-1")
    assert Wallet.objects.get().debt == 60
    return later.later(days=20)


@contextmanager
def held_one_by_one(*wallets: Wallet) -> Iterator[None]:
    """Somebody else takes these wallets, one after the other, with time for others in between."""
    begun = threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                for wallet in wallets:
                    Wallet.objects.select_for_update().get(pk=wallet.pk)
                    begun.set()
                    time.sleep(0.3)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        begun.wait()
        yield
        holding.result()


class TestByHand:
    def test_makes_available_what_is_pending_of_an_activity(self, pending_for_two_weeks, shop: Shop, ada):
        sold = shop.sells("receipt-1", "100.00")
        lot_ids = pending.lots_of(shop.program, activity_id=sold.id)

        (moved,) = pending.activate(
            shop.program, member_id=ada.pk, lot_ids=lot_ids, actor="staff:1", at=shop.at
        )

        assert (moved.points, moved.balance, moved.wallet_type) == (100, 100, "points")
        entry = Entry.objects.get(kind="unlock")
        assert (entry.actor, entry.points, entry.available_after) == ("staff:1", 0, 100)
        assert list(verify.run()) == []

    def test_cancels_what_is_pending(self, pending_for_two_weeks, shop: Shop, ada: Member):
        sold = shop.sells("receipt-1", "100.00")
        lot_ids = pending.lots_of(shop.program, activity_id=sold.id)

        (moved,) = pending.cancel(
            shop.program, member_id=ada.pk, lot_ids=lot_ids, actor="staff:1", at=shop.at
        )

        assert (moved.points, moved.balance) == (100, 0)
        entry = Entry.objects.get(kind="reverse")
        assert (entry.points, entry.reason) == (-100, "pending_cancelled")

    def test_refuses_a_second_time_and_moves_nothing(self, pending_for_two_weeks, shop: Shop, ada: Member):
        sold = shop.sells("receipt-1", "100.00")
        lot_ids = pending.lots_of(shop.program, activity_id=sold.id)
        asked: dict[str, Any] = {"member_id": ada.pk, "lot_ids": lot_ids, "actor": "staff:1", "at": shop.at}
        pending.activate(shop.program, **asked)

        with pytest.raises(NotPending):
            pending.cancel(shop.program, **asked)

        assert Wallet.objects.get().available == 100

    def test_refuses_lots_of_others(self, pending_for_two_weeks, shop: Shop, ada: Member):
        sold = shop.sells("receipt-1", "100.00")
        lot_ids = pending.lots_of(shop.program, activity_id=sold.id)
        stranger = factories.MemberFactory.create(program=shop.program)
        elsewhere = factories.ProgramFactory.create()

        for program, member in ((shop.program, stranger), (elsewhere, ada)):
            with pytest.raises(NotPending):
                pending.activate(program, member_id=member.pk, lot_ids=lot_ids, actor="a", at=shop.at)

        assert Wallet.objects.get(member=ada).pending == 100


class TestPointsThatWaitForAnEvent:
    @pytest.fixture(autouse=True)
    def _points_wait_for_shipping(self, program: Program, points: WalletType, noon: datetime):
        rule(program, noon, pending=SHIPPED)

    @pytest.fixture
    def shop(self, program: Program, ada: Member, noon: datetime, _points_wait_for_shipping) -> Shop:
        return Shop(program=program, at=noon)

    def test_are_available_when_it_comes(self, shop: Shop, ada: Member):
        shop.sells("order-1", "100.00")

        heard = shop.later(days=3).hears_of("shipment-1", "order.shipped")

        assert heard.wallets == ({"type": "points", "available": 100, "pending": 0, "held": 0},)
        assert Event.objects.get(type="points.unlocked").data["points"] == 100
        assert list(verify.run()) == []

    def test_are_only_those_of_the_sale_that_it_names(self, shop: Shop, ada: Member):
        shop.sells("order-1", "100.00")
        shop.sells("order-2", "50.00")

        shop.later(days=3).hears_of("shipment-2", "order.shipped", sale_external_id="order-2")

        wallet = Wallet.objects.get()
        assert (wallet.pending, wallet.available) == (100, 50)

    def test_stay_when_something_else_happens(self, shop: Shop, ada: Member):
        shop.sells("order-1", "100.00")

        shop.hears_of("login-1", "app.login")
        shop.hears_of("shipment-9", "order.shipped", sale_external_id="order-9")

        assert Wallet.objects.get().pending == 100

    def test_move_once_if_the_event_is_reported_twice(self, shop: Shop, ada: Member):
        shop.sells("order-1", "100.00")
        later = shop.later(days=3)
        later.hears_of("shipment-1", "order.shipped")

        later.hears_of("shipment-1", "order.shipped")

        assert Wallet.objects.get().available == 100
        assert Entry.objects.filter(kind="unlock").count() == 1

    def test_are_cancelled_if_it_does_not_come(self, shop: Shop, ada: Member):
        shop.sells("order-1", "100.00")
        over = datetime(2026, 7, 31, 22, tzinfo=UTC)

        early = list(pending.cancel_overdue(shop.program, at=over - timedelta(seconds=1)))
        (chunk,) = pending.cancel_overdue(shop.program, at=over)

        assert early == []
        assert chunk.points == 100
        wallet = Wallet.objects.get()
        assert (wallet.pending, wallet.available) == (0, 0)
        assert Entry.objects.get(kind="reverse").reason == "pending_cancelled"
        assert list(verify.run()) == []

    def test_are_not_saved_by_an_event_that_comes_too_late(self, shop: Shop, ada: Member):
        shop.sells("order-1", "100.00")

        shop.later(days=61).hears_of("shipment-1", "order.shipped")

        assert Wallet.objects.get().available == 0

    def test_cost_a_sale_no_statement_more(self, shop: Shop, ada: Member, django_assert_num_queries):
        shop.sells("order-1", "100.00")

        with django_assert_num_queries(4):  # with the two of the savepoint in a test's transaction
            shop.sells("order-2", "50.00")


class TestDates:
    def shop(self, program: Program, noon: datetime) -> Shop:
        program.refresh_from_db()
        return Shop(program=program, at=noon)

    def test_of_a_campaign_go_before_those_of_tier_and_kind_of_points(
        self, program: Program, points: WalletType, ladder, ada: Member, noon: datetime
    ):
        WalletType.objects.update(expiry_rule="months", expires_after=12, pending_days=14)
        ladder.tiers.filter(key="basic").update(expiry_rule="months", expires_after=24)
        rule(program, noon, expiry={"rule": "end_of_year"}, pending={"until": "2026-12-24"})

        self.shop(program, noon).sells("receipt-1", "10.00")

        lot = Lot.objects.get()
        assert lot.expires_at == datetime(2026, 12, 31, 23, tzinfo=UTC)
        assert lot.unlocks_at == datetime(2026, 12, 23, 23, tzinfo=UTC)
        assert lot.source == "purchase"

    def test_of_the_tier_go_before_those_of_the_kind_of_points(
        self, program: Program, points: WalletType, ladder, ada: Member, noon: datetime
    ):
        WalletType.objects.update(expiry_rule="months", expires_after=12)
        ladder.tiers.filter(key="silver").update(expiry_rule="never")
        rule(program, noon)

        self.shop(program, noon).sells("receipt-1", "1000.00")
        self.shop(program, noon).sells("receipt-2", "10.00")

        assert set(Lot.objects.values_list("points", "expires_at")) == {
            (1000, datetime(2027, 6, 1, 22, tzinfo=UTC)),
            (10, None),
        }
