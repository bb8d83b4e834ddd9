"""Undoing adjustments: given points are taken back, taken ones given back; once."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core import events, roles
from loyalty.core.db import Batch, fetch, settled
from loyalty.core.errors import DomainError, NotFound
from loyalty.core.models import Program, User
from members import references, terms
from members.adjustments.booking import NotAdjustable, batch_of, moves_of, upgrades
from members.adjustments.orders import MAY_ADJUST, MayNotAdjust
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change, TakeBack
from members.ledger.state import Account, WalletState
from members.ledger.telling import told
from members.models import Adjustment, MemberStatus
from members.terms import Terms
from members.tiers import TierMove

# Points of given lots that went for something else: a return, a debt, the undoing of another grant. Staff who
# take points by hand take back what was given.
_WENT_ELSEWHERE: Final = """
SELECT coalesce(sum(posting.points * CASE posting.destination WHEN 'reversed' THEN 1 ELSE -1 END), 0)::bigint
FROM members_posting posting JOIN members_entry entry ON entry.id = posting.entry_id
WHERE posting.lot_id = ANY($1)
AND (posting.destination = 'reversed' AND entry.kind <> 'adjust'
     OR posting.source = 'reversed' AND entry.cause NOT LIKE 'adjustment:%')"""
# Those of these lots whose own adjustment was undone: what is taken of them has been counted then.
_UNDONE: Final = """
SELECT posting.lot_id FROM members_posting posting JOIN members_entry entry ON entry.id = posting.entry_id
JOIN members_adjustment given
    ON given.id = CASE WHEN entry.cause LIKE 'adjustment:%' THEN split_part(entry.cause, ':', 2)::uuid END
WHERE posting.lot_id = ANY($1) AND posting.source = 'issued' AND given.undone_at IS NOT NULL"""


class AlreadyUndone(DomainError):
    """An adjustment is undone once."""

    code: ClassVar[str] = "already_undone"
    title = gettext_lazy("The adjustment was undone already")


class Undone(Struct, frozen=True, kw_only=True):
    """What an undo did; points that could not be taken back any more are written off, or owed."""

    balance: int
    written_off: int = 0
    owed: int = 0


class _Case(Struct, frozen=True, kw_only=True):
    """The adjustment to undo, the member as they are now, and the points that it moved, by lot."""

    adjustment: Adjustment
    account: Account
    wallet: WalletState
    terms: Terms
    given: dict[UUID, int]
    taken: dict[UUID, int]
    elsewhere: int
    """Of the given points: so many went for something else."""
    cause: Cause

    @property
    def wallet_type(self) -> str:
        return self.terms.of_type(self.wallet.type_id).key


def undo(adjustment_id: UUID, *, program: Program, by: User, at: datetime) -> Undone:
    """
    Take given points back, or give taken ones back with their old dates; once.

    Points that the member has spent meanwhile come from the other available ones; the rest is
    written off or owed, as the kind of points says. Taken points that would have expired meanwhile
    expire at once; those of a grant that was undone were taken back with it. Progress towards tiers moves
    back, if the adjustment moved it.

    :raises MayNotAdjust: if the role of that person in the program does not say so
    :raises NotFound: if the program has no such adjustment
    :raises members.references.MemberIsMerged: if the member was merged into another one
    :raises NotAdjustable: if the member was erased
    :raises AlreadyUndone: if somebody did it before
    """
    if not roles.may(by, MAY_ADJUST, program=program):
        raise MayNotAdjust

    def attempt(is_locking: bool) -> Undone:
        if is_locking:
            store.lock([_found(adjustment_id, program).member_id])
        return _write(_load(adjustment_id, program, by=by, at=at), by=by)

    return settled(attempt, races=("one_tier_per_member_and_ladder",))


def look_ahead(adjustment_id: UUID, *, program: Program, by: User, at: datetime) -> Undone:
    """
    What `undo()` would do now, and nothing of it done.

    :raises: what `undo()` raises
    """
    if not roles.may(by, MAY_ADJUST, program=program):
        raise MayNotAdjust
    case = _load(adjustment_id, program, by=by, at=at)
    return _outcome(case, *_decide(case))


def _found(adjustment_id: UUID, program: Program) -> Adjustment:
    adjustment = Adjustment.objects.filter(program=program, pk=adjustment_id).first()
    if adjustment is None:
        raise NotFound(_("There is no such adjustment in this program."))
    adjustment.program = program
    return adjustment


def _load(adjustment_id: UUID, program: Program, *, by: User, at: datetime) -> _Case:
    adjustment = _found(adjustment_id, program)
    known = terms.of(program)
    (account,) = store.load(program.pk, [("id", str(adjustment.member_id))])
    if account is None:
        raise references.unknown()
    if account.status == MemberStatus.MERGED:
        raise references.merged(account.member_id)
    if account.status == MemberStatus.ERASED:
        raise NotAdjustable(_("The member was erased: it stays as it is."))
    cause = f"adjustment:{adjustment.pk}:adjust"
    given = store.moved_by(cause, program_id=program.pk, destination="available")
    taken = store.moved_by(cause, program_id=program.pk, destination="reversed")
    (account,) = store.with_lots([account], {*given, *taken}, keeps_due=known.keeps_due)
    # Looked at after the wallets: whoever undoes it meanwhile moves them, and this is not written.
    if _found(adjustment_id, program).undone_at:
        raise AlreadyUndone
    ((elsewhere,),) = fetch(_WENT_ELSEWHERE, [list(given)])
    undone = {lot_id for (lot_id,) in fetch(_UNDONE, [list(taken)])} if not given else set()
    return _Case(
        adjustment=adjustment,
        account=account,
        wallet=next(wallet for wallet in account.wallets if wallet.id == adjustment.wallet_id),
        terms=known,
        given=given,
        taken={lot_id: points for lot_id, points in taken.items() if lot_id not in undone},
        elsewhere=elsewhere,
        cause=Cause(
            key=f"adjustment:{adjustment.pk}:undo",
            actor=by.actor,
            reason=_("Adjustment undone"),
            effective_at=at,
            recorded_at=at,
        ),
    )


def _write(case: _Case, *, by: User) -> Undone:
    adjustment, at = case.adjustment, case.cause.recorded_at
    changes, written_off, owed = _decide(case)
    moves = moves_of(
        case.account,
        case.terms,
        type_id=case.wallet.type_id,
        points=-adjustment.points if adjustment.counts_towards_tiers else 0,
        at=at,
    )
    batch = batch_of(adjustment.program, case.account, changes, moves, touched=case.wallet)
    entry_id = changes[0].entry.id if changes else None
    batch.update(
        Adjustment, ("id", "undone_by", "undone_at", "undo_entry"), [(adjustment.pk, by.pk, at, entry_id)]
    )
    _tell(batch, case, changes, moves)
    batch.write()
    return _outcome(case, changes, written_off, owed)


def _outcome(case: _Case, changes: Sequence[Change], written_off: int, owed: int) -> Undone:
    balance = changes[-1].wallet.available if changes else case.wallet.available
    return Undone(balance=balance, written_off=written_off, owed=owed)


def _decide(case: _Case) -> tuple[list[Change], int, int]:
    """The changes, and how many points are written off and owed."""
    return _take_back(case) if case.adjustment.points > 0 else (_give_back(case), 0, 0)


def _take_back(case: _Case) -> tuple[list[Change], int, int]:
    """What the points paid of a debt, or for something else, is owed again: the lot itself has given it."""
    reversal = operations.reverse(
        case.wallet,
        shares={lot_id: TakeBack(total=points, before=0) for lot_id, points in case.given.items()},
        cause=case.cause,
        policy=case.terms.of_type(case.wallet.type_id).return_policy,
        elsewhere=sum(case.taken.values()) + case.elsewhere,
    )
    return [reversal.change] if reversal.change else [], reversal.written_off, reversal.debt


def _give_back(case: _Case) -> list[Change]:
    """With the old dates; what has expired meanwhile goes again at once, and the statement says so."""
    if not case.taken:
        return []
    restored = operations.restore(case.wallet, back=case.taken, cause=case.cause, source="reversed")
    if case.wallet.keeps_due:
        return [restored]
    cause = replace(case.cause, key=f"{case.cause.key}:expire", reason="")
    expired = operations.expire(restored.wallet, cause=cause, lot_ids=case.taken)
    return [restored, expired] if expired else [restored]


def _tell(batch: Batch, case: _Case, changes: Sequence[Change], moves: Sequence[TierMove]) -> None:
    said = [
        told(change, wallet_type=case.wallet_type, adjustment_id=str(case.adjustment.pk))
        for change in changes
    ]
    # Taken points that counted lift the member again when they come back.
    events.add_to(batch, [*said, *(upgrades(moves, said[0]) if said else ())])
