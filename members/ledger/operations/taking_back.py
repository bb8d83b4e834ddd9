"""Points that should not have been granted, or no more, are taken back."""

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from members.ledger.chain import Cause, NewPosting
from members.ledger.operations.changes import Change, changed
from members.ledger.state import WalletState


class TakeBack(Struct, frozen=True, kw_only=True, gc=False):
    """Of a lot's points, how many are to have been taken back in all, and how many were before."""

    total: int
    before: int


class Reversal(Struct, frozen=True, kw_only=True):
    """What was taken back, how many points were given up, and how many the member owes from now on."""

    change: Change | None
    written_off: int
    debt: int = 0


def reverse(
    wallet: WalletState,
    *,
    shares: Mapping[UUID, TakeBack],
    cause: Cause,
    policy: str = "within_balance",
    elsewhere: int = 0,
) -> Reversal:
    """
    Take back granted points: first what is pending or available in their own lots.

    What the member has lost of them by expiry meanwhile is gone already. What was spent, and what
    is owed `elsewhere` for lots of another wallet, comes from the other available points, those that
    expire first before the others. If even those do not suffice, the rest is written off or, by the
    policy `debt`, owed (see Note [Debt]); the entry's reason says so.
    """
    taken, missing = _from_their_own_lots(wallet, shares)
    left = missing + elsewhere
    for lot in wallet.first_expiring([lot for lot in wallet.lots if lot.available]):
        more = min(left, lot.available - taken[lot.id, "available"])
        taken[lot.id, "available"] += more
        left -= more
    postings = [
        NewPosting(lot_id, source, "reversed", points) for (lot_id, source), points in taken.items() if points
    ]
    if not postings and not left:
        return Reversal(change=None, written_off=0)
    owed = left if policy == "debt" else 0
    reason = f"{'owed' if owed else 'written_off'}:{left}" if left else cause.reason
    change = changed(
        replace(wallet, debt=wallet.debt + owed),
        kind="reverse",
        cause=replace(cause, reason=reason),
        postings=postings,
    )
    return Reversal(change=change, written_off=left - owed, debt=owed)


def _from_their_own_lots(
    wallet: WalletState, shares: Mapping[UUID, TakeBack]
) -> tuple[Counter[tuple[UUID, str]], int]:
    """What can be taken from the lots themselves, by lot and bucket, and how much of them was spent."""
    taken: Counter[tuple[UUID, str]] = Counter()
    missing = 0
    for lot in wallet.lots:
        share = shares.get(lot.id)
        if share is None:
            continue
        wanted = share.total - share.before
        taken[lot.id, "pending"] = min(wanted, lot.pending)
        taken[lot.id, "available"] = min(wanted - taken[lot.id, "pending"], lot.available)
        here = taken[lot.id, "pending"] + taken[lot.id, "available"]
        lost = _gone(share.total, lot.reversed + here + lot.expired)
        lost -= _gone(share.before, lot.reversed + lot.expired)
        missing += max(lost, 0)
    return taken, missing


def _gone(owed: int, accounted_for: int) -> int:
    return max(owed - accounted_for, 0)
