"""A sale with all that was recorded of its returns, read in one statement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.db import fetch
from loyalty.core.models import Program
from members.ledger import store
from members.ledger.state import Account, LotState
from members.models import MemberStatus
from rewards.deciding.activities import Line, Return
from rewards.deciding.recorded import Recorded, read_recorded
from rewards.engine.facts import Facts
from rewards.journeys.returns.goods import Back, Sold, sold
from rewards.models import Activity, WaitingStatus
from rewards.telling import explaining


class Payment(Struct, frozen=True, kw_only=True):
    """
    Points of a settled hold that paid for the sale, and how many of them were given back already.

    They were `member_id`'s, who need not be the member of the sale. `lots` are the lots that they were
    taken from, the newest first: that is the order in which they go back.
    """

    hold_id: UUID
    member_id: UUID
    wallet_id: UUID
    settled: int
    restored: int
    by_line: Mapping[str, int]
    lots: tuple[tuple[UUID, int], ...]


class SoldThen(Struct, frozen=True, kw_only=True, dict=True):
    """The sale that a return is about, and what its returns have done so far."""

    id: UUID
    external_id: str
    source: str
    member_id: UUID
    amount: Decimal
    occurred_at: datetime
    store: str
    lines: list[dict[str, Any]]
    attributes: dict[str, Any]
    facts: dict[str, Any]
    awards: list[dict[str, Any]]
    returns: list[dict[str, Any]]
    reversed: Mapping[UUID, int]
    """By lot, pending points that were taken back for whatever reason."""
    payments: tuple[Payment, ...]

    @cached_property
    def goods(self) -> Sold:
        return sold(amount=self.amount, lines=msgspec.convert(self.lines, tuple[Line, ...]))

    @cached_property
    def back(self) -> Back:
        """What has come back so far."""
        return sum((Back.from_json(facts["back"]) for facts in self.returns), Back())

    @cached_property
    def owed(self) -> Mapping[UUID, int]:
        """By lot, what the returns so far were to take back."""
        return self._sum_of("owed")

    @cached_property
    def charged(self) -> Mapping[UUID, int]:
        """By lot, what the returns so far took for it, from it or from other points, or found missing."""
        return self._sum_of("charged")

    @cached_property
    def _own_pending(self) -> Mapping[UUID, int]:
        """By lot, pending points that the returns so far took from it."""
        return self._sum_of("pending")

    def written_off(self, wallet_type: str) -> int:
        """Points of a kind that the returns so far gave up."""
        return sum(int(facts.get("written_off", {}).get(wallet_type, 0)) for facts in self.returns)

    def _sum_of(self, name: str) -> Mapping[UUID, int]:
        total: Counter[UUID] = Counter()
        for facts in self.returns:
            total.update({UUID(lot_id): points for lot_id, points in facts.get(name, {}).items()})
        return total

    def gone(self, lot: LotState) -> int:
        """Points of a lot that nobody ever had a use of: expired, or cancelled while they were pending."""
        cancelled = self.reversed.get(lot.id, 0) - self._own_pending.get(lot.id, 0)
        return lot.expired + max(cancelled, 0)

    def seen(self, program: Program) -> Facts:
        """What the engine saw when the sale was booked."""
        names = ("id", "external_id", "source", "member_id", "amount", "occurred_at", "store", "lines")
        known = {name: getattr(self, name) for name in (*names, "attributes", "facts")}
        return explaining.facts_of(Activity(kind="sale", **known), program)


class Waiting(Struct, frozen=True):
    """A return that was reported before its sale; the fields are columns, in this order."""

    id: UUID
    fingerprint: bytes
    status: str
    reason: str
    recorded_at: datetime

    @property
    def is_open(self) -> bool:
        return self.status == WaitingStatus.WAITING


class Found(Struct, frozen=True, kw_only=True):
    """
    What is known about a return: its first result, or the sale with the account of its member.

    `holder` is who has the member's points now: the same account, unless the member was merged
    into another. `between` are members on the way there, if there are any. `payers` are others whose
    points paid, with those who have theirs now if they were merged, which `heirs` says of everyone.
    """

    fingerprint: bytes | None = None
    recorded: Recorded | None = None
    waiting: Waiting | None = None
    sale: SoldThen | None = None
    account: Account | None = None
    holder: Account | None = None
    between: tuple[Account, ...] = ()
    payers: tuple[Account, ...] = ()
    heirs: Mapping[UUID, UUID] = {}

    @property
    def accounts(self) -> list[Account]:
        """Everyone whose wallets matter, each once."""
        chain = [self.account, *self.between, self.holder, *self.payers]
        return list({account.member_id: account for account in chain if account}.values())

    def seen_with(self, accounts: Sequence[Account]) -> Found:
        """The same with these accounts, which have their lots."""
        by_id = {account.member_id: account for account in accounts}
        return replace(
            self,
            account=by_id[self.account.member_id] if self.account else None,
            holder=by_id[self.holder.member_id] if self.holder else None,
            between=tuple(by_id[account.member_id] for account in self.between),
            payers=tuple(by_id[account.member_id] for account in self.payers),
        )


_PAYMENTS: Final = """
SELECT json_agg(json_build_array(
           hold.id, hold.member_id, hold.wallet_id, hold.settled, hold.restored, hold.paid_lines,
           (SELECT json_agg(json_build_array(posting.lot_id, posting.points) ORDER BY posting.lot_id DESC)
              FROM members_entry entry JOIN members_posting posting ON posting.entry_id = entry.id
             WHERE entry.program_id = hold.program_id AND entry.cause = 'hold:' || hold.id || ':settle'
               AND posting.destination = 'redeemed')
       ) ORDER BY hold.id)
FROM members_hold hold
WHERE hold.program_id = $1 AND hold.paid_source = sale.source AND hold.paid_external_id = sale.external_id
  AND hold.paid_external_id <> '' AND hold.status = 'settled'
"""
_REVERSED: Final = """
SELECT json_object_agg(moved.lot_id, moved.points)
FROM (SELECT posting.lot_id, sum(posting.points) AS points
      FROM members_lot lot JOIN members_posting posting ON posting.lot_id = lot.id
      WHERE lot.activity_id = sale.id AND posting.source = 'pending' AND posting.destination = 'reversed'
      GROUP BY posting.lot_id) AS moved
"""
_DONE: Final = (
    "done.id, done.kind, done.external_id, done.member_id, done.occurred_at, done.recorded_at, done.points,"
    " done.awards::text, done.outcome::text, done.fingerprint"
)
_FIND: Final = f"""
SELECT {_DONE}, {", ".join(f"waiting.{name}" for name in Waiting.__struct_fields__)},
       sale.id, sale.external_id, sale.source, sale.member_id, sale.amount, sale.occurred_at, sale.store,
       sale.lines::text, sale.attributes::text, sale.facts::text, sale.awards::text,
       (SELECT json_agg(other.facts) FROM rewards_activity other WHERE other.original_id = sale.id)::text,
       ({_REVERSED})::text, ({_PAYMENTS})::text,
       {store.ACCOUNT_COLUMNS}
FROM (VALUES ($3::text, $4::text)) AS asked(sale_external_id, external_id)
LEFT JOIN rewards_activity sale ON sale.program_id = $1 AND sale.source = $5
     AND sale.external_id = asked.sale_external_id AND sale.kind = 'sale'
LEFT JOIN members_member member ON member.id = sale.member_id
LEFT JOIN rewards_activity done ON done.program_id = $1 AND done.source = $2
     AND done.external_id = asked.external_id AND done.kind = 'return'
LEFT JOIN rewards_waitingreturn waiting ON waiting.program_id = $1 AND waiting.source = $2
     AND waiting.external_id = asked.external_id"""
_JSON: Final = ("lines", "attributes", "facts", "awards")
_SALE: Final = (
    "id", "external_id", "source", "member_id", "amount", "occurred_at", "store",
    "lines", "attributes", "facts", "awards",
)  # fmt: skip


def find(returned: Return, *, program: Program, source: str, sold_by: str = "") -> Found:
    """
    The return, if it was booked or waits, else the sale that it is about, if that was reported.

    `sold_by` is the partner that reported the sale, if that is another one than `source`.
    """
    asked = [program.pk, source, returned.sale_external_id, returned.external_id, sold_by or source]
    (row,) = fetch(_FIND, asked)
    done, waits, sale, account = row[:10], row[10:15], row[15:29], row[29:]
    waiting = Waiting(*waits) if waits[0] else None
    if done[0] is not None:
        return Found(recorded=read_recorded(done[:9]), fingerprint=done[9], waiting=waiting)
    if sale[0] is None:
        return Found(waiting=waiting)
    seller = store.read_account(program.pk, account)
    assert seller is not None, "a sale has a member"
    between, holder = _heirs(seller, program)
    sold_then = _sale(sale)
    payers, heirs = _payers(sold_then, seller, program)
    return Found(
        waiting=waiting,
        sale=sold_then,
        account=seller,
        between=between,
        holder=holder,
        payers=payers,
        heirs={seller.member_id: holder.member_id, **heirs},
    )


_IN_PLACE: Final = """
WITH RECURSIVE place AS (
    SELECT id, external_id, kind, 1 AS step FROM rewards_activity
    WHERE program_id = $1 AND source = $2 AND external_id = $3 AND kind = 'undone'
    UNION ALL
    SELECT next.id, next.external_id, next.kind, step + 1 FROM place
    JOIN rewards_undoing undoing ON undoing.sale_id = place.id
    JOIN rewards_activity next ON next.id = undoing.replacement_id
)
SELECT external_id, kind = 'undone' FROM place ORDER BY step DESC LIMIT 1"""


def in_place_of(sale_external_id: str, *, program: Program, source: str) -> tuple[str, bool] | None:
    """
    The number of the sale that stands in the place of one that was undone.

    With it, whether that was cancelled: then nothing does. None if no such sale was undone.
    """
    rows = fetch(_IN_PLACE, [program.pk, source, sale_external_id])
    return (rows[0][0], rows[0][1]) if rows else None


def _sale(columns: Sequence[Any]) -> SoldThen:
    *plain, returns, reversed_points, payments = columns
    known = dict(zip(_SALE, plain, strict=True))
    known |= {name: orjson.loads(known[name]) for name in _JSON}
    return SoldThen(
        **known,
        returns=orjson.loads(returns or "[]"),
        reversed={UUID(lot): points for lot, points in orjson.loads(reversed_points or "{}").items()},
        payments=tuple(_payment(row) for row in orjson.loads(payments or "[]")),
    )


def _payment(row: list[Any]) -> Payment:
    hold_id, member_id, wallet_id, settled, restored, by_line, lots = row
    return Payment(
        hold_id=UUID(hold_id),
        member_id=UUID(member_id),
        wallet_id=UUID(wallet_id),
        settled=settled,
        restored=restored,
        by_line=by_line,
        lots=tuple((UUID(lot_id), points) for lot_id, points in lots or ()),
    )


_HEIRS: Final = """
WITH RECURSIVE heir AS (
    SELECT id, merged_into_id, 1 AS step FROM members_member WHERE program_id = $1 AND id = $2
    UNION ALL
    SELECT next.id, next.merged_into_id, step + 1 FROM heir
    JOIN members_member AS next ON next.program_id = $1 AND next.id = heir.merged_into_id
    WHERE step < 100
)
SELECT id FROM heir WHERE step > 1 ORDER BY step"""


def _heirs(account: Account, program: Program) -> tuple[tuple[Account, ...], Account]:
    """Whom the member was merged into: those in between, and who has the points now."""
    if account.status != MemberStatus.MERGED:
        return (), account
    ids = fetch(_HEIRS, [program.pk, account.member_id])
    heirs = [found for found in store.load(program.pk, [("id", str(heir)) for (heir,) in ids]) if found]
    return tuple(heirs[:-1]), heirs[-1]


def _payers(
    sale: SoldThen, seller: Account, program: Program
) -> tuple[tuple[Account, ...], dict[UUID, UUID]]:
    """Other members whose points paid for the sale and whoever has theirs now; who that is for each."""
    ids = sorted({payment.member_id for payment in sale.payments} - {seller.member_id})
    found: list[Account] = []
    heirs: dict[UUID, UUID] = {}
    for account in store.load(program.pk, [("id", str(member_id)) for member_id in ids]) if ids else ():
        assert account is not None, "a hold has a member"
        between, holder = _heirs(account, program)
        found += [account, *between, holder]
        heirs[account.member_id] = holder.member_id
    return tuple(found), heirs
