"""Adjustments are undone once, as far as their points are there."""

from dataclasses import replace
from uuid import uuid4

import pytest

from loyalty.core import events
from loyalty.core.db import Batch
from loyalty.core.errors import NotFound
from loyalty.core.models import Event, Role
from members import expiry
from members.adjustments import MayNotAdjust
from members.adjustments.undoing import AlreadyUndone
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.plan import Plan
from members.ledger.telling import told
from members.models import Adjustment, Entry, Lot, Member, MemberTier, TierLadder, Wallet, WalletType
from tests import factories
from tests.cast import Shop
from tests.members.adjustments.desk import Desk, balance, is_proven
from tests.members.conftest import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("points", "goodwill", "correction", "limits")]


class TestUndo:
    def test_takes_given_points_back_with_their_progress(self, desk: Desk, ladder: TierLadder, ada: Member):
        desk.program.refresh_from_db()
        done = desk.gives(300, "correction")

        undone = desk.undoes(done.id)

        adjustment = Adjustment.objects.get()
        assert (undone.balance, undone.written_off, undone.owed) == (0, 0, 0)
        assert (adjustment.undone_by, adjustment.undone_at) == (desk.by, desk.at)
        assert adjustment.undo_entry.cause == f"adjustment:{done.id}:undo"  # type: ignore[union-attr]
        assert MemberTier.objects.get().progress == 0
        assert Event.objects.get(type="points.reversed").data["adjustment_id"] == str(done.id)
        assert is_proven()

    @pytest.mark.parametrize(
        ("policy", "written_off", "owed"), [("within_balance", 100, 0), ("debt", 0, 100)]
    )
    def test_of_points_that_are_gone_follows_the_policy(
        self, desk: Desk, ada: Member, policy: str, written_off: int, owed: int
    ):
        WalletType.objects.update(return_policy=policy)
        desk.program.refresh_from_db()
        done = desk.gives(300)
        desk.takes(100)

        undone = desk.undoes(done.id)

        # What was taken meanwhile came from the same grant, which is thus taken back already.
        assert (undone.balance, undone.written_off, undone.owed) == (0, 0, 0)
        assert is_proven()

        spent = desk.later(days=1).gives(200)
        _spend(desk, 100)
        undone = desk.later(days=1).undoes(spent.id)
        assert (undone.balance, undone.written_off, undone.owed) == (0, written_off, owed)
        assert is_proven()

    @pytest.mark.parametrize(("policy", "written_off", "owed"), [("within_balance", 60, 0), ("debt", 0, 60)])
    def test_of_points_that_a_return_took_for_what_was_spent_follows_the_policy(
        self, shop: Shop, desk: Desk, ada: Member, policy: str, written_off: int, owed: int
    ):
        WalletType.objects.update(return_policy=policy)
        desk.program.refresh_from_db()
        shop.sells("r1", "60.00")
        _spend(desk, 60)
        done = desk.gives(100)
        shop.later(days=1).takes_back("b1", "r1", "60.00")
        assert balance(ada) == 40

        undone = desk.later(days=2).undoes(done.id)

        assert (undone.balance, undone.written_off, undone.owed) == (0, written_off, owed)
        assert is_proven()

    def test_of_points_that_another_undo_took_for_what_was_spent_is_owed(self, desk: Desk, ada: Member):
        WalletType.objects.update(return_policy="debt")
        desk.program.refresh_from_db()
        first, second = desk.gives(100), desk.later(hours=1).gives(100)
        _spend(desk, 100)
        desk.later(hours=2).undoes(first.id)
        assert balance(ada) == 0

        undone = desk.later(hours=3).undoes(second.id)

        assert (undone.balance, undone.owed) == (0, 100)
        assert is_proven()

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_of_what_was_given_and_taken_leaves_nothing_in_either_order(
        self, desk: Desk, ada: Member, order: tuple[int, int]
    ):
        both = [desk.gives(300).id, desk.takes(100).id]

        for number in order:
            desk.later(hours=1).undoes(both[number])

        assert balance(ada) == 0
        assert Adjustment.objects.filter(undone_at=None).count() == 0
        assert is_proven()

    def test_owes_again_what_the_points_paid(self, desk: Desk, ada: Member):
        WalletType.objects.update(return_policy="debt")
        desk.program.refresh_from_db()
        first = desk.gives(100)
        _spend(desk, 100)
        desk.undoes(first.id)
        assert Wallet.objects.get().debt == 100
        second = desk.gives(250)
        assert (balance(ada), Wallet.objects.get().debt) == (150, 0)

        undone = desk.undoes(second.id)

        assert (undone.balance, undone.owed) == (0, 100)
        assert Wallet.objects.get().debt == 100
        assert is_proven()

    def test_gives_taken_points_back_with_their_old_dates(self, desk: Desk, ada: Member):
        WalletType.objects.update(expiry_rule="days", expires_after=30)
        desk.program.refresh_from_db()
        desk.gives(300)
        done = desk.takes(120)
        expires_at = Lot.objects.get().expires_at

        undone = desk.later(days=3).undoes(done.id)

        lot = Lot.objects.get()
        assert undone.balance == 300
        assert (lot.available, lot.reversed, lot.expires_at) == (300, 0, expires_at)
        assert Event.objects.filter(type="points.restored").count() == 1
        assert is_proven()

    def test_lets_expire_at_once_what_has_expired_meanwhile(self, desk: Desk, ada: Member):
        WalletType.objects.update(expiry_rule="days", expires_after=30)
        desk.program.refresh_from_db()
        desk.gives(300)
        done = desk.takes(120)
        later = desk.later(days=40)
        list(expiry.run(desk.program, at=later.at))

        undone = later.undoes(done.id)

        entries = Entry.objects.order_by("number").values_list("kind", "points")
        assert undone.balance == 0
        assert list(entries) == [
            ("adjust", 300),
            ("adjust", -120),
            ("expire", -180),
            ("restore", 120),
            ("expire", -120),
        ]
        assert is_proven()

    def test_happens_once(self, desk: Desk, other: Desk, ada: Member):
        done = desk.gives(300)
        other.undoes(done.id)

        with pytest.raises(AlreadyUndone):
            desk.undoes(done.id)

        assert balance(ada) == 0
        assert Entry.objects.count() == 2

    def test_happens_once_even_where_nothing_is_left_to_take(self, desk: Desk, ada: Member):
        WalletType.objects.update(expiry_rule="days", expires_after=1)
        desk.program.refresh_from_db()
        done = desk.gives(300)
        later = desk.later(days=5)
        list(expiry.run(desk.program, at=later.at))

        later.undoes(done.id)
        with pytest.raises(AlreadyUndone):
            later.undoes(done.id)

        adjustment = Adjustment.objects.get()
        assert (adjustment.undone_by, adjustment.undo_entry) == (desk.by, None)

    def test_is_for_those_who_may_adjust_in_the_program(self, desk: Desk, ada: Member):
        done = desk.gives(300)
        stranger = person(factories.ProgramFactory.create(), Role.SUPPORT)

        with pytest.raises(MayNotAdjust):
            replace(desk, by=stranger).undoes(done.id)
        with pytest.raises(MayNotAdjust):
            replace(desk, by=person(desk.program, Role.FINANCE)).undoes(done.id)
        with pytest.raises(NotFound):
            desk.undoes(uuid4())

        assert balance(ada) == 300


def _spend(desk: Desk, points: int) -> None:
    """As a reward would, through the ledger alone."""
    (account,) = store.load(desk.program.pk, [("id", str(desk.member.pk))])
    assert account
    (account,) = store.with_open_lots([account])
    cause = Cause(key=f"test:{uuid4()}", actor="partner:till", effective_at=desk.at, recorded_at=desk.at)
    change = operations.spend(account.wallets[0], points=points, cause=cause)
    plan = Plan([account])
    plan.apply(change)
    batch = Batch()
    store.add_to(batch, plan, program_id=desk.program.pk)
    events.add_to(batch, [told(change, wallet_type="points")])
    batch.write()
