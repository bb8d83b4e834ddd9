"""
The one module that reads and writes the ledger's tables.

Note [The lock]
~~~~~~~~~~~~~~~
A member's wallets are the lock on everything that is decided from them: points, tiers, and the order
of the member's events. Either they are held before they are read (`lock()`, in id order, for work on
many members), or they are read without a lock and the plan is written only if their versions are
still the same (the guard of `Batch`, which locks in id order too). Nobody writes to a member's
lots, entries, postings or tiers in any other way, so a member's changes follow one another.

Only transfers and merges concern two members; they hold the wallets of both in id order, too.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson
from django.db import connection
from msgspec.structs import astuple, replace

from loyalty.core.db import Batch, fetch
from loyalty.core.ids import new_id
from members.ledger.plan import Plan
from members.ledger.state import Account, LotState, TierPeriod, TierStanding, WalletState
from members.models import Entry, FormerTier, Lot, MemberTier, Posting, Wallet

ACCOUNT_COLUMNS: Final = """
    member.id, member.status, member.birth_date, member.enrolled_at, member.attributes::text,
    (SELECT json_agg(json_build_array(
            w.id, w.type_id, w.pending, w.available, w.held, w.debt, w.lifetime_earned, w.lifetime_spent,
            w.version, w.entry_count, encode(w.head_hash, 'hex'), w.lapses_at) ORDER BY w.id)
       FROM members_wallet w WHERE w.member_id = member.id)::text,
    (SELECT json_agg(json_build_array(t.id, t.ladder_id, t.tier_id, t.progress, t.since))
       FROM members_membertier t WHERE t.member_id = member.id)::text"""
"""The columns that `read_account` takes; `member` is the member's row."""

ACCOUNT_JOINS: Final = """
    LEFT JOIN members_identifier identifier
        ON identifier.program_id = $1 AND identifier.kind = asked.kind AND identifier.value = asked.value
    LEFT JOIN members_member member
        ON member.program_id = $1
        AND member.id
            = coalesce(identifier.member_id, CASE asked.kind WHEN 'id' THEN asked.value::uuid END)"""
"""Finds `member` for `asked(kind, value)` in the program `$1`; no row's columns if there is none."""

LOT_FIELDS: Final = LotState.__struct_fields__
_WALLET_SUMS: Final = (
    "pending", "available", "held", "debt", "lifetime_earned", "lifetime_spent",
    "version", "entry_count", "head_hash", "lapses_at",
)  # fmt: skip
_IS_OPEN: Final = "(available > 0 OR pending > 0 OR held > 0)"
_POSTING_FIELDS: Final = ("lot", "source", "destination", "points", "old_expires_at", "new_expires_at")
_PERIOD: Final = ("id", "member", "ladder", "tier", "starts_at", "ends_at")
_LOT_BUCKETS: Final = ("pending", "available", "held", "redeemed", "expired", "reversed")


def read_account(program_id: UUID, columns: Sequence[Any]) -> Account | None:
    """An account from a row's `ACCOUNT_COLUMNS`; None if no such member was found."""
    member_id, status, birth_date, enrolled_at, attributes, wallets, tiers = columns
    if member_id is None:
        return None
    return Account(
        member_id=member_id,
        status=status,
        birth_date=birth_date,
        enrolled_at=enrolled_at,
        attributes=orjson.loads(attributes),
        wallets=tuple(_wallet(program_id, member_id, row) for row in orjson.loads(wallets or "[]")),
        tiers=tuple(_standing(row) for row in orjson.loads(tiers or "[]")),
    )


def _wallet(program_id: UUID, member_id: UUID, row: list[Any]) -> WalletState:
    wallet_id, type_id, *sums, head_hash, lapses_at = row
    pending, available, held, debt, earned, spent, version, entry_count = sums
    return WalletState(
        id=UUID(wallet_id),
        program_id=program_id,
        member_id=member_id,
        type_id=UUID(type_id),
        pending=pending,
        available=available,
        held=held,
        debt=debt,
        lifetime_earned=earned,
        lifetime_spent=spent,
        version=version,
        entry_count=entry_count,
        head_hash=bytes.fromhex(head_hash),
        lapses_at=datetime.fromisoformat(lapses_at) if lapses_at else None,
    )


def _standing(row: list[Any]) -> TierStanding:
    standing_id, ladder_id, tier_id, progress, since = row
    return TierStanding(
        id=UUID(standing_id),
        ladder_id=UUID(ladder_id),
        tier_id=UUID(tier_id),
        progress=progress,
        since=datetime.fromisoformat(since),
    )


def load(program_id: UUID, references: Sequence[tuple[str, str]]) -> list[Account | None]:
    """
    The members behind references (kind, value), in their order; without lots.

    A kind is `id` or one of an identifier; values are normalised already. One statement.
    """
    rows = fetch(
        f"SELECT asked.position, {ACCOUNT_COLUMNS}"
        " FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS asked(kind, value, position)"
        f" {ACCOUNT_JOINS} ORDER BY asked.position",
        [program_id, [kind for kind, _ in references], [value for _, value in references]],
    )
    return [read_account(program_id, columns) for _, *columns in rows]


def lock(member_ids: Iterable[UUID]) -> None:
    """Hold these members' wallets until the transaction ends. See Note [The lock]."""
    assert connection.in_atomic_block, "a lock without a transaction holds nothing"
    fetch(
        "SELECT id FROM members_wallet WHERE member_id = ANY($1) ORDER BY id FOR UPDATE",
        [sorted(set(member_ids))],
    )


def with_open_lots(
    accounts: Sequence[Account], *, type_id: UUID | None = None, keeps_due: Collection[UUID] = ()
) -> list[Account]:
    """
    The accounts with those lots that still hold points (of one type, or all), oldest expiry first.

    `keeps_due` are the wallet types whose due points stay usable until a run takes them.
    """
    return _with_lots(accounts, _IS_OPEN, (), type_id=type_id, keeps_due=keeps_due)


def with_lots_of(
    accounts: Sequence[Account],
    activity_id: UUID,
    *,
    lot_ids: Collection[UUID] = (),
    keeps_due: Collection[UUID] = (),
) -> list[Account]:
    """The accounts with the lots that an activity gave, with these, and with the open ones."""
    return _with_lots(
        accounts,
        f"(activity_id = $2 OR id = ANY($3) OR {_IS_OPEN})",
        (activity_id, list(lot_ids)),
        keeps_due=keeps_due,
    )


def with_lots(
    accounts: Sequence[Account], lot_ids: Collection[UUID], *, keeps_due: Collection[UUID] = ()
) -> list[Account]:
    """The accounts with these lots, whatever has become of them, and the open ones."""
    return _with_lots(accounts, f"(id = ANY($2) OR {_IS_OPEN})", (list(lot_ids),), keeps_due=keeps_due)


def _with_lots(
    accounts: Sequence[Account],
    condition: str,
    parameters: Sequence[Any],
    *,
    type_id: UUID | None = None,
    keeps_due: Collection[UUID],
) -> list[Account]:
    wallet_ids = [w.id for a in accounts for w in a.wallets if type_id in (None, w.type_id)]
    rows = fetch(
        f"SELECT wallet_id, {', '.join(LOT_FIELDS)} FROM members_lot"
        f" WHERE wallet_id = ANY($1) AND {condition} ORDER BY wallet_id, expires_at, id",
        [wallet_ids, *parameters],
    )
    lots = {
        wallet_id: tuple(read_lot(columns) for _, *columns in group)
        for wallet_id, group in groupby(rows, key=itemgetter(0))
    }

    def filled(wallet: WalletState) -> WalletState:
        return replace(wallet, lots=lots.get(wallet.id, ()), keeps_due=wallet.type_id in keeps_due)

    return [replace(account, wallets=tuple(map(filled, account.wallets))) for account in accounts]


def former_tiers(member_ids: Collection[UUID]) -> dict[UUID, tuple[TierPeriod, ...]]:
    """The tiers that members had before those of now, in the order in which they were left."""
    rows = fetch(
        "SELECT id, member_id, ladder_id, tier_id, starts_at, ends_at FROM members_formertier"
        " WHERE member_id = ANY($1) ORDER BY member_id, id",
        [sorted(member_ids)],
    )
    periods = (TierPeriod(**dict(zip(TierPeriod.__struct_fields__, row, strict=True))) for row in rows)
    return {member_id: tuple(group) for member_id, group in groupby(periods, key=attrgetter("member_id"))}


def open_lots_column(wallet_id: str) -> str:
    """A column for a loading statement: the open lots of a wallet (an expression in SQL), for `filled()`."""
    lots = f"SELECT {', '.join(LOT_FIELDS)} FROM members_lot WHERE wallet_id = {wallet_id} AND {_IS_OPEN}"
    return f"(SELECT json_agg(lot) FROM ({lots}) AS lot)::text"


def filled(
    account: Account, type_id: UUID, open_lots: str | None, *, keeps_due: Collection[UUID] = ()
) -> Account:
    """The account with the lots of one wallet type, from an `open_lots_column`."""
    lots = msgspec.json.decode(open_lots or "[]", type=tuple[LotState, ...])

    def same(wallet: WalletState) -> WalletState:
        if wallet.type_id != type_id:
            return wallet
        return replace(wallet, lots=lots, keeps_due=type_id in keeps_due)

    return replace(account, wallets=tuple(map(same, account.wallets)))


def held_by(cause: str, *, program_id: UUID) -> dict[UUID, int]:
    """The points by lot that the entry of that cause moved into the bucket `held`."""
    return moved_by(cause, program_id=program_id, destination="held")


def moved_by(cause: str, *, program_id: UUID, destination: str) -> dict[UUID, int]:
    """The points by lot that the entry of that cause moved into a bucket; empty if there is no such entry."""
    return dict(
        fetch(
            "SELECT p.lot_id, sum(p.points)::bigint FROM members_entry e"
            " JOIN members_posting p ON p.entry_id = e.id"
            " WHERE e.program_id = $1 AND e.cause = $2 AND p.destination = $3 GROUP BY p.lot_id",
            [program_id, cause, destination],
        )
    )


def origins_of(cause: str, *, member_id: UUID, type_id: UUID) -> dict[UUID, UUID]:
    """The lots that entries of causes with this beginning gave a member, and the lots that they came from."""
    return dict(
        fetch(
            "SELECT l.id, l.origin_id FROM members_wallet w"
            " JOIN members_entry e ON e.program_id = w.program_id AND e.cause = $3::text || w.id"
            " JOIN members_posting p ON p.entry_id = e.id AND p.source = 'issued'"
            " JOIN members_lot l ON l.id = p.lot_id"
            " WHERE w.member_id = $1 AND w.type_id = $2",
            [member_id, type_id, cause],
        )
    )


def read_lot(columns: Sequence[Any]) -> LotState:
    """A lot from a row's `LOT_FIELDS`."""
    return LotState(**dict(zip(LOT_FIELDS, columns, strict=True)))


def add_to(batch: Batch, plan: Plan, *, program_id: UUID) -> None:
    """Add the plan's rows to a batch, with the guard on the wallets that it was decided from."""
    stored = [wallet for wallet in plan.loaded.values() if not wallet.is_new]
    batch.guard(Wallet, ("id", "version"), [(w.id, w.version) for w in stored])
    _add_wallets(batch, plan, program_id)
    _add_lots(batch, plan, program_id)
    _add_entries(batch, plan, program_id)
    _add_tiers(batch, plan, program_id)


def _add_tiers(batch: Batch, plan: Plan, program_id: UUID) -> None:
    fields = ("id", "tier", "progress", "since")
    rows = [(tier, (tier.id, tier.tier_id, tier.progress, tier.since)) for tier in plan.tiers.values()]
    batch.update(MemberTier, fields, [row for tier, row in rows if not tier.is_new])
    batch.insert(
        MemberTier,
        ("program", "member", "ladder", *fields),
        [(program_id, plan.owners[tier.id], tier.ladder_id, *row) for tier, row in rows if tier.is_new],
    )
    batch.insert(
        FormerTier, ("program", *_PERIOD), [(program_id, *astuple(period)) for period in plan.former_tiers]
    )


def _add_wallets(batch: Batch, plan: Plan, program_id: UUID) -> None:
    fields = ("id", *_WALLET_SUMS)
    rows = [(wallet, tuple(getattr(wallet, name) for name in fields)) for wallet in plan.wallets.values()]
    batch.update(Wallet, fields, [row for wallet, row in rows if not wallet.is_new])
    batch.insert(
        Wallet,
        ("program", "member", "type", *fields),
        [(program_id, wallet.member_id, wallet.type_id, *row) for wallet, row in rows if wallet.is_new],
    )


def _add_lots(batch: Batch, plan: Plan, program_id: UUID) -> None:
    owners = {p.lot_id: entry.wallet_id for entry in plan.entries for p in entry.postings}
    batch.insert(
        Lot,
        ("program", "member", "wallet", *LOT_FIELDS),
        [
            (program_id, plan.wallets[owners[lot.id]].member_id, owners[lot.id], *astuple(lot))
            for lot in plan.new_lots.values()
        ],
    )
    changing = ("id", *_LOT_BUCKETS, "expires_at")
    batch.update(
        Lot,
        changing,
        [tuple(getattr(lot, name) for name in changing) for lot in plan.changed_lots.values()],
    )


def _add_entries(batch: Batch, plan: Plan, program_id: UUID) -> None:
    members = {wallet.id: wallet.member_id for wallet in plan.wallets.values()}
    batch.insert(
        Entry,
        (
            "id", "program", "member", "wallet", "number", "kind", "cause", "points",
            "pending_after", "available_after", "held_after", "debt_after", "actor", "reason",
            "effective_at", "recorded_at", "hash",
        ),
        [
            (
                e.id, program_id, members[e.wallet_id], e.wallet_id, e.number, e.kind, e.cause.key, e.points,
                e.pending_after, e.available_after, e.held_after, e.debt_after, e.cause.actor, e.cause.reason,
                e.cause.effective_at, e.cause.recorded_at, e.hash,
            )
            for e in plan.entries
        ],
    )  # fmt: skip
    batch.insert(
        Posting,
        ("id", "member", "entry", *_POSTING_FIELDS),
        [(new_id(), members[e.wallet_id], e.id, *astuple(p)) for e in plan.entries for p in e.postings],
    )


def write(plan: Plan, *, program_id: UUID) -> None:
    """
    Write a plan that concerns the ledger alone.

    :raises loyalty.core.db.Moved: if a wallet has changed since the plan read it
    """
    batch = Batch()
    add_to(batch, plan, program_id=program_id)
    batch.write()
