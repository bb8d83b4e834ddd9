"""
Undoing a wrong expiry run: its points come back to where they were, with a new last day.

As a run itself, it goes chunk by chunk, wallet after wallet, and on from where it was broken off.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime
from typing import ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.db import Batch, fetch, planned_by_values
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import Program
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change
from members.ledger.plan import Plan
from members.ledger.state import Account, WalletState
from members.ledger.telling import told
from members.lifespan import midnight_after
from members.models import ExpiryRun, MemberStatus, RunStatus

WALLETS_AT_A_TIME: Final = 500

Withholding = Callable[[Collection[UUID]], Mapping[UUID, int]]
withholders: Final[list[Withholding]] = []
"""What apps above know of lots (given by id): how many of their expired points must not come back, by lot."""

_TAKEN = """
SELECT entry.wallet_id, entry.member_id, posting.lot_id, posting.points
FROM (SELECT id, wallet_id, member_id FROM members_entry
      WHERE program_id = $1 AND cause > $2 AND cause < $3 ORDER BY cause LIMIT $4) AS entry
JOIN members_posting AS posting ON posting.entry_id = entry.id
"""


class CannotBeUndone(DomainError):
    """The run is still going on, or was undone before."""

    code: ClassVar[str] = "expiry_run_not_done"
    title = gettext_lazy("The expiry run cannot be undone")


def begin(run_id: UUID, *, program: Program, last_day: date, actor: str, at: datetime) -> ExpiryRun:
    """
    Decide that a run's points come back; `proceed` gives them back.

    `last_day` is the new last day of what has its own date, and of wallets that have lapsed.

    :raises CannotBeUndone: if the run is not done, or was undone before
    :raises InvalidInput: if that day is over
    """
    zone = ZoneInfo(program.time_zone)
    if last_day <= at.astimezone(zone).date():
        raise InvalidInput(_("Give a day in the future, or the points would go again."), pointer="#/last_day")
    with transaction.atomic():
        run = ExpiryRun.objects.select_for_update().get(pk=run_id, program=program)
        if run.status != RunStatus.DONE:
            raise CannotBeUndone(
                _("This run was undone before.") if run.undone_at else _("This run is not finished yet.")
            )
        run.status, run.undone_at, run.undone_by = RunStatus.UNDOING, at, actor
        run.new_expires_at, run.position_id = midnight_after(last_day, zone), None
        run.save()
    return run


def proceed(run_id: UUID, *, at: datetime) -> Iterator[int]:
    """Go on with an undoing to its end, one commit a chunk; the points that each gave back."""
    while True:
        with transaction.atomic():
            points, is_going_on = _chunk(run_id, at)
        yield points
        if not is_going_on:
            return


def _chunk(run_id: UUID, at: datetime) -> tuple[int, bool]:
    run = (
        ExpiryRun.objects.select_for_update(of=["self"])
        .select_related("program", "wallet_type")
        .get(pk=run_id)
    )
    if run.status != RunStatus.UNDOING:
        return 0, False
    taken = _next(run)
    points = _give_back(run, taken, at) if taken else 0
    run.undone_points += points
    if taken:
        run.position_id = max(wallet_id for wallet_id, *_ in taken)
    else:
        run.status = RunStatus.UNDONE
    run.save()
    return points, bool(taken)


def _next(run: ExpiryRun) -> list[tuple[UUID, UUID, UUID, int]]:
    """Wallet, member, lot and points of the next entries; causes end with the wallet's id, and sort by it."""
    prefix = f"expiry:{run.pk}"
    since = f"{prefix}:{run.position_id or ''}"
    with planned_by_values():
        rows = fetch(_TAKEN, [run.program_id, since, f"{prefix};", WALLETS_AT_A_TIME])
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _give_back(run: ExpiryRun, taken: list[tuple[UUID, UUID, UUID, int]], at: datetime) -> int:
    member_ids = sorted({member_id for _, member_id, *_ in taken})
    store.lock(member_ids)
    found = store.load(run.program_id, [("id", str(member_id)) for member_id in member_ids])
    accounts = [account for account in found if account and _may_have_points(account)]
    accounts = store.with_lots(accounts, [lot_id for _, _, lot_id, _ in taken])
    back: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    for wallet_id, _member_id, lot_id, points in taken:
        back[wallet_id][lot_id] = points
    withheld = _withheld({lot_id for _, _, lot_id, _ in taken})
    changes = [
        change
        for account in accounts
        for wallet in account.wallets
        if wallet.id in back and (change := _restored(run, wallet, back[wallet.id], withheld, at))
    ]
    _write(run, accounts, changes)
    return sum(change.moved("expired", "available") for change in changes)


def _may_have_points(account: Account) -> bool:
    """Who is forgotten, or lives on as another member, gets nothing back."""
    return account.status not in (MemberStatus.ERASED, MemberStatus.MERGED)


def _withheld(lot_ids: Collection[UUID]) -> Counter[UUID]:
    """Points of goods that were returned after they had expired, for instance, stay where they are."""
    withheld: Counter[UUID] = Counter()
    for withholder in withholders:
        withheld.update(withholder(lot_ids))
    return withheld


def _restored(
    run: ExpiryRun, wallet: WalletState, back: Mapping[UUID, int], withheld: Counter[UUID], at: datetime
) -> Change | None:
    lots = {lot.id: lot for lot in wallet.lots if lot.id in back}
    still = {
        lot_id: points
        for lot_id, lot in lots.items()
        if (points := min(back[lot_id], lot.expired - withheld[lot_id])) > 0
    }
    if not still:
        return None
    assert run.new_expires_at is not None, "who undoes says until when"
    if any(lots[lot_id].lapses for lot_id in still) and not (
        wallet.lapses_at and wallet.lapses_at > run.new_expires_at
    ):
        wallet = replace(wallet, lapses_at=run.new_expires_at)
    cause = Cause(
        key=f"expiry-undo:{run.pk}:{wallet.id}",
        actor=run.undone_by,
        reason="expiry_undone",
        effective_at=at,
        recorded_at=at,
    )
    return operations.restore(
        wallet, back=still, cause=cause, source="expired", expires_at=run.new_expires_at
    )


def _write(run: ExpiryRun, accounts: list[Account], changes: list[Change]) -> None:
    plan = Plan(accounts)
    for change in changes:
        plan.apply(change)
    batch = Batch()
    store.add_to(batch, plan, program_id=run.program_id)
    key = run.wallet_type.key
    events.add_to(batch, [told(c, wallet_type=key, points=c.moved("expired", "available")) for c in changes])
    batch.write()
