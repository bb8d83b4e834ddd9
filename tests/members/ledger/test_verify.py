"""A fault is planted behind the program's back, and must be found and named."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from loyalty.core.models import Event
from members.ledger import verify
from members.ledger.verify import CHAIN, Fault
from members.models import Entry, Lot, Member, Posting, Wallet
from rewards.models import Reward
from tests import factories
from tests.cast import Shop

TABLES = ("members_entry", "members_posting", "core_event")


@contextmanager
def behind_the_programs_back() -> Iterator[None]:
    """Someone who owns the tables, and has switched off what guards them."""
    with connection.cursor() as cursor:
        # What the test has written so far must be settled before a table can be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.fixture
def year(shop: Shop, ada: Member, points) -> Shop:
    """Two sales, a redemption and a return."""
    reward: Reward = factories.RewardFactory.create(program=shop.program, wallet_type=points, price=30)
    shop.sells("receipt-1", "100.00")
    shop.later(days=1).sells("receipt-2", "50.00")
    shop.later(days=2).redeems(reward.key)
    shop.later(days=3).takes_back("return-1", "receipt-2", "20.00")
    return shop


def faults() -> list[Fault]:
    return list(verify.run())


class TestRun:
    def test_finds_nothing_where_nothing_is_wrong(self, year: Shop):
        assert faults() == []

    def test_finds_an_entry_whose_points_were_changed(self, year: Shop):
        entry = Entry.objects.get(number=2)
        with behind_the_programs_back():
            Entry.objects.filter(pk=entry.pk).update(points=5_000, available_after=5_100)

        assert (
            Fault(
                CHAIN,
                f"entry {entry.pk}",
                "was changed: its hash does not fit its content and what came before",
            )
            in faults()
        )

    def test_finds_an_entry_that_was_deleted(self, year: Shop):
        entry = Entry.objects.get(number=2)
        with behind_the_programs_back():
            Posting.objects.filter(entry=entry).delete()
            Entry.objects.filter(pk=entry.pk).delete()

        rows = [fault.detail for fault in faults() if fault.check == CHAIN]
        assert rows == [f"entry 2 is missing before entry {Entry.objects.get(number=3).pk}"]

    def test_finds_that_the_newest_entry_was_deleted(self, year: Shop):
        with behind_the_programs_back():
            newest = Entry.objects.order_by("number").last()
            assert newest is not None
            Posting.objects.filter(entry=newest).delete()
            Entry.objects.filter(pk=newest.pk).delete()

        assert "does not end with its newest entry" in [fault.detail for fault in faults()]

    def test_finds_points_that_were_added_to_a_wallet(self, year: Shop, ada: Member):
        Wallet.objects.update(available=10_000)

        wallet = Wallet.objects.get(member=ada)
        named = [fault for fault in faults() if fault.row == f"wallet {wallet.pk}"]
        assert {fault.check for fault in named} == {
            "the lots of a wallet make up its sums",
            "an entry's balances follow from the one before it",
        }

    def test_finds_points_that_were_moved_between_the_buckets_of_a_lot(self, year: Shop):
        lot = Lot.objects.get(points=50)
        Lot.objects.filter(pk=lot.pk).update(available=lot.available + 20, reversed=0)

        assert f"lot {lot.pk}" in [fault.row for fault in faults()]

    def test_finds_a_posting_that_was_changed(self, year: Shop):
        with behind_the_programs_back():
            Posting.objects.filter(source="issued", points=50).update(points=60)

        checks = {fault.check for fault in faults()}
        assert {"the postings of a lot make up its buckets", CHAIN} <= checks

    def test_finds_a_booking_without_an_event(self, year: Shop):
        event = Event.objects.filter(type="points.earned").earliest("number")
        with behind_the_programs_back():
            Event.objects.filter(pk=event.pk).delete()

        assert f"entry {event.data['entry_id']}" in [fault.row for fault in faults()]

    def test_finds_a_lot_of_another_member(self, year: Shop, program):
        stranger = factories.MemberFactory.create(program=program)
        Lot.objects.filter(points=50).update(member=stranger)

        assert "is of another member or program than its wallet" in [fault.detail for fault in faults()]
