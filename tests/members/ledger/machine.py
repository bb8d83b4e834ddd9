"""All operations in any order, on two wallets, against a model that is no more than dictionaries."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loyalty.core.ids import new_id
from members.ledger import operations
from members.ledger.chain import Cause, hash_of
from members.ledger.operations import Change, Grant, InsufficientPoints, TakeBack
from members.ledger.plan import Plan
from members.ledger.state import BUCKETS, FROM_MEMBERS, LotState, WalletState
from tests.members.ledger.book import Book

START = datetime(2026, 1, 1, tzinfo=UTC)
POINTS = st.integers(min_value=1, max_value=80)
LIVES = st.one_of(st.none(), st.integers(0, 60))
WHO = st.sampled_from([0, 1])


def new_wallet(program_id: UUID, member_id: UUID, type_id: UUID) -> WalletState:
    return WalletState(id=new_id(), program_id=program_id, member_id=member_id, type_id=type_id, is_new=True)


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.wallets = self.new_wallets()
        self.books = [Book(), Book()]
        self.plan = Plan()
        self.steps = 0
        self.issued = [0, 0]
        self.granted: dict[UUID, LotState] = {}

    def new_wallets(self) -> list[WalletState]:
        program_id, type_id = new_id(), new_id()
        return [new_wallet(program_id, new_id(), type_id) for _ in range(2)]

    def cause(self) -> Cause:
        self.steps += 1
        return Cause(key=f"step:{self.steps}", actor="test", effective_at=self.now, recorded_at=self.now)

    def take(self, who: int, change: Change) -> Change:
        self.plan.apply(change)
        self.wallets[who] = change.wallet
        self.granted |= {lot.id: lot for lot in change.new_lots}
        return change

    def give(self, who: int, grants: list[Grant], kind: str = "earn") -> None:
        change = self.take(
            who, operations.grant(self.wallets[who], grants=grants, cause=self.cause(), kind=kind)
        )
        for lot, grant in zip(change.new_lots, grants, strict=True):
            waits = grant.unlocks_at is not None and grant.unlocks_at > self.now
            bucket = "pending" if waits else "available"
            expires, earned = grant.expires_at, grant.earned_at or self.now
            self.books[who].add(lot.id, grant.points, bucket=bucket, expires=expires, earned=earned)
            if grant.source not in FROM_MEMBERS:
                self.issued[who] += grant.points
        self.books[who].pay()

    def dies(self, lives: int | None) -> datetime | None:
        return None if lives is None else self.now + timedelta(days=lives)

    @rule(days=st.integers(min_value=1, max_value=40))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(who=WHO, points=st.lists(POINTS, min_size=1, max_size=3), lives=LIVES)
    def grant(self, who: int, points: list[int], lives: int | None) -> None:
        self.give(who, [Grant(points=number, expires_at=self.dies(lives)) for number in points])

    @rule(who=WHO, points=POINTS, waits=st.integers(1, 30), lives=LIVES)
    def grant_pending(self, who: int, points: int, waits: int, lives: int | None) -> None:
        unlocks_at = self.now + timedelta(days=waits)
        self.give(who, [Grant(points=points, unlocks_at=unlocks_at, expires_at=self.dies(lives))])

    @rule(who=WHO, data=st.data(), goes=st.booleans())
    def end_of_waiting(self, who: int, data: st.DataObject, goes: bool) -> None:
        book = self.books[who]
        waiting = sorted(lot for lot in book.lots if book.lots[lot]["pending"])
        if not waiting:
            return
        lots = data.draw(st.lists(st.sampled_from(waiting), min_size=1, unique=True))
        operation = operations.cancel_pending if goes else operations.unlock

        self.take(who, operation(self.wallets[who], lot_ids=lots, cause=self.cause()))

        for lot in lots:
            book.move(lot, book.lots[lot]["pending"], "pending", "reversed" if goes else "available")
        book.pay()

    def uses(self, who: int, points: int, operation: Callable[..., Change], to: str) -> Counter[UUID] | None:
        if self.books[who].can_use(self.now) < points:
            with pytest.raises(InsufficientPoints):
                operation(self.wallets[who], points=points, cause=self.cause())
            return None
        self.take(who, operation(self.wallets[who], points=points, cause=self.cause()))
        return self.books[who].use(points, self.now, to)

    @rule(who=WHO, points=POINTS)
    def spend(self, who: int, points: int) -> None:
        if taken := self.uses(who, points, operations.spend, "redeemed"):
            self.books[who].spends[self.steps] = taken

    @rule(who=WHO, points=POINTS)
    def adjust_down(self, who: int, points: int) -> None:
        self.uses(who, points, operations.adjust_down, "reversed")

    @rule(who=WHO, points=POINTS)
    def hold(self, who: int, points: int) -> None:
        if taken := self.uses(who, points, operations.hold, "held"):
            self.books[who].holds[self.steps] = taken

    @rule(who=WHO, data=st.data())
    def settle_and_release_the_rest(self, who: int, data: st.DataObject) -> None:
        book = self.books[who]
        if not book.holds:
            return
        held = book.holds.pop(data.draw(st.sampled_from(sorted(book.holds))))
        points = data.draw(st.integers(0, held.total()))
        spent: Counter[UUID] = Counter()
        for lot in sorted(held, key=book.order):
            spent[lot] = min(held[lot], points - spent.total())
        rest = held - spent

        if points:
            self.take(who, operations.settle(self.wallets[who], held=held, points=points, cause=self.cause()))
            book.spends[self.steps] = +spent
        if rest:
            self.take(who, operations.release(self.wallets[who], held=rest, cause=self.cause()))

        for lot, number in spent.items():
            book.move(lot, number, "held", "redeemed")
        for lot, number in rest.items():
            book.move(lot, number, "held", "available")
        book.pay()

    @rule(who=WHO, data=st.data())
    def give_back(self, who: int, data: st.DataObject) -> None:
        book = self.books[who]
        if not book.spends:
            return
        back = book.spends.pop(data.draw(st.sampled_from(sorted(book.spends))))

        self.take(who, operations.restore(self.wallets[who], back=back, cause=self.cause()))

        for lot, number in back.items():
            book.move(lot, number, "redeemed", "available")
        book.pay()

    @rule(who=WHO)
    def expire(self, who: int) -> None:
        change = operations.expire(self.wallets[who], cause=self.cause())

        gone = self.books[who].expire(self.now)
        assert (-change.entry.points if change else 0) == gone
        if change:
            self.take(who, change)

    @rule(who=WHO, lives=st.integers(1, 30))
    def undo_expiry(self, who: int, lives: int) -> None:
        book = self.books[who]
        back = {lot: book.lots[lot]["expired"] for lot in book.lots if book.lots[lot]["expired"]}
        if not back:
            return
        later = self.now + timedelta(days=lives)

        self.take(
            who,
            operations.restore(
                self.wallets[who], back=back, cause=self.cause(), source="expired", expires_at=later
            ),
        )

        for lot, number in back.items():
            book.move(lot, number, "expired", "available")
            book.lots[lot]["expires"] = later
        book.pay()

    @precondition(lambda self: any(book.lots for book in self.books))
    @rule(data=st.data(), points=POINTS, policy=st.sampled_from(["within_balance", "debt"]))
    def reverse(self, data: st.DataObject, points: int, policy: str) -> None:
        who = data.draw(st.sampled_from([n for n in (0, 1) if self.books[n].lots]))
        book = self.books[who]
        lot = data.draw(st.sampled_from(sorted(book.lots)))
        before = book.owed[lot]
        points = min(points, book.lots[lot]["points"] - before)
        taken, missing = book.take_back(lot, points, policy)

        share = TakeBack(total=before + points, before=before)
        reversal = operations.reverse(
            self.wallets[who], shares={lot: share}, cause=self.cause(), policy=policy
        )

        assert (reversal.written_off, reversal.debt) == ((0, missing) if policy == "debt" else (missing, 0))
        assert (reversal.change is not None) == bool(taken or missing)
        if reversal.change:
            self.take(who, reversal.change)
            assert reversal.change.entry.points == -taken
            word = "owed" if policy == "debt" else "written_off"
            assert reversal.change.entry.cause.reason == (f"{word}:{missing}" if missing else "")

    @rule(who=WHO, points=st.integers(2, 80), fee=st.integers(0, 10))
    def transfer(self, who: int, points: int, fee: int) -> None:
        book, fee = self.books[who], min(fee, points - 1)
        if book.can_use(self.now) < points:
            with pytest.raises(InsufficientPoints):
                operations.transfer_out(self.wallets[who], points=points, fee=fee, cause=self.cause())
            return
        out = operations.transfer_out(self.wallets[who], points=points, fee=fee, cause=self.cause())

        self.take(who, out)
        book.use(fee, self.now, "reversed")
        sent = book.use(points - fee, self.now, "redeemed")
        grants = operations.passed_on(out, source="transfer")
        assert [(g.origin_id, g.points) for g in grants] == sorted(
            sent.items(), key=lambda item: book.order(item[0])
        )
        assert {g.origin_id: g.expires_at for g in grants} == {
            lot: self.granted_expiry(who, lot) for lot in sent
        }
        self.give(1 - who, list(grants), kind="transfer_in")

    def granted_expiry(self, who: int, lot_id: UUID) -> datetime | None:
        return next(lot.expires_at for lot in self.wallets[who].lots if lot.id == lot_id)

    @rule(who=WHO)
    def merge_into_the_other(self, who: int) -> None:
        book = self.books[who]
        leaving = {lot: book.lots[lot]["pending"] + book.lots[lot]["available"] for lot in book.lots}

        out = operations.move_out(self.wallets[who], cause=self.cause())

        assert (out is not None) == any(leaving.values())
        if out is None:
            return
        self.take(who, out)
        for lot in leaving:
            for bucket in ("pending", "available"):
                book.move(lot, book.lots[lot][bucket], bucket, "redeemed")
        self.give(1 - who, list(operations.passed_on(out, source="merge")), kind="merge")

    @rule(who=WHO, data=st.data(), kind=st.sampled_from(["transfer_in", "merge"]))
    def come_home(self, who: int, data: st.DataObject, kind: str) -> None:
        """Some of what came from the other wallet goes back there, as far as it is left."""
        book, home = self.books[1 - who], self.books[who]
        came = sorted(
            lot for lot in book.lots if self.granted[lot].origin_id and any(_left(book.lots[lot]).values())
        )
        came = [lot for lot in came if self.granted[lot].origin_id in home.lots]
        if not came:
            return
        lots = data.draw(st.lists(st.sampled_from(came), min_size=1, unique=True))

        left = operations.move_out(self.wallets[1 - who], lot_ids=lots, cause=self.cause())
        assert left is not None
        self.take(1 - who, left)
        self.take(who, operations.come_home(self.wallets[who], left=left, kind=kind, cause=self.cause()))

        for lot in lots:
            origin = self.granted[lot].origin_id
            assert origin is not None
            for bucket, points in _left(book.lots[lot]).items():
                book.move(lot, points, bucket, "redeemed")
                home.move(origin, points, "redeemed", bucket)
        home.pay()

    @rule(who=WHO)
    def debt_moves_to_the_other(self, who: int) -> None:
        book, other = self.books[who], self.books[1 - who]
        debt = book.debt
        if not debt:
            return

        self.take(who, operations.move_debt(self.wallets[who], debt=-debt, cause=self.cause()))
        self.take(1 - who, operations.move_debt(self.wallets[1 - who], debt=debt, cause=self.cause()))

        book.debt, other.debt = 0, other.debt + debt
        other.pay()

    @invariant()
    def every_lot_is_as_the_model_says(self) -> None:
        for wallet, book in zip(self.wallets, self.books, strict=True):
            told = {lot: {name: book.lots[lot][name] for name in BUCKETS} for lot in book.lots}
            assert {lot.id: _buckets(lot) for lot in wallet.lots} == told
            assert wallet.debt == book.debt

    @invariant()
    def every_lot_balances(self) -> None:
        for lot in self.lots():
            assert sum(_buckets(lot).values()) == lot.points
            assert min(_buckets(lot).values()) >= 0

    def lots(self) -> list[LotState]:
        return [lot for wallet in self.wallets for lot in wallet.lots]

    @invariant()
    def wallets_are_the_sums_of_their_lots(self) -> None:
        for wallet, issued in zip(self.wallets, self.issued, strict=True):
            for bucket in ("pending", "available", "held"):
                assert getattr(wallet, bucket) == sum(getattr(lot, bucket) for lot in wallet.lots)
            assert wallet.lifetime_earned == issued
            assert wallet.lifetime_spent >= 0

    @invariant()
    def nobody_who_owes_has_something_to_spend(self) -> None:
        assert all(wallet.debt == 0 or wallet.available == 0 for wallet in self.wallets)

    @invariant()
    def nothing_is_lost(self) -> None:
        """Points of other members count once: where they left, they are redeemed."""
        arrived = sum(lot.points for lot in self.lots() if lot.source in FROM_MEMBERS)
        gone = sum(lot.redeemed + lot.expired + lot.reversed for lot in self.lots())
        here = sum(wallet.pending + wallet.available + wallet.held for wallet in self.wallets)
        assert sum(self.issued) + arrived == here + gone

    @invariant()
    def the_postings_make_up_the_lots(self) -> None:
        rebuilt = {lot.id: dict.fromkeys(BUCKETS, 0) for lot in self.lots()}
        for entry in self.plan.entries:
            for posting in entry.postings:
                rebuilt[posting.lot_id][posting.destination] += posting.points
                if posting.source != "issued":
                    rebuilt[posting.lot_id][posting.source] -= posting.points

        assert rebuilt == {lot.id: _buckets(lot) for lot in self.lots()}

    @invariant()
    def the_entries_are_a_chain(self) -> None:
        for wallet in self.wallets:
            previous, balance = b"", 0
            own = [entry for entry in self.plan.entries if entry.wallet_id == wallet.id]
            for number, entry in enumerate(own, start=1):
                balance += entry.points
                assert entry.number == number
                assert entry.pending_after + entry.available_after + entry.held_after == balance
                assert entry.hash == hash_of(entry, previous=previous, lots=self.granted)
                previous = entry.hash
            assert wallet.head_hash == previous

    @invariant()
    def the_plan_writes_each_lot_once_in_its_last_state(self) -> None:
        written = {**self.plan.new_lots, **self.plan.changed_lots}

        assert not self.plan.new_lots.keys() & self.plan.changed_lots.keys()
        assert {lot.id: lot for lot in self.lots()} == written


def _left(lot: dict[str, Any]) -> dict[str, int]:
    return {bucket: lot[bucket] for bucket in ("pending", "available")}


def _buckets(lot: LotState) -> dict[str, int]:
    return {bucket: getattr(lot, bucket) for bucket in BUCKETS}
