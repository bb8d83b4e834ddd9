"""
Expiry runs: points of a kind whose time is over leave the members' wallets, in chunks that lock briefly.

Note [Expiry runs]
~~~~~~~~~~~~~~~~~~
A run is a row. Each chunk is one transaction that holds the row, takes the next lots that are due in
the order of their dates (or wallets that lapse, in the order of theirs), holds their wallets in id
order, books what is due then, and moves the run's position and sums. So a run may be killed at any
moment and goes on where it stopped, two workers on one run take turns, and memory stays flat. What
becomes due behind the position while a run goes on, such as a sale that arrives late, is the next
run's.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from msgspec import Struct

from loyalty.core.db import fetch, planned_by_values, violated
from loyalty.core.models import Program
from members.ledger import sweeping
from members.models import ExpiryRun, RunStatus, WalletType

LOTS_AT_A_TIME: Final = 1_000
ACTOR: Final = "system:expiry"

_DATED = """
SELECT lot.wallet_id, lot.expires_at
FROM members_lot AS lot JOIN members_wallet AS wallet ON wallet.id = lot.wallet_id AND wallet.type_id = $1
WHERE lot.available > 0 AND lot.expires_at <= $2
  AND ($3::timestamptz IS NULL OR (lot.expires_at, lot.wallet_id) > ($3, $4::uuid))
ORDER BY lot.expires_at, lot.wallet_id LIMIT $5
"""
_LAPSED = """
SELECT id, lapses_at FROM members_wallet
WHERE type_id = $1 AND lapses_at <= $2 AND available > 0
  AND ($3::timestamptz IS NULL OR (lapses_at, id) > ($3, $4::uuid))
ORDER BY lapses_at, id LIMIT $5
"""
_ANY_DUE = f"""
SELECT EXISTS (
    SELECT FROM members_lot AS lot JOIN members_wallet AS wallet ON wallet.id = lot.wallet_id
    JOIN members_wallettype AS type ON type.id = wallet.type_id
    WHERE lot.available > 0 AND lot.expires_at <= $1 AND wallet.type_id = $2 AND {sweeping.IS_DUE}
) OR EXISTS (
    SELECT FROM members_wallet AS wallet JOIN members_lot AS lot ON lot.wallet_id = wallet.id
    JOIN members_wallettype AS type ON type.id = wallet.type_id
    WHERE lot.available > 0 AND wallet.lapses_at <= $1 AND wallet.type_id = $2 AND {sweeping.IS_DUE}
)
"""


class Expired(Struct, frozen=True):
    """What one chunk of a run did."""

    members: int
    points: int


def run(program: Program, *, at: datetime) -> Iterator[Expired]:
    """
    Expire all points that are due at that moment, of each kind in a run of its own.

    Runs that were broken off are finished first. See Note [Expiry runs].
    """
    for unfinished in ExpiryRun.objects.filter(program=program, status=RunStatus.RUNNING).order_by("pk"):
        yield from proceed(unfinished.pk, at=at)
    for wallet_type in WalletType.objects.filter(program=program).order_by("pk"):
        if not wallet_type.expiry_is_on_hold and _any_due(wallet_type.pk, at):
            yield from proceed(start(wallet_type, through=at, actor=ACTOR, at=at).pk, at=at)


def _any_due(wallet_type_id: UUID, at: datetime) -> bool:
    with transaction.atomic(), planned_by_values():
        ((is_any,),) = fetch(_ANY_DUE, [at, wallet_type_id])
    return bool(is_any)


def start(wallet_type: WalletType, *, through: datetime, actor: str, at: datetime) -> ExpiryRun:
    """A new run of that kind of points; the one that is going on if there is one."""
    try:
        with transaction.atomic():
            return ExpiryRun.objects.create(
                program_id=wallet_type.program_id,
                wallet_type=wallet_type,
                through=through,
                actor=actor,
                started_at=at,
            )
    except IntegrityError as error:
        if violated(error) != "one_expiry_run_at_a_time":
            raise
    return ExpiryRun.objects.get(wallet_type=wallet_type, status=RunStatus.RUNNING)


def put_on_hold(wallet_type: WalletType, *, is_on_hold: bool) -> None:
    """
    Let nothing of a kind of points expire, or let it expire again.

    A run that is going on stops taking them; what is due stays usable meanwhile.
    """
    WalletType.objects.filter(pk=wallet_type.pk).update(expiry_is_on_hold=is_on_hold)


def proceed(run_id: UUID, *, at: datetime) -> Iterator[Expired]:
    """Go on with a run to its end, one commit a chunk."""
    is_running = True
    while is_running:
        with transaction.atomic():
            expired, is_running = _chunk(run_id, at)
        if expired.members:
            yield expired


def _chunk(run_id: UUID, at: datetime) -> tuple[Expired, bool]:
    """What the next chunk expired, and whether there may be more."""
    run = ExpiryRun.objects.select_for_update(of=["self"]).select_related("wallet_type").get(pk=run_id)
    if run.status != RunStatus.RUNNING:
        return Expired(0, 0), False
    found = _next(run)
    swept = _sweep(run, found, at) if found else sweeping.Swept(0, 0, 0)
    _move_on(run, found, swept, at)
    return Expired(swept.wallets, swept.points), run.status == RunStatus.RUNNING


def _next(run: ExpiryRun) -> list[tuple[UUID, datetime]]:
    """Wallets with their dates, from the run's position on: some lots further on, not all of them."""
    sql = _LAPSED if run.is_past_dates else _DATED
    parameters = [run.wallet_type_id, run.through, run.position_at, run.position_id, LOTS_AT_A_TIME]
    with planned_by_values():
        return [(wallet_id, moment) for wallet_id, moment in fetch(sql, parameters)]


def _sweep(run: ExpiryRun, found: list[tuple[UUID, datetime]], at: datetime) -> sweeping.Swept:
    wallet_ids = sorted({wallet_id for wallet_id, _ in found})
    sweeping.hold(wallet_ids)
    return sweeping.book(
        sweeping.EXPIRY,
        wallet_ids,
        at=run.through,
        cause=f"expiry:{run.pk}:",
        actor=run.actor,
        recorded_at=at,
    )


def _move_on(run: ExpiryRun, found: list[tuple[UUID, datetime]], swept: sweeping.Swept, at: datetime) -> None:
    run.members += swept.wallets
    run.lots += swept.lots
    run.points += swept.points
    run.value += swept.points * run.wallet_type.point_value
    if len(found) == LOTS_AT_A_TIME:
        run.position_id, run.position_at = found[-1]
    elif not run.is_past_dates:
        run.is_past_dates, run.position_id, run.position_at = True, None, None
    else:
        run.status, run.finished_at = RunStatus.DONE, at
    run.save()
