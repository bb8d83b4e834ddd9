"""
One move of whole buckets in many wallets: what expires, what is unlocked, what is cancelled.

Note [Sweeps]
~~~~~~~~~~~~~
`operations.expire()`, `unlock()` and `cancel_pending()` say what such a move is. For a million lots
of wallets that differ in nothing but ids and sums, the same is written here as SQL, a chunk of
wallets in one statement: the lots, the entries with their hashes, the postings, the wallets' sums and
the events. `tests/members/ledger/test_sweeping.py` proves on random wallets that both book the same.

The caller holds the wallets (see Note [The lock] in `members.ledger.store`) since an earlier statement of
the transaction, so that this one sees them, and all that hangs on them, as they are. Wallets in debt
take no part in what makes points available: what they owe is paid first, which `operations` knows.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from msgspec import Struct

from loyalty.core.db import fetch
from loyalty.core.ids import NEW_ID
from members.ledger.chain import moment_of
from members.ledger.telling import EVENT_OF

IDS: Final = "<ids>"
"""Where the wallets' ids go in a statement."""


class Sweep(Struct, frozen=True):
    """
    Which lots are swept from where to where.

    `condition` is SQL over `lot`, `wallet` and `type`, with `$1` as the moment; `cause` makes a
    wallet's cause out of `wallet` and the parameter `$2`.
    """

    kind: str
    source: str
    destination: str
    condition: str
    cause: str


class Swept(Struct, frozen=True):
    """What a sweep moved; a wallet has one entry of it."""

    wallets: int
    lots: int
    points: int

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(self.wallets + other.wallets, self.lots + other.lots, self.points + other.points)


IS_DUE: Final = """
    (lot.expires_at <= $1 OR (lot.lapses AND wallet.lapses_at <= $1))
    AND NOT type.expiry_is_on_hold
    AND (NOT type.expires_only_if_warned OR EXISTS (
        SELECT FROM members_expirywarning AS warning
        WHERE warning.wallet_id = wallet.id AND warning.delivered_at IS NOT NULL
          AND warning.expires_at = CASE WHEN lot.lapses THEN wallet.lapses_at ELSE lot.expires_at END))"""
EXPIRY: Final = Sweep(
    kind="expire",
    source="available",
    destination="expired",
    condition=f"""{IS_DUE}
    AND NOT EXISTS (
        SELECT FROM members_entry AS done
        WHERE done.program_id = wallet.program_id AND done.cause = $2 || wallet.id::text)""",
    cause="$2 || wallet.id::text",
)
"""What is due. `$2` is the beginning of a run's causes; a run takes from each wallet once."""
UNLOCKING: Final = Sweep(
    kind="unlock",
    source="pending",
    destination="available",
    condition="lot.unlocks_at <= $1 AND wallet.debt = 0",
    cause="$2 || wallet.id::text || ':' || (wallet.entry_count + 1)::text",
)
CANCELLING: Final = Sweep(
    kind="reverse",
    source="pending",
    destination="reversed",
    condition="lot.cancels_at <= $1",
    cause="$2 || wallet.id::text || ':' || (wallet.entry_count + 1)::text",
)


def hold(wallet_ids: Sequence[UUID]) -> None:
    """Hold these wallets until the transaction ends. See Note [The lock] in `members.ledger.store`."""
    assert connection.in_atomic_block, "a lock without a transaction holds nothing"
    fetch("SELECT FROM members_wallet WHERE id = ANY($1) ORDER BY id FOR UPDATE", [list(wallet_ids)])


def book(
    sweep: Sweep,
    wallet_ids: Sequence[UUID],
    *,
    at: datetime,
    cause: str,
    actor: str,
    recorded_at: datetime,
    reason: str = "",
) -> Swept:
    """
    Sweep what is to be swept of these wallets, which the transaction holds. See Note [Sweeps].

    `cause` is the beginning of the entries' causes, which the wallets' ids end.
    """
    assert connection.in_atomic_block, "a sweep works on wallets that are held"
    texts = [moment_of(at), moment_of(recorded_at)]
    # The ids stand in the statement: so it is planned for as many, while what triggers ask on its way
    # keeps its plans, which planning by values would make anew for each row.
    ids = "'{" + ",".join(map(str, wallet_ids)) + "}'"
    sql = _STATEMENTS[sweep.kind].replace(IDS, ids)
    (row,) = fetch(sql, [at, cause, actor, reason, recorded_at, *texts], is_kept=False)
    return Swept(*row)


def _written(sweep: Sweep) -> str:
    source, destination = sweep.source, sweep.destination
    after = {
        name: f"wallet.{name}"
        + (" - total.points" if name == source else "")
        + (" + total.points" if name == destination else "")
        for name in ("pending", "available", "held")
    }
    points = "0" if destination in after else "-total.points"
    lapsed = (
        ", lapses_at = CASE WHEN held.lapses_at <= $1 AND held.pending = 0 AND held.held = 0"
        " THEN NULL ELSE held.lapses_at END"
        if sweep.kind == "expire"
        else ""
    )
    return f"""
WITH swept AS MATERIALIZED (
    SELECT lot.id, lot.wallet_id, lot.{source} AS points
    FROM members_wallet AS wallet
    JOIN members_wallettype AS type ON type.id = wallet.type_id
    JOIN members_lot AS lot ON lot.wallet_id = wallet.id
    WHERE wallet.id = ANY({IDS}::uuid[]) AND lot.{source} > 0 AND {sweep.condition}
), total AS (
    SELECT wallet_id, sum(points)::bigint AS points,
           string_agg(id || ' {source} {destination} ' || points, E'\\n' ORDER BY id) AS lines
    FROM swept GROUP BY wallet_id
), booked AS MATERIALIZED (
    SELECT {NEW_ID} AS id, wallet.id AS wallet_id, wallet.program_id, wallet.member_id, type.key AS type,
           wallet.entry_count + 1 AS number, {sweep.cause} AS cause, total.points AS moved,
           {points} AS points, {after["pending"]} AS pending, {after["available"]} AS available,
           {after["held"]} AS held, wallet.debt, wallet.head_hash, total.lines
    FROM total
    JOIN members_wallet AS wallet ON wallet.id = total.wallet_id
    JOIN members_wallettype AS type ON type.id = wallet.type_id
), entry AS MATERIALIZED (
    SELECT *, sha256(head_hash || convert_to(concat_ws(E'\\n',
        id, wallet_id, number, '{sweep.kind}', points, pending, available, held, debt,
        cause, $3::text, $4::text, $6::text, $7::text, lines), 'UTF8')) AS hash
    FROM booked
), lots AS (
    UPDATE members_lot AS lot
    SET {source} = lot.{source} - swept.points, {destination} = lot.{destination} + swept.points
    FROM swept WHERE lot.id = swept.id
), wallets AS (
    UPDATE members_wallet AS held
    SET pending = entry.pending, available = entry.available, held = entry.held,
        version = held.version + 1, entry_count = entry.number, head_hash = entry.hash{lapsed}
    FROM entry WHERE held.id = entry.wallet_id
), entries AS (
    INSERT INTO members_entry (id, program_id, member_id, wallet_id, number, kind, cause, points,
        pending_after, available_after, held_after, debt_after, actor, reason,
        effective_at, recorded_at, hash)
    SELECT id, program_id, member_id, wallet_id, number, '{sweep.kind}', cause, points,
        pending, available, held, debt, $3, $4, $1, $5, hash
    FROM entry
), postings AS (
    INSERT INTO members_posting (id, member_id, entry_id, lot_id, source, destination, points)
    SELECT {NEW_ID}, entry.member_id, entry.id, swept.id, '{source}', '{destination}', swept.points
    FROM swept JOIN entry ON entry.wallet_id = swept.wallet_id
), events AS (
    INSERT INTO core_event (program_id, member_id, type, data, occurred_at, recorded_at)
    SELECT program_id, member_id, '{EVENT_OF[sweep.kind]}',
        jsonb_build_object('entry_id', id, 'wallet_type', type, 'points', {_told_points(sweep)},
            'balance', available)
        || CASE WHEN debt > 0 THEN jsonb_build_object('owed', debt) ELSE '{{}}' END,
        $1, $5
    FROM entry ORDER BY wallet_id
)
SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM swept), coalesce(sum(points), 0)::bigint FROM swept
"""


def _told_points(sweep: Sweep) -> str:
    return "abs(points)" if sweep.destination not in ("pending", "available", "held") else "moved"


_STATEMENTS: Final = {sweep.kind: _written(sweep) for sweep in (EXPIRY, UNLOCKING, CANCELLING)}
