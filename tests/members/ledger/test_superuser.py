"""
Somebody who may do everything in the database, and has switched off what guards it.

What such an edit leaves behind is found and named. Whoever also computes all hashes anew leaves a
chain without a flaw, which is found against the anchors of the last check; whoever forges those as
well, against a digest that was kept elsewhere.
"""

from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

import pytest

from loyalty.core.models import Event
from members import holds
from members.ledger.chain import Cause, NewEntry, NewPosting, hash_of
from members.ledger.state import LotState
from members.ledger.verify import CHAIN, Fault
from members.ledger.verify.proof import UNCHANGED
from members.models import Entry, Hold, LedgerAnchor, LedgerCheck, Lot, Member, MemberTier, Posting, Wallet
from rewards.books import checking
from rewards.books.proving import AGAIN
from rewards.models import Activity, CampaignVersion, Redemption, Reward
from tests import factories
from tests.attackers import behind_the_programs_back
from tests.cast import CARD, Shop

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def year(shop: Shop, ada: Member, points) -> Shop:
    """Two sales, a redemption, a hold in part settled, one that is open, and a return."""
    reward: Reward = factories.RewardFactory.create(program=shop.program, wallet_type=points, price=30)
    shop.sells("receipt-1", "100.00")
    shop.later(days=1).sells("receipt-2", "50.00")
    shop.later(days=2).redeems(reward.key)
    where: dict[str, Any] = {
        "program": shop.program,
        "source": "till",
        "actor": "partner:till",
        "at": shop.at + timedelta(days=2),
    }
    settled = holds.place(member=CARD, wallet_type="points", points=20, **where)
    holds.settle(settled.hold.id, points=15, **where)
    holds.place(member=CARD, wallet_type="points", points=10, **where)
    shop.later(days=3).takes_back("return-1", "receipt-2", "20.00")
    return shop


def check(shop: Shop, **more: Any) -> list[Fault]:
    return list(checking.carry_out(checking.ask(shop.program, actor="system:test")[0], **more))


def entry(number: int) -> Entry:
    return Entry.objects.get(number=number)


def written_anew() -> None:
    """Compute all hashes anew, as whoever knows how they are made can."""
    for wallet in Wallet.objects.all():
        previous = b""
        for row in Entry.objects.filter(wallet=wallet).order_by("number"):
            postings = list(Posting.objects.filter(entry=row))
            lots = {lot.pk: _state(lot) for lot in Lot.objects.filter(pk__in=[p.lot_id for p in postings])}
            previous = hash_of(_entry(row, postings), previous=previous, lots=lots)
            Entry.objects.filter(pk=row.pk).update(hash=previous)
        Wallet.objects.filter(pk=wallet.pk).update(head_hash=previous)


def _state(lot: Lot) -> LotState:
    return LotState(**{name: getattr(lot, name) for name in LotState.__struct_fields__})


def _entry(row: Entry, postings: list[Posting]) -> NewEntry:
    same = (
        "id",
        "wallet_id",
        "number",
        "kind",
        "points",
        "pending_after",
        "available_after",
        "held_after",
        "debt_after",
    )
    return NewEntry(
        **{name: getattr(row, name) for name in same},
        cause=Cause(
            key=row.cause, actor=row.actor, reason=row.reason,
            effective_at=row.effective_at, recorded_at=row.recorded_at,
        ),
        postings=tuple(
            NewPosting(p.lot_id, p.source, p.destination, p.points, p.old_expires_at, p.new_expires_at)
            for p in postings
        ),
        hash=b"",
    )  # fmt: skip


def changed_entry(**changes: Any) -> str:
    row = entry(2)
    Entry.objects.filter(pk=row.pk).update(**changes)
    return f"entry {row.pk}"


def with_another_amount() -> str:
    return changed_entry(points=5_000)


def with_another_date() -> str:
    return changed_entry(effective_at=factories.NOON - timedelta(days=400))


def with_another_reason() -> str:
    return changed_entry(reason="a present")


def with_another_actor() -> str:
    return changed_entry(actor="staff:1")


def with_another_cause() -> str:
    return changed_entry(cause="sale:something-else:earn:points")


def with_a_forged_hash() -> str:
    return changed_entry(hash=b"\1" * 32)


def deleted() -> str:
    row = entry(3)
    Posting.objects.filter(entry=row).delete()
    Entry.objects.filter(pk=row.pk).delete()
    return f"wallet {row.wallet_id}"


def newest_deleted() -> str:
    row = Entry.objects.order_by("number").last()
    assert row is not None
    Posting.objects.filter(entry=row).delete()
    Entry.objects.filter(pk=row.pk).delete()
    return f"wallet {row.wallet_id}"


def in_another_order() -> str:
    first, second = entry(1), entry(2)
    Entry.objects.filter(pk=first.pk).update(number=99)
    Entry.objects.filter(pk=second.pk).update(number=1)
    Entry.objects.filter(pk=first.pk).update(number=2)
    return f"entry {first.pk}"


def posting_with_other_points() -> str:
    row = Posting.objects.filter(source="issued").earliest("entry__number")
    Posting.objects.filter(pk=row.pk).update(points=row.points + 1)
    return f"lot {row.lot_id}"


def posting_deleted() -> str:
    row = Posting.objects.filter(destination="redeemed").earliest("entry__number")
    Posting.objects.filter(pk=row.pk).delete()
    return f"lot {row.lot_id}"


def lot_with_more_points() -> str:
    row = Lot.objects.get(points=100)
    Lot.objects.filter(pk=row.pk).update(points=row.points + 7, available=row.available + 7)
    return f"lot {row.pk}"


def lot_that_expires_later() -> str:
    row = Lot.objects.get(points=100)
    Lot.objects.filter(pk=row.pk).update(expires_at=factories.NOON + timedelta(days=9_000))
    return f"entry {entry(1).pk}"


def lot_of_another_campaign() -> str:
    Lot.objects.filter(points=100).update(campaign_version_id=Lot.objects.get(points=50).pk)
    return f"entry {entry(1).pk}"


def wallet_with_more_points() -> str:
    Wallet.objects.update(available=10_000)
    return f"wallet {Wallet.objects.get().pk}"


def wallet_that_has_spent_less() -> str:
    Wallet.objects.update(lifetime_spent=1)
    return f"wallet {Wallet.objects.get().pk}"


def wallet_with_debt() -> str:
    Wallet.objects.update(available=0, debt=5)
    return f"wallet {Wallet.objects.get().pk}"


def hold_with_other_points() -> str:
    row = Hold.objects.get(status="held")
    Hold.objects.filter(pk=row.pk).update(points=11)
    return f"hold {row.pk}"


def hold_deleted() -> str:
    row = Hold.objects.get(status="held")
    Hold.objects.filter(pk=row.pk).delete()
    return f"entries of hold {row.pk}"


def hold_settled_for_less() -> str:
    row = Hold.objects.get(status="settled")
    Hold.objects.filter(pk=row.pk).update(settled=1)
    return f"hold {row.pk}"


def event_deleted() -> str:
    event = Event.objects.filter(type="points.earned").earliest("number")
    Event.objects.filter(pk=event.pk).delete()
    return f"entry {event.data['entry_id']}"


def event_with_another_balance() -> str:
    event = Event.objects.filter(type="points.earned").earliest("number")
    Event.objects.filter(pk=event.pk).update(data=event.data | {"balance": 7})
    return f"entry {event.data['entry_id']}"


def more_progress() -> str:
    MemberTier.objects.update(progress=4_999)
    return f"tier of member {MemberTier.objects.get().member_id}"


def another_members_lot() -> str:
    stranger = factories.MemberFactory.create(program=Member.objects.get().program)
    row = Lot.objects.get(points=100)
    Lot.objects.filter(pk=row.pk).update(member=stranger)
    return f"lot {row.pk}"


def award_with_more_points() -> str:
    row = Activity.objects.get(external_id="receipt-1")
    Activity.objects.filter(pk=row.pk).update(awards=[row.awards[0] | {"points": 101}])
    return f"activity {row.pk}"


def less_returned() -> str:
    row = Activity.objects.get(external_id="receipt-2")
    Activity.objects.filter(pk=row.pk).update(returned_amount=1)
    return f"activity {row.pk}"


def redemption_that_cost_less() -> str:
    row = Redemption.objects.get()
    Redemption.objects.filter(pk=row.pk).update(points=1)
    return f"redemption {row.pk}"


def wallet_deleted() -> str:
    row = Wallet.objects.get()
    Wallet.objects.filter(pk=row.pk)._raw_delete("default")
    return f"lot {Lot.objects.earliest('pk').pk}"


EDITS = [
    with_another_amount, with_another_date, with_another_reason, with_another_actor, with_another_cause,
    with_a_forged_hash, deleted, newest_deleted, in_another_order, posting_with_other_points, posting_deleted,
    lot_with_more_points, lot_that_expires_later, lot_of_another_campaign, wallet_with_more_points,
    wallet_that_has_spent_less, wallet_with_debt, hold_with_other_points, hold_deleted, hold_settled_for_less,
    event_deleted, event_with_another_balance, more_progress, another_members_lot, award_with_more_points,
    less_returned, redemption_that_cost_less,
]  # fmt: skip


class TestAnEdit:
    def test_that_was_not_made_is_not_found(self, year: Shop):
        assert check(year) == []

    @pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
    def test_is_found_and_named(self, year: Shop, edit: Any):
        with behind_the_programs_back():
            row = edit()

        assert row in [fault.row for fault in check(year)]

    def test_of_a_wallet_that_is_no_more_is_found_among_the_rows_of_nobody(self, year: Shop):
        with behind_the_programs_back():
            row = wallet_deleted()

        faults = list(checking.carry_out(checking.ask(None, actor="system:test")[0]))

        assert Fault("every row belongs to somebody", row, "is of a wallet that is not there") in faults

    def test_of_a_version_in_force_is_found_by_evaluating_again(self, year: Shop):
        with behind_the_programs_back():
            definition = factories.definition({"kind": "points_per_unit", "points": "3", "per": "1.00"})
            CampaignVersion.objects.update(definition=definition)
            type(year.program).objects.update(rules_revision=year.program.rules_revision + 1_000_000)
        year.program.refresh_from_db()

        sale = Activity.objects.get(external_id="receipt-1")
        assert Fault(AGAIN, f"activity {sale.pk}", "base gave 100 points and gives 300") in check(year)


class TestAHistoryWrittenAnew:
    """Entries 1 … are changed, and all hashes computed again: the books add up, and are another's."""

    def forge(self) -> str:
        """Somebody has the sale of the first day happen a year earlier, with all that tells of it."""
        earlier = factories.NOON - timedelta(days=365)
        with behind_the_programs_back():
            first = entry(1)
            Entry.objects.filter(pk=first.pk).update(effective_at=earlier, recorded_at=earlier)
            Lot.objects.filter(points=100).update(earned_at=earlier)
            Event.objects.filter(data__entry_id=str(first.pk)).update(
                occurred_at=earlier, recorded_at=earlier
            )
            written_anew()
        return f"wallet {first.wallet_id}"

    def test_cannot_be_told_from_the_truth_where_nobody_ever_looked(self, year: Shop):
        self.forge()

        assert check(year) == []

    def test_is_found_and_named_by_the_anchors_of_the_last_check(self, year: Shop):
        assert check(year) == []

        wallet = self.forge()

        assert Fault(UNCHANGED, wallet, "its entries were written anew since the last check") in check(year)

    def test_stays_found_until_it_is_put_right(self, year: Shop):
        check(year)
        self.forge()
        first = check(year)

        assert [fault.row for fault in check(year)] == [fault.row for fault in first]

    def test_is_found_though_the_anchors_were_forged_too_by_a_digest_kept_elsewhere(self, year: Shop):
        check(year)
        kept = LedgerCheck.objects.get()
        self.forge()
        with behind_the_programs_back():
            LedgerAnchor.objects.all().delete()
            LedgerCheck.objects.all()._raw_delete("default")
        assert check(year) == []

        faults = check(year, against=(kept.event_number, kept.digest))

        assert [fault.check for fault in faults] == [UNCHANGED]

    def test_is_not_suspected_where_life_went_on(self, year: Shop, program):
        check(year)
        year.later(days=5).sells("receipt-3", "10.00")
        bert = factories.MemberFactory.create(program=program)
        factories.IdentifierFactory.create(member=bert, value="1002")

        assert check(year) == []
        kept = LedgerCheck.objects.order_by("pk")[0]
        assert check(year, against=(kept.event_number, kept.digest)) == []

    def test_is_found_where_all_entries_of_a_wallet_are_gone(self, year: Shop):
        check(year)
        with behind_the_programs_back():
            for model in (Posting, Entry, Lot, Hold, Wallet, MemberTier, Redemption, Activity, Event):
                model._default_manager.all()._raw_delete("default")

        assert "had entries at the last check, and has none now" in [fault.detail for fault in check(year)]


class TestTheChain:
    def test_in_sql_is_the_chain_in_python(self, year: Shop):
        """The check computes hashes by itself: it would tell if the two had come to differ."""
        before = {row.pk: bytes(row.hash) for row in Entry.objects.all()}
        with behind_the_programs_back():
            written_anew()

        assert {row.pk: bytes(row.hash) for row in Entry.objects.all()} == before
        assert [fault for fault in check(year) if fault.check == CHAIN] == []
        assert [
            len(list(rows))
            for _, rows in groupby(Entry.objects.order_by("wallet_id"), attrgetter("wallet_id"))
        ] == [8]
