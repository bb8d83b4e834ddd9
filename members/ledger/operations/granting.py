"""Points are granted; what is pending becomes available, or is cancelled."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.errors import DomainError
from loyalty.core.ids import new_id
from members.ledger.chain import Cause, NewPosting
from members.ledger.operations.changes import Change, changed
from members.ledger.state import FROM_MEMBERS, LotState, WalletState

MAX_POINTS = 10**15
"""No wallet holds more, so that sums over all wallets stay within what the database can count."""


class TooManyPoints(DomainError):
    """The wallet would hold more points than can be counted."""

    code: ClassVar[str] = "too_many_points"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "Too many points"


class Grant(Struct, frozen=True, kw_only=True):
    """
    Points of one award: they become one lot.

    They are pending until `unlocks_at`, or until the `unlock_event` comes, and are cancelled at
    `cancels_at` if it has not come by then. `lapses` ties them to the member's activity instead of
    a date of their own. `earned_at` is when the cause counts, unless another wallet earned them.
    """

    points: int
    source: str = "purchase"
    earned_at: datetime | None = None
    unlocks_at: datetime | None = None
    unlock_event: str = ""
    cancels_at: datetime | None = None
    expires_at: datetime | None = None
    lapses: bool = False
    campaign_version_id: UUID | None = None
    activity_id: UUID | None = None
    origin_id: UUID | None = None


def grant(wallet: WalletState, *, grants: Sequence[Grant], cause: Cause, kind: str = "earn") -> Change:
    """
    Give points: one lot for each grant, pending if it has to wait, else available.

    :raises TooManyPoints: if the wallet could not hold them
    """
    lots = tuple(_new_lot(grant, cause) for grant in grants)
    assert min((lot.points for lot in lots), default=0) > 0, "a grant has points"
    earned = sum(lot.points for lot in lots if lot.source not in FROM_MEMBERS)
    held = wallet.pending + wallet.available + wallet.held
    if max(wallet.lifetime_earned, held) + sum(lot.points for lot in lots) > MAX_POINTS:
        raise TooManyPoints(f"A wallet holds at most {MAX_POINTS} points over its lifetime.")
    postings = [
        NewPosting(lot.id, "issued", "pending" if lot.pending else "available", lot.points) for lot in lots
    ]
    after = replace(wallet, lifetime_earned=wallet.lifetime_earned + earned)
    return changed(after, kind=kind, cause=cause, postings=postings, new_lots=lots)


def _new_lot(grant: Grant, cause: Cause) -> LotState:
    waits = bool(grant.unlock_event) or (
        grant.unlocks_at is not None and grant.unlocks_at > cause.recorded_at
    )
    return LotState(
        id=new_id(),
        points=grant.points,
        pending=grant.points if waits else 0,
        available=0 if waits else grant.points,
        earned_at=grant.earned_at or cause.effective_at,
        source=grant.source,
        unlocks_at=grant.unlocks_at,
        unlock_event=grant.unlock_event,
        cancels_at=grant.cancels_at,
        expires_at=grant.expires_at,
        lapses=grant.lapses,
        campaign_version_id=grant.campaign_version_id,
        activity_id=grant.activity_id,
        origin_id=grant.origin_id,
    )


def unlock(wallet: WalletState, *, lot_ids: Collection[UUID], cause: Cause) -> Change:
    """Make pending points of these lots available."""
    return changed(wallet, kind="unlock", cause=cause, postings=_pending(wallet, lot_ids, "available"))


def cancel_pending(wallet: WalletState, *, lot_ids: Collection[UUID], cause: Cause) -> Change:
    """Take pending points of these lots away: what they waited for will not come."""
    return changed(wallet, kind="reverse", cause=cause, postings=_pending(wallet, lot_ids, "reversed"))


def _pending(wallet: WalletState, lot_ids: Collection[UUID], destination: str) -> list[NewPosting]:
    postings = [
        NewPosting(lot.id, "pending", destination, lot.pending)
        for lot in wallet.lots
        if lot.id in lot_ids and lot.pending
    ]
    assert postings, "nothing of these lots is pending"
    return postings
