"""
Proof that the books are right: postings make up lots, lots wallets, and nobody rewrote history.

Everything is read in one snapshot and streamed, so that a million members need no more memory than
ten, and sales go on meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import count, groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection, transaction
from msgspec import Struct
from msgspec.structs import astuple

from members.ledger.chain import Cause, NewEntry, NewPosting, hash_of
from members.ledger.state import LotState


class Fault(Struct, frozen=True):
    """One broken row: the check that found it, the row, and what is wrong with it."""

    check: str
    row: str
    detail: str


class _Moved(Struct, frozen=True, array_like=True):
    """A posting as JSON has it; the moments become what they are in Python."""

    lot_id: UUID
    source: str
    destination: str
    points: int
    old_expires_at: datetime | None
    new_expires_at: datetime | None


CHECKS: Final[dict[str, str]] = {
    "the postings of a lot make up its buckets": """
        SELECT 'lot ' || lot.id,
               'buckets ' || concat_ws(
                   '/', lot.points, lot.pending, lot.available, lot.held,
                   lot.redeemed, lot.expired, lot.reversed)
               || ', postings ' || concat_ws(
                   '/', coalesce(issued, 0),
                   coalesce(p.pending, 0), coalesce(p.available, 0), coalesce(p.held, 0),
                   coalesce(p.redeemed, 0), coalesce(p.expired, 0), coalesce(p.reversed, 0))
        FROM members_lot lot
        LEFT JOIN (
            SELECT lot_id, sum(points) FILTER (WHERE source = 'issued') AS issued,
                   {buckets}
            FROM members_posting GROUP BY lot_id) p ON p.lot_id = lot.id
        WHERE (lot.points, lot.pending, lot.available, lot.held, lot.redeemed, lot.expired, lot.reversed)
            IS DISTINCT FROM (
                coalesce(issued, 0),
                coalesce(p.pending, 0), coalesce(p.available, 0), coalesce(p.held, 0),
                coalesce(p.redeemed, 0), coalesce(p.expired, 0), coalesce(p.reversed, 0))
    """.replace(
        "{buckets}",
        ", ".join(
            f"sum(CASE '{name}' WHEN destination THEN points WHEN source THEN -points ELSE 0 END) AS {name}"
            for name in ("pending", "available", "held", "redeemed", "expired", "reversed")
        ),
    ),
    "the lots of a wallet make up its sums": """
        SELECT 'wallet ' || w.id,
               'wallet ' || concat_ws('/', w.pending, w.available, w.held)
               || ', lots ' || concat_ws(
                   '/', coalesce(l.pending, 0), coalesce(l.available, 0), coalesce(l.held, 0))
        FROM members_wallet w
        LEFT JOIN (
            SELECT wallet_id, sum(pending) AS pending, sum(available) AS available, sum(held) AS held,
                   sum(points) FILTER (WHERE origin_id IS NULL) AS points
            FROM members_lot GROUP BY wallet_id) l ON l.wallet_id = w.id
        WHERE (w.pending, w.available, w.held, w.lifetime_earned)
            IS DISTINCT FROM (
                coalesce(l.pending, 0), coalesce(l.available, 0), coalesce(l.held, 0), coalesce(l.points, 0))
    """,
    "what was issued is with members, redeemed, expired or reversed": """
        SELECT 'wallet type ' || type_id, 'issued ' || issued || ', accounted for ' || accounted
        FROM (
            SELECT w.type_id, sum(p.points) FILTER (WHERE p.source = 'issued') AS issued
            FROM members_posting p
            JOIN members_lot l ON l.id = p.lot_id
            JOIN members_wallet w ON w.id = l.wallet_id
            GROUP BY w.type_id) i
        JOIN (
            SELECT w.type_id, sum(w.pending + w.available + w.held) + coalesce(sum(gone), 0) AS accounted
            FROM members_wallet w
            LEFT JOIN (
                SELECT wallet_id, sum(redeemed + expired + reversed) AS gone
                FROM members_lot GROUP BY wallet_id) l ON l.wallet_id = w.id
            GROUP BY w.type_id) a USING (type_id)
        WHERE issued IS DISTINCT FROM accounted
    """,
    "everything belongs to the member whose wallet it is in": """
        SELECT 'lot ' || l.id, 'is of another member or program than its wallet'
        FROM members_lot l JOIN members_wallet w ON w.id = l.wallet_id
        WHERE (l.member_id, l.program_id) <> (w.member_id, w.program_id)
        UNION ALL
        SELECT 'entry ' || e.id, 'is of another member or program than its wallet'
        FROM members_entry e JOIN members_wallet w ON w.id = e.wallet_id
        WHERE (e.member_id, e.program_id) <> (w.member_id, w.program_id)
    """,
    "a booking has its event, and an event its booking": """
        SELECT coalesce('entry ' || e.id, 'event ' || v.number),
               CASE WHEN v.number IS NULL THEN 'has no event' ELSE 'has no entry' END
        FROM (SELECT id FROM members_entry) e
        FULL JOIN (
            SELECT number, (data->>'entry_id')::uuid AS entry_id
            FROM core_event WHERE data ? 'entry_id') v ON v.entry_id = e.id
        WHERE e.id IS NULL OR v.number IS NULL
    """,
}

_ENTRIES: Final = """
    WITH moved AS MATERIALIZED (
        SELECT DISTINCT ON (p.lot_id) p.lot_id, p.old_expires_at
        FROM members_posting p JOIN members_entry e ON e.id = p.entry_id
        WHERE p.new_expires_at IS NOT NULL ORDER BY p.lot_id, e.number)
    SELECT w.id, w.entry_count, w.head_hash, w.pending, w.available, w.held, w.debt,
           e.id, e.number, e.kind, e.points, e.pending_after, e.available_after, e.held_after, e.debt_after,
           e.cause, e.actor, e.reason, e.effective_at, e.recorded_at, e.hash,
           (SELECT json_agg(json_build_array(
                    p.lot_id, p.source, p.destination, p.points, p.old_expires_at, p.new_expires_at,
                    CASE WHEN p.source = 'issued' THEN json_build_array(
                        l.points, l.earned_at, l.source, l.unlocks_at, l.unlock_event, l.cancels_at,
                        CASE WHEN moved.lot_id IS NULL THEN l.expires_at ELSE moved.old_expires_at END,
                        l.lapses, l.campaign_version_id, l.activity_id, l.origin_id) END))
            FROM members_posting p JOIN members_lot l ON l.id = p.lot_id
            LEFT JOIN moved ON moved.lot_id = l.id AND p.source = 'issued'
            WHERE p.entry_id = e.id)
    FROM members_wallet w LEFT JOIN members_entry e ON e.wallet_id = w.id ORDER BY w.id, e.number
"""
_LOT_FIELDS: Final = (
    "points", "earned_at", "source", "unlocks_at", "unlock_event", "cancels_at", "expires_at",
    "lapses", "campaign_version_id", "activity_id", "origin_id",
)  # fmt: skip
CHAIN: Final = "each wallet's entries form an unbroken chain"
ROWS_AT_A_TIME: Final = 2_000


def run(*, progress: Any = None) -> Iterator[Fault]:
    """
    All faults of all programs. `progress` is told (check, rows done) as the work goes on.

    Meant to be read to its end: the snapshot is held until then.
    """
    with _snapshot():
        for name, sql in CHECKS.items():
            for done, (row, detail) in enumerate(_stream(sql)):
                yield Fault(name, row, detail)
                _report(progress, name, done)
            _report(progress, name, None)
        for done, (_, rows) in enumerate(groupby(_stream(_ENTRIES), key=itemgetter(0))):
            yield from _chain_faults(list(rows))
            _report(progress, CHAIN, done)


def _report(progress: Any, name: str, done: int | None) -> None:
    if progress:
        progress(name, done)


@contextmanager
def _snapshot() -> Iterator[None]:
    """One view of all tables, however long the checks take; inside a transaction, that one's view."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _stream(sql: str) -> Iterator[tuple[Any, ...]]:
    with connection.chunked_cursor() as cursor:
        # The driver's own, and not Django's wrapper, fetches by it.
        cursor.cursor.itersize = ROWS_AT_A_TIME
        cursor.execute(sql)
        yield from cursor


def _chain_faults(rows: list[tuple[Any, ...]]) -> Iterator[Fault]:
    """Walk one wallet's entries from the first, as they should follow from each other."""
    wallet_id, entry_count, head_hash, *sums = rows[0][:7]
    entries = [row[7:] for row in rows if row[7] is not None]
    previous, balance = b"", [0, 0, 0, 0]
    for number, row in zip(count(1), entries, strict=False):
        entry, lots = _entry(wallet_id, row)
        if entry.number != number:
            yield Fault(CHAIN, f"wallet {wallet_id}", f"entry {number} is missing before entry {entry.id}")
            return
        if (fault := _entry_fault(entry, lots, previous, balance)) is not None:
            yield Fault(CHAIN, f"entry {entry.id}", fault)
        previous = entry.hash
        balance = [entry.pending_after, entry.available_after, entry.held_after, entry.debt_after]
    if len(entries) != entry_count or previous != bytes(head_hash):
        yield Fault(CHAIN, f"wallet {wallet_id}", "does not end with its newest entry")
    elif balance != sums:
        yield Fault(
            CHAIN, f"wallet {wallet_id}", f"its newest entry ends with {balance}, the wallet holds {sums}"
        )


def _entry_fault(
    entry: NewEntry, lots: Mapping[UUID, LotState], previous: bytes, before: list[int]
) -> str | None:
    if hash_of(entry, previous=previous, lots=lots) != entry.hash:
        return "was changed: its hash does not fit its content and what came before"
    moved = _moved(entry.postings)
    after = [entry.pending_after, entry.available_after, entry.held_after]
    if [old + change for old, change in zip(before, moved, strict=False)] != after:
        return f"its postings move {moved} from {before[:3]}, which is not {after}"
    return None


def _moved(postings: Iterable[NewPosting]) -> list[int]:
    moved = {"pending": 0, "available": 0, "held": 0}
    for posting in postings:
        for bucket, points in ((posting.destination, posting.points), (posting.source, -posting.points)):
            if bucket in moved:
                moved[bucket] += points
    return list(moved.values())


def _entry(wallet_id: Any, row: tuple[Any, ...]) -> tuple[NewEntry, dict[UUID, LotState]]:
    (
        entry_id, number, kind, points, pending, available, held, debt,
        key, actor, reason, effective_at, recorded_at, stored_hash, postings,
    ) = row  # fmt: skip
    cause = Cause(key=key, actor=actor, reason=reason, effective_at=effective_at, recorded_at=recorded_at)
    moved = [msgspec.convert(posting[:6], _Moved) for posting in postings or []]
    granted = {
        posting.lot_id: _lot(posting.lot_id, lot)
        for posting, (*_, lot) in zip(moved, postings or [], strict=True)
        if lot is not None
    }
    entry = NewEntry(
        id=entry_id,
        wallet_id=wallet_id,
        number=number,
        kind=kind,
        points=points,
        pending_after=pending,
        available_after=available,
        held_after=held,
        debt_after=debt,
        cause=cause,
        postings=tuple(NewPosting(*astuple(posting)) for posting in moved),
        hash=bytes(stored_hash),
    )
    return entry, granted


def _lot(lot_id: UUID, columns: list[Any]) -> LotState:
    return msgspec.convert({"id": lot_id, **dict(zip(_LOT_FIELDS, columns, strict=True))}, LotState)
