"""Expiry: points whose time is over leave the members' wallets, in chunks that lock briefly."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from msgspec import Struct

from loyalty.core import events
from loyalty.core.db import Batch, fetch
from loyalty.core.models import Program
from members import terms
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change
from members.ledger.plan import Plan
from members.ledger.state import Account

CHUNK: Final = 500
"""Members whose wallets are held at a time."""


class Expired(Struct, frozen=True):
    """What one chunk of a run did."""

    members: int
    points: int


def run(program: Program, *, at: datetime) -> Iterator[Expired]:
    """
    Expire all points that are due at that moment, a chunk of members at a time.

    Each chunk is one commit. A run that was broken off goes on where it stopped when it is run again.
    """
    while member_ids := _due(program, at):
        with transaction.atomic():
            expired = _expire(program, member_ids, at)
        assert expired.points, "lots are due, and nothing expires: verify the ledger"
        yield expired


def _due(program: Program, at: datetime) -> list[UUID]:
    rows = fetch(
        "SELECT DISTINCT member_id FROM (SELECT member_id FROM members_lot"
        " WHERE available > 0 AND expires_at <= $2 AND program_id = $1 ORDER BY expires_at LIMIT $3) AS due",
        [program.pk, at, CHUNK],
    )
    return [member_id for (member_id,) in rows]


def _expire(program: Program, member_ids: list[UUID], at: datetime) -> Expired:
    store.lock(member_ids)
    found = store.load(program.pk, [("id", str(member_id)) for member_id in member_ids])
    accounts = store.with_open_lots([account for account in found if account])
    plan = Plan(accounts)
    changes = [change for account in accounts for change in _expire_wallets(account, at)]
    for change in changes:
        plan.apply(change)
    batch = Batch()
    store.add_to(batch, plan, program_id=program.pk)
    events.add_to(batch, _events(program, changes, at))
    batch.write()
    return Expired(members=len(accounts), points=-sum(change.entry.points for change in changes))


def _expire_wallets(account: Account, at: datetime) -> Iterator[Change]:
    for wallet in account.wallets:
        cause = Cause(
            key=f"expiry:{wallet.id}:{wallet.entry_count + 1}",
            actor="system:expiry",
            effective_at=at,
            recorded_at=at,
        )
        if change := operations.expire(wallet, cause=cause):
            yield change


def _events(program: Program, changes: list[Change], at: datetime) -> list[events.NewEvent]:
    keys = {wallet_type.id: wallet_type.key for wallet_type in terms.of(program).wallet_types.values()}
    return [
        events.NewEvent(
            type="points.expired",
            program_id=program.pk,
            member_id=change.wallet.member_id,
            occurred_at=at,
            recorded_at=at,
            data={
                "entry_id": str(change.entry.id),
                "wallet_type": keys[change.wallet.type_id],
                "points": -change.entry.points,
                "balance": change.entry.available_after,
            },
        )
        for change in changes
    ]
