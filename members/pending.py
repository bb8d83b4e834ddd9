"""
Points that wait: they become available on their day, or by hand, or are cancelled if nothing comes.

What an event of a partner makes available is part of recording that event: `rewards.deciding.awarding`.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core import events
from loyalty.core.db import Batch, fetch, planned_by_values, settled
from loyalty.core.errors import DomainError
from loyalty.core.models import Program
from members import terms
from members.ledger import operations, store, sweeping
from members.ledger.chain import Cause
from members.ledger.operations import Change
from members.ledger.plan import Plan
from members.ledger.state import Account, WalletState
from members.ledger.sweeping import CANCELLING, UNLOCKING, Sweep, Swept
from members.ledger.telling import told

LOTS_AT_A_TIME: Final = 2_000
ACTOR: Final = "system:pending"
CANCELLED: Final = "pending_cancelled"
"""Reason of entries that take away points whose event did not come."""

_WAITING = """
SELECT wallet_id, {moment} FROM members_lot
WHERE program_id = $1 AND pending > 0 AND {moment} <= $2
  AND ($3::timestamptz IS NULL OR ({moment}, wallet_id) > ($3, $4::uuid))
ORDER BY {moment}, wallet_id LIMIT $5
"""


class NotPending(DomainError):
    """None of these points wait for anything: they are available already, or gone."""

    code: ClassVar[str] = "not_pending"
    title = gettext_lazy("Nothing of these points is pending")


class Moved(Struct, frozen=True, kw_only=True):
    """Points of one kind that wait no longer, and the balance then."""

    entry_id: UUID
    wallet_type: str
    points: int
    balance: int


def activate(
    program: Program, *, member_id: UUID, lot_ids: Collection[UUID], actor: str, at: datetime
) -> tuple[Moved, ...]:
    """
    Make what is pending of a member's lots available now, whatever it waits for.

    :raises NotPending: if nothing of these lots is the member's and pending
    """
    return _by_hand(program, member_id, lot_ids, UNLOCKING, actor=actor, at=at, reason="")


def cancel(
    program: Program, *, member_id: UUID, lot_ids: Collection[UUID], actor: str, at: datetime
) -> tuple[Moved, ...]:
    """
    Take away what is pending of a member's lots: what it waited for will not come.

    :raises NotPending: if nothing of these lots is the member's and pending
    """
    return _by_hand(program, member_id, lot_ids, CANCELLING, actor=actor, at=at, reason=CANCELLED)


def lots_of(program: Program, *, activity_id: UUID) -> list[UUID]:
    """The lots of an activity that hold pending points."""
    rows = fetch(
        "SELECT id FROM members_lot WHERE program_id = $1 AND activity_id = $2 AND pending > 0 ORDER BY id",
        [program.pk, activity_id],
    )
    return [lot_id for (lot_id,) in rows]


def _by_hand(
    program: Program,
    member_id: UUID,
    lot_ids: Collection[UUID],
    sweep: Sweep,
    *,
    actor: str,
    at: datetime,
    reason: str,
) -> tuple[Moved, ...]:
    def attempt(is_locking: bool) -> tuple[Moved, ...]:
        if is_locking:
            store.lock([member_id])
        (account,) = store.load(program.pk, [("id", str(member_id))])
        changes = _changes(program, account, set(lot_ids), sweep, actor=actor, at=at, reason=reason)
        if account is None or not changes:
            raise NotPending(_("None of these points are pending."))
        _write(program, [account], changes)
        return tuple(_moved(change, program, sweep) for change in changes)

    return settled(attempt, races=())


def _changes(
    program: Program,
    account: Account | None,
    lot_ids: Collection[UUID],
    sweep: Sweep,
    *,
    actor: str,
    at: datetime,
    reason: str,
) -> list[Change]:
    """What becomes of these lots in the member's wallets, one change a wallet."""
    if account is None:
        return []
    (filled,) = store.with_open_lots([account], keeps_due=terms.of(program).keeps_due)
    move = operations.unlock if sweep is UNLOCKING else operations.cancel_pending
    return [
        move(wallet, lot_ids=lot_ids, cause=_cause(wallet, sweep, actor, at, reason))
        for wallet in filled.wallets
        if any(lot.pending and lot.id in lot_ids for lot in wallet.lots)
    ]


def _cause(wallet: WalletState, sweep: Sweep, actor: str, at: datetime, reason: str) -> Cause:
    key = f"{_prefix(sweep)}{wallet.id}:{wallet.entry_count + 1}"
    return Cause(key=key, actor=actor, reason=reason, effective_at=at, recorded_at=at)


def _prefix(sweep: Sweep) -> str:
    return "unlock:" if sweep is UNLOCKING else "cancel:"


def _write(program: Program, accounts: Sequence[Account], changes: Sequence[Change]) -> None:
    keys = {known.id: known.key for known in terms.of(program).wallet_types.values()}
    plan = Plan(accounts)
    for change in changes:
        plan.apply(change)
    batch = Batch()
    store.add_to(batch, plan, program_id=program.pk)
    events.add_to(batch, [told(c, wallet_type=keys[c.wallet.type_id], points=_points(c)) for c in changes])
    batch.write()


def _points(change: Change) -> int:
    return sum(posting.points for posting in change.entry.postings if posting.source == "pending")


def _moved(change: Change, program: Program, sweep: Sweep) -> Moved:
    return Moved(
        entry_id=change.entry.id,
        wallet_type=terms.of(program).of_type(change.wallet.type_id).key,
        points=_points(change),
        balance=change.entry.available_after,
    )


def make_available(program: Program, *, at: datetime) -> Iterator[Swept]:
    """Make all points available whose day has come, in chunks of one commit each."""
    return _walk(program, UNLOCKING, "unlocks_at", at)


def cancel_overdue(program: Program, *, at: datetime) -> Iterator[Swept]:
    """Cancel all points whose event has not come in time, in chunks of one commit each."""
    return _walk(program, CANCELLING, "cancels_at", at)


def _walk(program: Program, sweep: Sweep, moment: str, at: datetime) -> Iterator[Swept]:
    """Lot by lot in the order of their moments, so that none is looked at twice."""
    position: tuple[datetime | None, UUID | None] = (None, None)
    while True:
        with transaction.atomic():
            found = _waiting(program, moment, at, position)
            wallet_ids = sorted({wallet_id for wallet_id, _ in found})
            swept = _chunk(sweep, wallet_ids, at)
        if sweep is UNLOCKING and wallet_ids:
            swept += _of_debtors(program, wallet_ids, at)
        if swept.wallets:
            yield swept
        if len(found) < LOTS_AT_A_TIME:
            return
        position = (found[-1][1], found[-1][0])


def _waiting(
    program: Program, moment: str, at: datetime, position: tuple[datetime | None, UUID | None]
) -> list[tuple[UUID, datetime]]:
    sql = _WAITING.format(moment=moment)
    with planned_by_values():
        return [(row[0], row[1]) for row in fetch(sql, [program.pk, at, *position, LOTS_AT_A_TIME])]


def _chunk(sweep: Sweep, wallet_ids: list[UUID], at: datetime) -> Swept:
    if not wallet_ids:
        return Swept(0, 0, 0)
    sweeping.hold(wallet_ids)
    reason = CANCELLED if sweep is CANCELLING else ""
    return sweeping.book(
        sweep, wallet_ids, at=at, cause=_prefix(sweep), actor=ACTOR, recorded_at=at, reason=reason
    )


def _of_debtors(program: Program, wallet_ids: list[UUID], at: datetime) -> Swept:
    """
    What becomes available to members who owe points pays for that first. See Note [Debt].

    A commit of its own: a plan guards all wallets of its members, which are held in id order only if
    no other is held before. If it does not come to it, the next round finds the same points.
    """
    with transaction.atomic():
        rows = fetch(_DEBTORS, [wallet_ids])
        store.lock(member_id for (member_id,) in rows)
        accounts, changes = [], []
        for account in store.load(program.pk, [("id", str(member_id)) for (member_id,) in rows]):
            if account is not None and (more := _due_changes(program, account, at)):
                accounts.append(account)
                changes += more
        if changes:
            _write(program, accounts, changes)
    lots = sum(posting.source == "pending" for change in changes for posting in change.entry.postings)
    return Swept(len(changes), lots, sum(map(_points, changes)))


_DEBTORS: Final = """
SELECT DISTINCT member_id FROM members_wallet WHERE id = ANY($1) AND debt > 0 ORDER BY member_id"""


def _due_changes(program: Program, account: Account, at: datetime) -> list[Change]:
    (filled,) = store.with_open_lots([account])
    due = {
        lot.id
        for wallet in filled.wallets
        for lot in wallet.lots
        if wallet.debt and lot.pending and lot.unlocks_at is not None and lot.unlocks_at <= at
    }
    return _changes(program, account, due, UNLOCKING, actor=ACTOR, at=at, reason="")
