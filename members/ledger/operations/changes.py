"""
How each operation ends: postings move a wallet's sums and lots, and one entry tells of them.

Note [Debt]
~~~~~~~~~~~
What a member owes (points that a return should have taken back and that were spent) is paid from
whatever becomes available next, however it does: the entry of that operation has further postings,
available to reversed. So a wallet in debt never has anything to spend, which a constraint holds.
"""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.ids import new_id
from members.ledger.chain import Cause, NewEntry, NewPosting, hash_of
from members.ledger.state import LotState, WalletState


class Change(Struct, frozen=True, kw_only=True):
    """One step of a wallet: the state afterwards, and the lots that are new or different in it."""

    wallet: WalletState
    entry: NewEntry
    new_lots: tuple[LotState, ...] = ()
    changed_lots: tuple[LotState, ...] = ()

    def moved(self, source: str, destination: str) -> int:
        """How many points went from one bucket to another."""
        return sum(
            posting.points
            for posting in self.entry.postings
            if (posting.source, posting.destination) == (source, destination)
        )


def changed(
    wallet: WalletState,
    *,
    kind: str,
    cause: Cause,
    postings: Sequence[NewPosting],
    new_lots: tuple[LotState, ...] = (),
) -> Change:
    """Apply postings to the wallet's sums and lots, and write the entry that tells of them."""
    before = wallet.pending + wallet.available + wallet.held
    after, touched = _moved(replace(wallet, lots=(*wallet.lots, *new_lots)), postings, new_lots)
    if after.debt and after.available:
        payment = _payment(after, touched)
        postings = [*postings, *payment]
        paid = sum(posting.points for posting in payment)
        after, more = _moved(replace(after, debt=after.debt - paid), payment, ())
        touched |= more
    entry = _entry(
        after,
        kind=kind,
        points=after.pending + after.available + after.held - before,
        cause=cause,
        postings=tuple(postings),
    )
    lots = {lot.id: lot for lot in after.lots}
    new_ids = {lot.id for lot in new_lots}
    return Change(
        wallet=replace(after, entry_count=entry.number, head_hash=entry.hash),
        entry=entry,
        new_lots=tuple(lots[lot.id] for lot in new_lots),
        changed_lots=tuple(lots[lot_id] for lot_id in touched if lot_id not in new_ids),
    )


def _moved(
    wallet: WalletState, postings: Sequence[NewPosting], new_lots: Sequence[LotState]
) -> tuple[WalletState, set[UUID]]:
    """
    The wallet after the postings, and the lots that they concern.

    What is issued stands in its new lot already.
    """
    lots = {lot.id: lot for lot in wallet.lots}
    sums = {"pending": wallet.pending, "available": wallet.available, "held": wallet.held}
    for posting in postings:
        if posting.source in sums:
            sums[posting.source] -= posting.points
        if posting.destination in sums:
            sums[posting.destination] += posting.points
        if posting.source != "issued":
            lot = lots[posting.lot_id].move(posting.points, posting.source, posting.destination)
            if posting.new_expires_at is not None:
                lot = replace(lot, expires_at=posting.new_expires_at)
            lots[posting.lot_id] = lot
    return replace(wallet, **sums, lots=tuple(lots.values())), {posting.lot_id for posting in postings}


def _payment(wallet: WalletState, touched: Collection[UUID]) -> list[NewPosting]:
    """What has just become available pays what is owed."""
    usable = wallet.first_expiring([lot for lot in wallet.lots if lot.id in touched and lot.available])
    assert sum(lot.available for lot in usable) == wallet.available, "a wallet in debt had nothing before"
    return list(postings_from(usable, min(wallet.debt, wallet.available), "reversed"))


def _entry(
    wallet: WalletState, *, kind: str, points: int, cause: Cause, postings: tuple[NewPosting, ...]
) -> NewEntry:
    entry = NewEntry(
        id=new_id(),
        wallet_id=wallet.id,
        number=wallet.entry_count + 1,
        kind=kind,
        points=points,
        pending_after=wallet.pending,
        available_after=wallet.available,
        held_after=wallet.held,
        debt_after=wallet.debt,
        cause=cause,
        postings=postings,
        hash=b"",
    )
    lots = {lot.id: lot for lot in wallet.lots}
    return replace(entry, hash=hash_of(entry, previous=wallet.head_hash, lots=lots))


def postings_from(lots: Iterable[LotState], points: int, destination: str) -> Iterable[NewPosting]:
    """So many available points of these lots, in their order."""
    for lot in lots:
        if taken := min(points, lot.available):
            yield NewPosting(lot.id, "available", destination, taken)
            points -= taken
