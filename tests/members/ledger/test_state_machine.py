"""All operations in any order, against a model that is no more than a dictionary."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loyalty.core.ids import new_id
from members.ledger import operations
from members.ledger.operations import Cause, Change, Grant, InsufficientPoints, TakeBack
from members.ledger.plan import Plan
from members.ledger.state import BUCKETS, LotState, WalletState

START = datetime(2026, 1, 1, tzinfo=UTC)
POINTS = st.integers(min_value=1, max_value=500)


class LedgerMachine(RuleBasedStateMachine):
    """The model knows of each lot what is left of it, when it expires, and when it was earned."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.wallet = WalletState(id=new_id(), program_id=new_id(), member_id=new_id(), type_id=new_id())
        self.plan = Plan()
        self.steps = 0
        self.left: dict[UUID, int] = {}
        self.expiry: dict[UUID, datetime | None] = {}
        self.order: list[UUID] = []
        self.granted: dict[UUID, int] = {}
        self.owed: Counter[UUID] = Counter()
        self.reversed_of: Counter[UUID] = Counter()
        self.expired_of: Counter[UUID] = Counter()
        self.issued = self.redeemed = self.expired = self.reversed = 0

    def cause(self) -> Cause:
        self.steps += 1
        return Cause(key=f"step:{self.steps}", actor="test", effective_at=self.now, recorded_at=self.now)

    def take(self, change: Change) -> None:
        self.plan.apply(change)
        self.wallet = change.wallet

    @rule(days=st.integers(min_value=1, max_value=40))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(points=st.lists(POINTS, min_size=1, max_size=3), lives=st.one_of(st.none(), st.integers(0, 90)))
    def grant(self, points: list[int], lives: int | None) -> None:
        expires_at = None if lives is None else self.now + timedelta(days=lives)
        grants = [Grant(points=number, expires_at=expires_at) for number in points]

        change = operations.grant(self.wallet, grants=grants, cause=self.cause())

        self.take(change)
        for lot in change.new_lots:
            self.left[lot.id] = self.granted[lot.id] = lot.points
            self.expiry[lot.id] = expires_at
            self.order.append(lot.id)
        self.issued += sum(points)

    @rule(points=POINTS)
    def spend(self, points: int) -> None:
        usable = [
            lot for lot in self.order if (self.expiry[lot] or datetime.max.replace(tzinfo=UTC)) > self.now
        ]
        usable.sort(key=lambda lot: self.expiry[lot] or datetime.max.replace(tzinfo=UTC))
        if sum(self.left[lot] for lot in usable) < points:
            with pytest.raises(InsufficientPoints):
                operations.spend(self.wallet, points=points, cause=self.cause())
            return

        self.take(operations.spend(self.wallet, points=points, cause=self.cause()))

        self.redeemed += points
        for lot in usable:
            taken = min(points, self.left[lot])
            self.left[lot] -= taken
            points -= taken

    @rule()
    def expire(self) -> None:
        due = [lot for lot in self.order if (at := self.expiry[lot]) and at <= self.now and self.left[lot]]

        change = operations.expire(self.wallet, cause=self.cause())

        assert (change is not None) == bool(due)
        if change:
            self.take(change)
        for lot in due:
            self.expired += self.left[lot]
            self.expired_of[lot] += self.left[lot]
            self.left[lot] = 0

    @precondition(lambda self: self.order)
    @rule(data=st.data(), points=POINTS)
    def reverse(self, data: st.DataObject, points: int) -> None:
        lot = data.draw(st.sampled_from(self.order))
        before = self.owed[lot]
        self.owed[lot] = min(before + points, self.granted[lot])
        taken, written_off = self.taken_back(lot, self.owed[lot] - before)

        share = TakeBack(total=self.owed[lot], before=before)
        reversal = operations.reverse(self.wallet, shares={lot: share}, cause=self.cause())

        assert reversal.written_off == written_off
        assert (reversal.change is not None) == (taken > 0)
        if reversal.change:
            self.take(reversal.change)
            assert reversal.change.entry.points == -taken
            reason = f"written_off:{written_off}" if written_off else ""
            assert reversal.change.entry.cause.reason == reason
        self.reversed += taken

    def taken_back(self, lot: UUID, points: int) -> tuple[int, int]:
        """From the lot itself, even if it is due; then what was spent of it, from what could be spent."""
        own = min(points, self.left[lot])
        self.left[lot] -= own
        self.reversed_of[lot] += own
        wanted = max(self.owed[lot] - self.reversed_of[lot] - self.expired_of[lot], 0)
        wanted -= max(self.owed[lot] - points - self.reversed_of[lot] + own - self.expired_of[lot], 0)
        wanted = left = max(wanted, 0)
        for source in self.usable():
            taken = min(left, self.left[source])
            self.left[source] -= taken
            self.reversed_of[source] += taken
            left -= taken
        return own + wanted - left, left

    def usable(self) -> list[UUID]:
        """Lots that may be spent, in the order in which they are."""
        forever = datetime.max.replace(tzinfo=UTC)
        lots = [lot for lot in self.order if (self.expiry[lot] or forever) > self.now]
        return sorted(lots, key=lambda lot: self.expiry[lot] or forever)

    @invariant()
    def every_lot_is_as_the_model_says(self) -> None:
        assert {lot.id: lot.available for lot in self.wallet.lots} == self.left

    @invariant()
    def every_lot_balances(self) -> None:
        for lot in self.wallet.lots:
            assert sum(getattr(lot, bucket) for bucket in BUCKETS) == lot.points
            assert min(getattr(lot, bucket) for bucket in BUCKETS) >= 0

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.wallet.available == sum(self.left.values())
        assert self.issued == self.wallet.available + self.redeemed + self.expired + self.reversed
        assert (self.wallet.lifetime_earned, self.wallet.lifetime_spent) == (self.issued, self.redeemed)

    @invariant()
    def the_postings_make_up_the_lots(self) -> None:
        rebuilt: dict[UUID, dict[str, int]] = {lot: dict.fromkeys(BUCKETS, 0) for lot in self.order}
        for entry in self.plan.entries:
            for posting in entry.postings:
                rebuilt[posting.lot_id][posting.destination] += posting.points
                if posting.source != "issued":
                    rebuilt[posting.lot_id][posting.source] -= posting.points

        assert rebuilt == {lot.id: _buckets(lot) for lot in self.wallet.lots}

    @invariant()
    def the_entries_are_a_chain(self) -> None:
        previous, balance = b"", 0
        for number, entry in enumerate(self.plan.entries, start=1):
            balance += entry.points
            assert entry.number == number
            assert entry.available_after == balance
            assert entry.hash == hash_of(entry, previous=previous, lots=granted)
            previous = entry.hash
        assert self.wallet.head_hash == previous

    @invariant()
    def the_plan_writes_each_lot_once_in_its_last_state(self) -> None:
        written = {**self.plan.new_lots, **self.plan.changed_lots}

        assert not self.plan.new_lots.keys() & self.plan.changed_lots.keys()
        assert {lot.id: lot for lot in self.wallet.lots} == written


def _buckets(lot: LotState) -> dict[str, int]:
    return {bucket: getattr(lot, bucket) for bucket in BUCKETS}


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
