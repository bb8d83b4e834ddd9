"""Points whose time is over, or whose member is gone, expire."""

from collections.abc import Collection
from uuid import UUID

from msgspec.structs import replace

from members.ledger.chain import Cause, NewPosting
from members.ledger.operations.changes import Change, changed
from members.ledger.state import WalletState


def expire(wallet: WalletState, *, cause: Cause, lot_ids: Collection[UUID] | None = None) -> Change | None:
    """
    Take the available points whose time is over at the cause's moment. None if there are none.

    With `lot_ids`, of these lots only. A wallet that has lapsed has no date any more when it is empty
    of pending and held points, too.
    """
    due = [lot for lot in wallet.lots if lot.available and wallet.is_due(lot, cause.effective_at)]
    going = [lot for lot in due if lot_ids is None or lot.id in lot_ids]
    postings = [NewPosting(lot.id, "available", "expired", lot.available) for lot in going]
    if not postings:
        return None
    if wallet.lapses_at and wallet.lapses_at <= cause.effective_at and not (wallet.pending or wallet.held):
        wallet = replace(wallet, lapses_at=None)
    return changed(wallet, kind="expire", cause=cause, postings=postings)


def forfeit(wallet: WalletState, *, cause: Cause) -> Change | None:
    """Let all available points expire, whatever their dates, as nobody is left to have them."""
    postings = [
        NewPosting(lot.id, "available", "expired", lot.available) for lot in wallet.lots if lot.available
    ]
    if not postings:
        return None
    return changed(replace(wallet, lapses_at=None), kind="expire", cause=cause, postings=postings)
