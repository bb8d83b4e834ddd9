"""The rows of holds: read together with what is decided from them, written with the plan of their points."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from loyalty.core.db import Batch, fetch
from loyalty.core.models import Program
from members import terms
from members.ledger import store
from members.ledger.state import Account, WalletState
from members.models import Hold, HoldStatus


class HoldState(Struct, frozen=True, kw_only=True):
    """A hold as it is stored; the fields are columns, in this order."""

    id: UUID
    program_id: UUID
    member_id: UUID
    wallet_id: UUID
    points: int
    settled: int = 0
    restored: int = 0
    status: str = HoldStatus.HELD.value
    source: str
    placed_at: datetime
    expires_at: datetime
    closed_at: datetime | None = None
    kept_for: str = ""
    paid_source: str = ""
    paid_external_id: str = ""
    paid_lines: dict[str, int] = {}

    def is_overdue(self, at: datetime) -> bool:
        return self.status == HoldStatus.HELD and self.expires_at <= at


class Found(Struct, frozen=True, kw_only=True):
    """
    A hold with its member's account and its wallet.

    `held` are its points by lot, open or closed; `brought` are those that others of the household added.
    """

    hold: HoldState
    account: Account
    wallet: WalletState
    held: dict[UUID, int]
    brought: int


_FIELDS: Final = (
    "id", "program", "member", "wallet", "points", "settled", "restored", "status", "source",
    "placed_at", "expires_at", "closed_at", "kept_for", "paid_source", "paid_external_id", "paid_lines",
)  # fmt: skip
_CLOSING: Final = (
    "id", "settled", "status", "closed_at", "paid_source", "paid_external_id", "paid_lines",
)  # fmt: skip
_WIDTH: Final = len(HoldState.__struct_fields__) + 2
_COLUMNS: Final = f"""
    {", ".join(f"hold.{name}" for name in HoldState.__struct_fields__[:-1])}, hold.paid_lines::text,
    (SELECT json_object_agg(moved.lot_id, moved.points)
       FROM members_entry entry JOIN members_posting moved ON moved.entry_id = entry.id
      WHERE entry.program_id = hold.program_id AND entry.cause = 'hold:' || hold.id::text || ':hold'
        AND moved.destination = 'held')::text,
    (SELECT coalesce(sum(transfer.arrived), 0)::bigint
       FROM members_broughtpoints brought JOIN members_transfer transfer ON transfer.id = brought.transfer_id
      WHERE brought.hold_id = hold.id)"""
_FIND: Final = f"""
SELECT {_COLUMNS}, {store.open_lots_column("hold.wallet_id")}, {store.ACCOUNT_COLUMNS}
FROM members_hold hold JOIN members_member member ON member.id = hold.member_id
WHERE hold.program_id = $1 AND hold.id = $2"""
_OVERDUE: Final = f"""
SELECT {_COLUMNS} FROM members_hold hold
WHERE hold.program_id = $1 AND hold.member_id = ANY($2) AND hold.status = 'held' AND hold.expires_at <= $3
  AND hold.kept_for = ''
ORDER BY hold.expires_at, hold.id"""
_WHO: Final = """
SELECT DISTINCT member_id FROM (
    SELECT member_id FROM members_hold
    WHERE status = 'held' AND expires_at <= $2 AND program_id = $1 AND kept_for = ''
    ORDER BY expires_at LIMIT $3
) AS due"""


def find(hold_id: UUID, *, program: Program) -> Found | None:
    """A hold of the program with all that is needed to end it. One statement."""
    rows = fetch(_FIND, [program.pk, hold_id])
    if not rows:
        return None
    (lots, *columns) = rows[0][_WIDTH:]
    hold, held, brought = _read(rows[0][:_WIDTH])
    account = store.read_account(program.pk, columns)
    assert account is not None, "a hold has a member"
    (type_id,) = (wallet.type_id for wallet in account.wallets if wallet.id == hold.wallet_id)
    account = store.filled(account, type_id, lots, keeps_due=terms.of(program).keeps_due)
    (wallet,) = (wallet for wallet in account.wallets if wallet.id == hold.wallet_id)
    return Found(hold=hold, account=account, wallet=wallet, held=held, brought=brought)


def who_is_overdue(program: Program, *, at: datetime, limit: int) -> list[UUID]:
    """
    Members with holds whose time is over at that moment, those that wait longest first.

    What is kept for something else ends with that.
    """
    return [member_id for (member_id,) in fetch(_WHO, [program.pk, at, limit])]


def find_overdue(
    accounts: Iterable[Account], *, program: Program, at: datetime
) -> list[tuple[HoldState, dict[UUID, int], int]]:
    """All overdue holds of these members, each with its points by lot, and how many others added."""
    member_ids = [account.member_id for account in accounts]
    return [_read(row) for row in fetch(_OVERDUE, [program.pk, member_ids, at])]


def _read(columns: Sequence[Any]) -> tuple[HoldState, dict[UUID, int], int]:
    *plain, lines, held, brought = columns
    named = dict(zip(HoldState.__struct_fields__, plain, strict=False))
    hold = HoldState(**named, paid_lines=msgspec.json.decode(lines))
    return hold, msgspec.json.decode(held or "{}", type=dict[UUID, int]), brought


def add_new(batch: Batch, hold: HoldState) -> None:
    batch.insert(Hold, _FIELDS, [astuple(hold)])


def add_closed(batch: Batch, holds: Iterable[HoldState]) -> None:
    batch.update(Hold, _CLOSING, [tuple(getattr(hold, name) for name in _CLOSING) for hold in holds])
