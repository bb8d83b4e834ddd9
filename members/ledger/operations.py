"""
The ledger's operations: what happens to a wallet, decided without looking anything up.

Each takes a wallet's state and returns a `Change`: the state afterwards, with the one entry and the
postings that lead there. A lot's points are conserved by construction, as every posting takes from
one bucket what it gives to another.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import ClassVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.errors import DomainError
from loyalty.core.ids import new_id
from members.ledger.state import LotState, WalletState

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


class Cause(Struct, frozen=True, kw_only=True):
    """
    Why points move: `key` is unique per program, so that one cause is booked once.

    `effective_at` is when it counts, `recorded_at` when we learned of it.
    """

    key: str
    actor: str
    effective_at: datetime
    recorded_at: datetime
    reason: str = ""


class Grant(Struct, frozen=True, kw_only=True):
    """Points of one award: they become one lot. With `unlocks_at` they are pending until then."""

    points: int
    unlocks_at: datetime | None = None
    expires_at: datetime | None = None
    campaign_version_id: UUID | None = None
    activity_id: UUID | None = None


class TakeBack(Struct, frozen=True, kw_only=True, gc=False):
    """Of a lot's points, how many are to have been taken back in all, and how many were before."""

    total: int
    before: int


class NewPosting(Struct, frozen=True, gc=False):
    lot_id: UUID
    source: str
    destination: str
    points: int


class NewEntry(Struct, frozen=True, kw_only=True):
    """An entry as it will be stored; `postings` are part of what its hash covers."""

    id: UUID
    wallet_id: UUID
    number: int
    kind: str
    points: int
    pending_after: int
    available_after: int
    held_after: int
    debt_after: int
    cause: Cause
    postings: tuple[NewPosting, ...]
    hash: bytes


class Change(Struct, frozen=True, kw_only=True):
    """One step of a wallet: the state afterwards, and the lots that are new or different in it."""

    wallet: WalletState
    entry: NewEntry
    new_lots: tuple[LotState, ...] = ()
    changed_lots: tuple[LotState, ...] = ()


class Reversal(Struct, frozen=True, kw_only=True):
    """What was taken back, if anything could be, and how many points were given up."""

    change: Change | None
    written_off: int


def grant(wallet: WalletState, *, grants: Sequence[Grant], cause: Cause) -> Change:
    """
    Give points: one lot for each grant, pending if it unlocks later, else available.

    :raises TooManyPoints: if the wallet could not hold them
    """
    lots = tuple(_new_lot(grant, cause) for grant in grants)
    total = sum(lot.points for lot in lots)
    assert min((lot.points for lot in lots), default=0) > 0, "a grant has points"
    if wallet.lifetime_earned + total > MAX_POINTS:
        raise TooManyPoints(f"A wallet holds at most {MAX_POINTS} points over its lifetime.")
    postings = [
        NewPosting(lot.id, "issued", "pending" if lot.pending else "available", lot.points) for lot in lots
    ]
    earned = replace(wallet, lifetime_earned=wallet.lifetime_earned + total)
    return _change(earned, kind="earn", cause=cause, postings=postings, new_lots=lots)


def _new_lot(grant: Grant, cause: Cause) -> LotState:
    waits = grant.unlocks_at is not None and grant.unlocks_at > cause.recorded_at
    return LotState(
        id=new_id(),
        points=grant.points,
        pending=grant.points if waits else 0,
        available=0 if waits else grant.points,
        earned_at=cause.effective_at,
        unlocks_at=grant.unlocks_at,
        expires_at=grant.expires_at,
        campaign_version_id=grant.campaign_version_id,
        activity_id=grant.activity_id,
    )


def spend(wallet: WalletState, *, points: int, cause: Cause) -> Change:
    """
    Take available points, from the lots that expire first.

    :raises InsufficientPoints: if fewer are available at that moment
    """
    assert points > 0, "spending takes points"
    usable = wallet.lots_to_spend(cause.recorded_at)
    available = sum(lot.available for lot in usable)
    if available < points:
        raise InsufficientPoints(f"The wallet has {available} points, not {points}.", available=available)
    postings = _take(usable, points, source="available", destination="redeemed")
    spent = replace(wallet, lifetime_spent=wallet.lifetime_spent + points)
    return _change(spent, kind="spend", cause=cause, postings=postings)


def reverse(wallet: WalletState, *, shares: Mapping[UUID, TakeBack], cause: Cause) -> Reversal:
    """
    Take back granted points: first what is pending or available in their own lots.

    What the member has lost of them by expiry meanwhile is gone already. What was spent comes from
    the other available points, those that expire first before the others. If even those do not
    suffice, the rest is written off (the policy `within_balance`), and the entry's reason says so.
    """
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
        missing += _gone(share.total, lot.reversed + here + lot.expired)
        missing -= _gone(share.before, lot.reversed + lot.expired)
    left = max(missing, 0)
    for lot in wallet.lots_to_spend(cause.recorded_at):
        more = min(left, lot.available - taken[lot.id, "available"])
        taken[lot.id, "available"] += more
        left -= more
    postings = [
        NewPosting(lot_id, source, "reversed", points) for (lot_id, source), points in taken.items() if points
    ]
    if not postings:
        return Reversal(change=None, written_off=left)
    reason = f"written_off:{left}" if left else cause.reason
    change = _change(wallet, kind="reverse", cause=replace(cause, reason=reason), postings=postings)
    return Reversal(change=change, written_off=left)


def _gone(owed: int, accounted_for: int) -> int:
    return max(owed - accounted_for, 0)


def expire(wallet: WalletState, *, cause: Cause) -> Change | None:
    """Take the available points whose time is over at the cause's moment. None if there are none."""
    due = [lot for lot in wallet.lots if lot.available and lot.is_expired(cause.effective_at)]
    postings = [NewPosting(lot.id, "available", "expired", lot.available) for lot in due]
    return _change(wallet, kind="expire", cause=cause, postings=postings) if postings else None


def _take(lots: Sequence[LotState], points: int, *, source: str, destination: str) -> list[NewPosting]:
    postings = []
    for lot in lots:
        taken = min(points, getattr(lot, source))
        if taken:
            postings.append(NewPosting(lot.id, source, destination, taken))
            points -= taken
    return postings


def _change(
    wallet: WalletState,
    *,
    kind: str,
    cause: Cause,
    postings: Sequence[NewPosting],
    new_lots: tuple[LotState, ...] = (),
) -> Change:
    """Apply postings to the wallet's sums and lots, and write the entry that tells of them."""
    lots = {lot.id: lot for lot in wallet.lots}
    sums = {"pending": wallet.pending, "available": wallet.available, "held": wallet.held}
    touched = set()
    for posting in postings:
        if posting.source in sums:
            sums[posting.source] -= posting.points
        if posting.destination in sums:
            sums[posting.destination] += posting.points
        if posting.source != "issued":
            lots[posting.lot_id] = lots[posting.lot_id].move(
                posting.points, posting.source, posting.destination
            )
            touched.add(posting.lot_id)
    before = wallet.pending + wallet.available + wallet.held
    after = replace(wallet, **sums, lots=(*lots.values(), *new_lots))
    entry = _entry(
        after, kind=kind, points=sum(sums.values()) - before, cause=cause, postings=tuple(postings)
    )
    return Change(
        wallet=replace(after, entry_count=entry.number, head_hash=entry.hash),
        entry=entry,
        new_lots=new_lots,
        changed_lots=tuple(lots[lot_id] for lot_id in touched),
    )


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
    return replace(entry, hash=hash_of(entry, previous=wallet.head_hash))


def hash_of(entry: NewEntry, *, previous: bytes) -> bytes:
    """
    SHA-256 over the wallet's previous hash and all that the entry says, postings included.

    An edited, added or missing entry anywhere in a wallet's chain makes every later hash wrong.
    """
    cause = entry.cause
    said = (
        entry.id, entry.wallet_id, entry.number, entry.kind, entry.points,
        entry.pending_after, entry.available_after, entry.held_after, entry.debt_after,
        cause.key, cause.actor, cause.reason, _utc(cause.effective_at), _utc(cause.recorded_at),
    )  # fmt: skip
    moved = sorted(f"{p.lot_id} {p.source} {p.destination} {p.points}" for p in entry.postings)
    return sha256(previous + "\n".join([*map(str, said), *moved]).encode()).digest()


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
