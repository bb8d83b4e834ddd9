"""Sweeps in SQL book what the pure operations would have booked: entries, hashes, postings, sums, events."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.db import Batch
from loyalty.core.ids import new_id
from loyalty.core.models import Event, Program
from members.ledger import operations, store, sweeping, verify
from members.ledger.chain import Cause, hash_of
from members.ledger.operations import Change, Grant
from members.ledger.plan import Plan
from members.ledger.state import BUCKETS, Account, WalletState
from members.ledger.sweeping import CANCELLING, EXPIRY, UNLOCKING, Sweep
from members.ledger.telling import told
from members.models import Entry, Lot, Member, Posting, Wallet, WalletType
from tests import factories

NOW = factories.NOON
SUMS = (
    "pending", "available", "held", "debt", "lifetime_earned", "lifetime_spent", "entry_count", "lapses_at",
)  # fmt: skip
moments = st.one_of(st.none(), st.integers(-3, 3).map(lambda days: NOW + timedelta(days=days)))
lots = st.fixed_dictionaries(
    {
        "points": st.integers(1, 500),
        "unlocks_at": moments,
        "cancels_at": moments,
        "unlock_event": st.sampled_from(["", "order.shipped"]),
        "expires_at": moments,
        "lapses": st.booleans(),
    }
).map(lambda lot: {**lot, "expires_at": None if lot["lapses"] else lot["expires_at"]})
wallets = st.fixed_dictionaries(
    {
        "lots": st.lists(lots, min_size=1, max_size=5),
        "lapses_at": moments,
        "held": st.integers(0, 300),
        "debt": st.sampled_from([0, 0, 0, 40]),
    }
)


@pytest.fixture
def owners(program: Program, points: WalletType) -> list[Member]:
    return [factories.MemberFactory.create(program=program) for _ in range(3)]


def grants(known: list[dict[str, Any]]) -> list[Grant]:
    return [Grant(earned_at=NOW - timedelta(days=30), **lot) for lot in known]


def put(member: Member, type_id: UUID, known: dict[str, Any]) -> WalletState:
    """A member's wallet with these lots, some points held, or some owed: as earlier operations left it."""
    long_ago = NOW - timedelta(days=20)
    wallet = WalletState(
        id=new_id(), program_id=member.program_id, member_id=member.pk, type_id=type_id, is_new=True,
        lapses_at=known["lapses_at"],
    )  # fmt: skip

    def cause(step: str) -> Cause:
        key = f"test:{wallet.id}:{step}"
        return Cause(key=key, actor="test", effective_at=long_ago, recorded_at=long_ago)

    changes = [operations.grant(wallet, grants=grants(known["lots"]), cause=cause("grant"))]
    after = changes[-1].wallet
    if held := min(known["held"], after.spendable(long_ago)):
        changes.append(operations.hold(after, points=held, cause=cause("hold")))
        after = changes[-1].wallet
    if known["debt"]:
        if available := after.spendable(long_ago):
            changes.append(operations.spend(after, points=available, cause=cause("spend")))
            after = changes[-1].wallet
        reversal = operations.reverse(
            after, shares={}, cause=cause("owe"), policy="debt", elsewhere=known["debt"]
        )
        assert reversal.change is not None
        changes.append(reversal.change)
    plan = Plan()
    for change in changes:
        plan.apply(change)
    batch = Batch()
    store.add_to(batch, plan, program_id=member.program_id)
    events.add_to(batch, [told(change, wallet_type="points") for change in changes])
    batch.write()
    return changes[-1].wallet


def decided(sweep: Sweep, wallet: WalletState, cause: Cause) -> Change | None:
    """What the pure operations make of it."""
    if sweep is EXPIRY:
        return operations.expire(wallet, cause=cause)
    name = "unlocks_at" if sweep is UNLOCKING else "cancels_at"
    if sweep is UNLOCKING and wallet.debt:
        return None
    due = {lot.id for lot in wallet.lots if lot.pending and (at := getattr(lot, name)) and at <= NOW}
    move = operations.unlock if sweep is UNLOCKING else operations.cancel_pending
    return move(wallet, lot_ids=due, cause=cause) if due else None


def loaded(members: Sequence[Member]) -> list[Account]:
    found = store.load(members[0].program_id, [("id", str(member.pk)) for member in members])
    return store.with_open_lots([account for account in found if account])


@pytest.mark.parametrize("sweep", [EXPIRY, UNLOCKING, CANCELLING], ids=lambda sweep: sweep.kind)
class TestASweep:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(known=st.lists(wallets, min_size=3, max_size=3))
    def test_books_what_the_operation_would(self, sweep: Sweep, owners, points, known):
        with transaction.atomic():
            for member, wallet in zip(owners, known, strict=True):
                put(member, points.pk, wallet)

            self.compare(sweep, owners)

            transaction.set_rollback(True)

    def compare(self, sweep: Sweep, owners: Sequence[Member]) -> None:
        before = [wallet for account in loaded(owners) for wallet in account.wallets]
        recorded_at = NOW + timedelta(seconds=5, microseconds=17)
        prefix = "expiry:run:" if sweep is EXPIRY else f"{sweep.kind}:"
        expected = {}
        for wallet in before:
            key = f"{prefix}{wallet.id}" + ("" if sweep is EXPIRY else f":{wallet.entry_count + 1}")
            cause = Cause(
                key=key, actor="system:test", reason="why", effective_at=NOW, recorded_at=recorded_at
            )
            if change := decided(sweep, wallet, cause):
                expected[wallet.id] = change

        sweeping.hold([wallet.id for wallet in before])
        swept = sweeping.book(
            sweep, [wallet.id for wallet in before], at=NOW, cause=prefix, actor="system:test",
            reason="why", recorded_at=recorded_at,
        )  # fmt: skip

        assert swept.wallets == len(expected)
        assert swept.lots == sum(len(change.entry.postings) for change in expected.values())
        for wallet in before:
            if change := expected.get(wallet.id):
                is_booked(wallet, change)
            else:
                assert Wallet.objects.get(pk=wallet.id).version == wallet.version
        # Points are held here without the journey that keeps holds.
        assert [fault for fault in verify.run() if fault.check != "what is held is held by open holds"] == []


def is_booked(before: WalletState, change: Change) -> None:
    wallet, entry = Wallet.objects.get(pk=before.id), Entry.objects.get(cause=change.entry.cause.key)
    # Ids are made anew, and hashes cover them.
    same = replace(change.entry, id=entry.pk)
    lots = {lot.id: lot for lot in change.wallet.lots}
    assert bytes(entry.hash) == hash_of(same, previous=before.head_hash, lots=lots)
    assert bytes(wallet.head_hash) == bytes(entry.hash)
    for name in ("number", "kind", "points", "pending_after", "available_after", "held_after", "debt_after"):
        assert getattr(entry, name) == getattr(same, name)
    assert (entry.actor, entry.reason) == ("system:test", "why")
    assert (entry.effective_at, entry.recorded_at) == (same.cause.effective_at, same.cause.recorded_at)
    for name in SUMS:
        assert getattr(wallet, name) == getattr(change.wallet, name), name
    assert wallet.version == before.version + 1
    moved = Posting.objects.filter(entry=entry).values_list("lot_id", "source", "destination", "points")
    assert set(moved) == {(p.lot_id, p.source, p.destination, p.points) for p in same.postings}
    for lot in change.wallet.lots:
        row = Lot.objects.get(pk=lot.id)
        assert {name: getattr(row, name) for name in BUCKETS} == {
            name: getattr(lot, name) for name in BUCKETS
        }
    sources = sum(posting.points for posting in same.postings)
    event = Event.objects.get(data__entry_id=str(entry.pk))
    expected = told(replace(change, entry=same), wallet_type="points", points=sources)
    assert (event.type, event.data, event.member_id) == (expected.type, expected.data, before.member_id)
    assert (event.occurred_at, event.recorded_at) == (expected.occurred_at, expected.recorded_at)


class TestWhatIsKept:
    def take(self, member: Member, points: WalletType, **lot: Any) -> int:
        known = {"lots": [{"points": 10, **lot}], "lapses_at": None, "held": 0, "debt": 0}
        wallet = put(member, points.pk, known)
        sweeping.hold([wallet.id])
        return sweeping.book(
            EXPIRY, [wallet.id], at=NOW, cause="expiry:run:", actor="a", recorded_at=NOW
        ).points

    @pytest.mark.parametrize(
        ("rule", "points_that_go"),
        [({}, 10), ({"expiry_is_on_hold": True}, 0), ({"expires_only_if_warned": True}, 0)],
    )
    def test_is_what_its_kind_of_points_says(
        self, ada: Member, points: WalletType, rule: dict[str, bool], points_that_go: int
    ):
        WalletType.objects.filter(pk=points.pk).update(warns_days_before=30, **rule)

        with transaction.atomic():
            assert self.take(ada, points, expires_at=NOW - timedelta(days=1)) == points_that_go

    def test_is_what_becomes_due_after_the_run_was_at_the_wallet(self, ada: Member, points: WalletType):
        with transaction.atomic():
            assert self.take(ada, points, expires_at=NOW) == 10
            (account,) = loaded([ada])
            late = Cause(key="test:late", actor="test", effective_at=NOW, recorded_at=NOW)
            plan = Plan([account])
            plan.apply(
                operations.grant(account.wallets[0], grants=[Grant(points=7, expires_at=NOW)], cause=late)
            )
            store.write(plan, program_id=ada.program_id)

            again = sweeping.book(
                EXPIRY, [account.wallets[0].id], at=NOW, cause="expiry:run:", actor="a", recorded_at=NOW
            )

            assert again.points == 0
            assert Wallet.objects.get(member=ada).available == 7
