"""
The ledger's operations: what happens to a wallet, decided without looking anything up.

Each takes a wallet's state and returns a `Change`: the state afterwards, with the one entry and the
postings that lead there. A lot's points are conserved by construction, as every posting takes from
one bucket what it gives to another.

Note [Debt]
~~~~~~~~~~~
What a member owes (points that a return should have taken back and that were spent) is paid from
whatever becomes available next, however it does: the entry of that operation has further postings,
available to reversed. So a wallet in debt never has anything to spend, which a constraint holds.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.errors import DomainError
from loyalty.core.ids import new_id
from members.ledger.chain import Cause, NewEntry, NewPosting, hash_of
from members.ledger.state import FROM_MEMBERS, LotState, WalletState

MAX_POINTS = 10**15
"""No wallet holds more, so that sums over all wallets stay within what the database can count."""


class InsufficientPoints(DomainError):
    """Fewer points are available than should be spent."""

    code: ClassVar[str] = "insufficient_points"
    title: ClassVar[str] = "Not enough points"


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


class TakeBack(Struct, frozen=True, kw_only=True, gc=False):
    """Of a lot's points, how many are to have been taken back in all, and how many were before."""

    total: int
    before: int


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


class Reversal(Struct, frozen=True, kw_only=True):
    """What was taken back, how many points were given up, and how many the member owes from now on."""

    change: Change | None
    written_off: int
    debt: int = 0


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
    return _change(after, kind=kind, cause=cause, postings=postings, new_lots=lots)


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
    return _change(wallet, kind="unlock", cause=cause, postings=_pending(wallet, lot_ids, "available"))


def cancel_pending(wallet: WalletState, *, lot_ids: Collection[UUID], cause: Cause) -> Change:
    """Take pending points of these lots away: what they waited for will not come."""
    return _change(wallet, kind="reverse", cause=cause, postings=_pending(wallet, lot_ids, "reversed"))


def _pending(wallet: WalletState, lot_ids: Collection[UUID], destination: str) -> list[NewPosting]:
    postings = [
        NewPosting(lot.id, "pending", destination, lot.pending)
        for lot in wallet.lots
        if lot.id in lot_ids and lot.pending
    ]
    assert postings, "nothing of these lots is pending"
    return postings


def spend(wallet: WalletState, *, points: int, cause: Cause) -> Change:
    """
    Take available points, from the lots that expire first.

    :raises InsufficientPoints: if fewer are available at that moment
    """
    postings = _use(wallet, points, "redeemed", cause)
    spent = replace(wallet, lifetime_spent=wallet.lifetime_spent + points)
    return _change(spent, kind="spend", cause=cause, postings=postings)


def adjust_down(wallet: WalletState, *, points: int, cause: Cause) -> Change:
    """
    Take available points away by hand, from the lots that expire first.

    :raises InsufficientPoints: if fewer are available at that moment
    """
    return _change(wallet, kind="adjust", cause=cause, postings=_use(wallet, points, "reversed", cause))


def hold(wallet: WalletState, *, points: int, cause: Cause) -> Change:
    """
    Reserve available points, from the lots that expire first.

    :raises InsufficientPoints: if fewer are available at that moment
    """
    return _change(wallet, kind="hold", cause=cause, postings=_use(wallet, points, "held", cause))


def settle(wallet: WalletState, *, held: Mapping[UUID, int], points: int, cause: Cause) -> Change:
    """Spend points of a hold (`held`: its points by lot), from the lots that expire first."""
    assert 0 < points <= sum(held.values()), "no more is settled than was held"
    postings = []
    left = points
    for lot in wallet.first_expiring([lot for lot in wallet.lots if held.get(lot.id)]):
        if taken := min(left, held[lot.id]):
            postings.append(NewPosting(lot.id, "held", "redeemed", taken))
            left -= taken
    spent = replace(wallet, lifetime_spent=wallet.lifetime_spent + points)
    return _change(spent, kind="settle", cause=cause, postings=postings)


def release(wallet: WalletState, *, held: Mapping[UUID, int], cause: Cause) -> Change:
    """Give held points (`held`: by lot) free again."""
    postings = [NewPosting(lot_id, "held", "available", points) for lot_id, points in held.items() if points]
    return _change(wallet, kind="release", cause=cause, postings=postings)


def restore(
    wallet: WalletState,
    *,
    back: Mapping[UUID, int],
    cause: Cause,
    source: str = "redeemed",
    expires_at: datetime | None = None,
) -> Change:
    """
    Put points back into the lots that they were taken from (`back`: by lot), with their old dates.

    `source` is the bucket that they went to: redeemed, expired or reversed. What has expired
    meanwhile is due at once, for `expire()`; with `expires_at`, lots whose time is over get that one.
    """
    lots = {lot.id: lot for lot in wallet.lots}
    postings = []
    for lot_id, points in back.items():
        lot = lots[lot_id]
        is_over = expires_at is not None and wallet.is_due(lot, cause.recorded_at) and not lot.lapses
        postings.append(
            NewPosting(
                lot_id,
                source,
                "available",
                points,
                old_expires_at=lot.expires_at if is_over else None,
                new_expires_at=expires_at if is_over else None,
            )
        )
    given = sum(back.values()) if source == "redeemed" else 0
    after = replace(wallet, lifetime_spent=wallet.lifetime_spent - given)
    return _change(after, kind="restore", cause=cause, postings=postings)


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
    change = _change(
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
    return _change(wallet, kind="expire", cause=cause, postings=postings)


def forfeit(wallet: WalletState, *, cause: Cause) -> Change | None:
    """Let all available points expire, whatever their dates, as nobody is left to have them."""
    postings = [
        NewPosting(lot.id, "available", "expired", lot.available) for lot in wallet.lots if lot.available
    ]
    if not postings:
        return None
    return _change(replace(wallet, lapses_at=None), kind="expire", cause=cause, postings=postings)


def transfer_out(wallet: WalletState, *, points: int, cause: Cause, fee: int = 0) -> Change:
    """
    Take available points for another wallet, from the lots that expire first; `fee` of them is kept.

    What arrives there is `passed_on()`.

    :raises InsufficientPoints: if fewer are available at that moment
    """
    assert 0 <= fee < points, "something has to arrive"
    postings = []
    left = fee
    for posting in _use(wallet, points, "redeemed", cause):
        if kept := min(left, posting.points):
            postings.append(NewPosting(posting.lot_id, "available", "reversed", kept))
            left -= kept
        if posting.points > kept:
            postings.append(NewPosting(posting.lot_id, "available", "redeemed", posting.points - kept))
    return _change(wallet, kind="transfer_out", cause=cause, postings=postings)


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
    return _change(wallet, kind=kind, cause=cause, postings=postings) if postings else None


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
    return _change(wallet, kind=kind, cause=cause, postings=postings)


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
    return _change(
        replace(wallet, debt=owed - paid),
        kind="merge",
        cause=replace(cause, reason=reason),
        postings=list(_taken(usable, paid, "reversed")),
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


def _use(wallet: WalletState, points: int, destination: str, cause: Cause) -> list[NewPosting]:
    """
    Postings that take available points, from the lots that expire first.

    :raises InsufficientPoints: if fewer are available at that moment
    """
    assert points > 0, "no points are no movement"
    usable = wallet.lots_to_spend(cause.recorded_at)
    available = sum(lot.available for lot in usable)
    if available < points:
        raise InsufficientPoints(f"The wallet has {available} points, not {points}.", available=available)
    return list(_taken(usable, points, destination))


def _taken(lots: Iterable[LotState], points: int, destination: str) -> Iterable[NewPosting]:
    for lot in lots:
        if taken := min(points, lot.available):
            yield NewPosting(lot.id, "available", destination, taken)
            points -= taken


def _change(
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
    return list(_taken(usable, min(wallet.debt, wallet.available), "reversed"))


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
