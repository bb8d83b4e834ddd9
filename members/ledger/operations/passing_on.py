"""Points go to another member's wallet with their dates, and come back."""

from collections import Counter
from collections.abc import Collection, Mapping
from uuid import UUID

from msgspec.structs import replace

from members.ledger.chain import Cause, NewPosting
from members.ledger.operations.changes import Change, changed, postings_from
from members.ledger.operations.granting import Grant
from members.ledger.operations.spending import take_available
from members.ledger.state import LotState, WalletState


def transfer_out(wallet: WalletState, *, points: int, cause: Cause, fee: int = 0) -> Change:
    """
    Take available points for another wallet, from the lots that expire first; `fee` of them is kept.

    What arrives there is `passed_on()`.

    :raises InsufficientPoints: if fewer are available at that moment
    """
    assert 0 <= fee < points, "something has to arrive"
    postings = []
    left = fee
    for posting in take_available(wallet, points, "redeemed", cause):
        if kept := min(left, posting.points):
            postings.append(NewPosting(posting.lot_id, "available", "reversed", kept))
            left -= kept
        if posting.points > kept:
            postings.append(NewPosting(posting.lot_id, "available", "redeemed", posting.points - kept))
    return changed(wallet, kind="transfer_out", cause=cause, postings=postings)


def move_out(
    wallet: WalletState, *, cause: Cause, lot_ids: Collection[UUID] | None = None, kind: str = "merge"
) -> Change | None:
    """
    Take all pending and available points, or those of these lots, for another member's wallet.

    What arrives there is `passed_on()`, or `come_home()` if they are given back. None if there are none.
    """
    postings = [
        NewPosting(lot.id, bucket, "redeemed", points)
        for lot in wallet.lots
        if lot_ids is None or lot.id in lot_ids
        for bucket in ("pending", "available")
        if (points := getattr(lot, bucket))
    ]
    return changed(wallet, kind=kind, cause=cause, postings=postings) if postings else None


def come_home(
    wallet: WalletState,
    *,
    left: Change,
    cause: Cause,
    kind: str = "merge",
    fees: Mapping[UUID, int] | None = None,
) -> Change:
    """
    Put points that were passed on back into the lots that they came from, with their old dates.

    `left` is how they left the other wallet. What was pending there is so here. `fees` are what was kept
    of these lots at that time. What has expired meanwhile is due at once, for `expire()`.
    """
    origins = {lot.id: lot.origin_id for lot in left.wallet.lots}
    back: Counter[tuple[UUID, str]] = Counter()
    for posting in left.entry.postings:
        origin_id = origins[posting.lot_id]
        assert origin_id is not None, "only what came from elsewhere goes back there"
        back[origin_id, posting.source] += posting.points
    postings = [NewPosting(lot_id, "redeemed", bucket, points) for (lot_id, bucket), points in back.items()]
    postings += [
        NewPosting(lot_id, "reversed", "available", points)
        for lot_id, points in (fees or {}).items()
        if points
    ]
    return changed(wallet, kind=kind, cause=cause, postings=postings)


def move_debt(wallet: WalletState, *, debt: int, cause: Cause) -> Change:
    """
    Change what the member owes: another member's record takes it over, or leaves it here.

    What is owed from now on is paid from what is available, as far as it goes: see Note [Debt].
    """
    owed = wallet.debt + debt
    assert owed >= 0, "nobody owes less than nothing"
    paid = min(owed, wallet.available)
    usable = wallet.first_expiring([lot for lot in wallet.lots if lot.available])
    reason = f"owed:{debt}" if debt > 0 else f"no longer owed:{-debt}"
    return changed(
        replace(wallet, debt=owed - paid),
        kind="merge",
        cause=replace(cause, reason=reason),
        postings=list(postings_from(usable, paid, "reversed")),
    )


def passed_on(change: Change, *, source: str) -> tuple[Grant, ...]:
    """What another wallet is granted for the points that left: each lot's with its dates and its origin."""
    lots = {lot.id: lot for lot in change.wallet.lots}
    return tuple(
        _again(lots[posting.lot_id], change.wallet, posting, source)
        for posting in change.entry.postings
        if posting.destination == "redeemed"
    )


def _again(lot: LotState, wallet: WalletState, posting: NewPosting, source: str) -> Grant:
    waits = posting.source == "pending"
    return Grant(
        points=posting.points,
        source=source,
        earned_at=lot.earned_at,
        unlocks_at=lot.unlocks_at if waits else None,
        unlock_event=lot.unlock_event if waits else "",
        cancels_at=lot.cancels_at if waits else None,
        expires_at=lot.expires_at,
        lapses=lot.lapses,
        campaign_version_id=lot.campaign_version_id,
        activity_id=lot.activity_id,
        origin_id=lot.id,
    )
