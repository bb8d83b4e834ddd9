"""What the world hears of a change: each entry has its event, written in the same commit."""

from typing import Any, Final

from loyalty.core.events import NewEvent
from members.ledger.operations import Change

EVENT_OF: Final = {
    "earn": "points.earned",
    "unlock": "points.unlocked",
    "spend": "points.spent",
    "hold": "points.held",
    "settle": "points.spent",
    "release": "points.released",
    "expire": "points.expired",
    "reverse": "points.reversed",
    "restore": "points.restored",
    "adjust": "points.adjusted",
    "transfer_in": "points.received",
    "transfer_out": "points.transferred",
    "merge": "points.merged",
}
"""The event of an entry, by the entry's kind."""


def told(change: Change, *, wallet_type: str, points: int | None = None, **more: Any) -> NewEvent:
    """
    The event of a change; `wallet_type` is a key.

    `points` are what moved, never negative but for an adjustment or a merge, if not those that the
    entry added or took. `owed` is what the member owes then, if anything.
    """
    entry, wallet = change.entry, change.wallet
    signed = entry.kind in ("adjust", "merge")
    moved = entry.points if signed else abs(entry.points)
    data = {
        "entry_id": str(entry.id),
        "wallet_type": wallet_type,
        "points": moved if points is None else points,
        "balance": entry.available_after,
        **({"owed": entry.debt_after} if entry.debt_after else {}),
        **more,
    }
    return NewEvent(
        type=EVENT_OF[entry.kind],
        program_id=wallet.program_id,
        member_id=wallet.member_id,
        occurred_at=entry.cause.effective_at,
        recorded_at=entry.cause.recorded_at,
        data=data,
    )
