"""
The chain of a wallet's entries: each one's hash covers what it says and the hash before it.

An edited, added or missing entry, posting or grant anywhere in a chain makes every later hash wrong.
There is no personal data in it, so that a person can be forgotten.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from msgspec import Struct

from members.ledger.state import LotState


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


class NewPosting(Struct, frozen=True, gc=False):
    """Points of a lot on their way from one bucket to another, and the lot's new date if it gets one."""

    lot_id: UUID
    source: str
    destination: str
    points: int
    old_expires_at: datetime | None = None
    new_expires_at: datetime | None = None


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


def hash_of(entry: NewEntry, *, previous: bytes, lots: Mapping[UUID, LotState]) -> bytes:
    """
    SHA-256 over the wallet's previous hash and all that the entry says, in lines of text (UTF-8).

    First the entry's fields, then its postings, sorted. A posting that issues points says all that
    stays as it is about its lot (one of `lots`, as it was granted), one that moves a lot's date both
    dates. Moments are UTC with microseconds, what is not there is "None".
    """
    cause = entry.cause
    said = (
        entry.id, entry.wallet_id, entry.number, entry.kind, entry.points,
        entry.pending_after, entry.available_after, entry.held_after, entry.debt_after,
        cause.key, cause.actor, cause.reason, moment_of(cause.effective_at), moment_of(cause.recorded_at),
    )  # fmt: skip
    moved = sorted(_line(posting, lots) for posting in entry.postings)
    return sha256(previous + "\n".join([*map(str, said), *moved]).encode()).digest()


def _line(posting: NewPosting, lots: Mapping[UUID, LotState]) -> str:
    line = f"{posting.lot_id} {posting.source} {posting.destination} {posting.points}"
    if posting.source == "issued":
        return f"{line} {_granted(lots[posting.lot_id])}"
    if posting.new_expires_at is not None:
        return f"{line} {moment_of(posting.old_expires_at)} {moment_of(posting.new_expires_at)}"
    return line


def _granted(lot: LotState) -> str:
    return (
        f"{moment_of(lot.earned_at)} {lot.source} {moment_of(lot.unlocks_at)} {lot.unlock_event or None}"
        f" {moment_of(lot.cancels_at)} {moment_of(lot.expires_at)} {lot.lapses}"
        f" {lot.campaign_version_id} {lot.activity_id} {lot.origin_id}"
    )


def moment_of(moment: datetime | None) -> str:
    """A moment as hashes cover it: UTC, to the microsecond."""
    return "None" if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")
