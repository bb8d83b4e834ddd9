"""
The journey of a merge: two records of one person become one. Preview, merge and undo.

Both members' wallets are held, in id order, before anything is read: see Note [The lock] in
`members.ledger.store`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from msgspec import Struct
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.db import Batch, settled
from loyalty.core.errors import EXAMPLE_ID, DomainError, Extra
from loyalty.core.models import Approval, Program
from members import details, households, terms
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change
from members.ledger.plan import Plan
from members.ledger.state import Account, TierStanding, WalletState
from members.ledger.telling import told
from members.models import (
    HouseholdMember,
    Identifier,
    LotSource,
    Member,
    MemberStatus,
    MemberTier,
    Merge,
    Wallet,
)
from members.terms import LadderTerms, Terms
from members.tiers import climbed, standing_on

RACES: Final = (
    "one_wallet_per_member_and_type",
    "one_tier_per_member_and_ladder",
    "a_duplicate_is_merged_once",
)


class CannotMerge(DomainError):
    """Something stands in the way of the merge; `obstacles` says what, one sentence each."""

    code: ClassVar[str] = "cannot_merge"
    title = gettext_lazy("The members cannot be merged")
    extras = {
        "obstacles": Extra(
            ["The members are in two programs."], gettext_lazy("What stands in the way, one sentence each")
        ),
    }


class CannotUnmerge(DomainError):
    """The merge cannot be undone, or was before."""

    code: ClassVar[str] = "cannot_undo_merge"
    title = gettext_lazy("The merge cannot be undone")
    extras = {
        "survivor_id": Extra(EXAMPLE_ID, gettext_lazy("Whom the survivor was merged into")),
    }


def obstacles(survivor: Account, duplicate: Account, *, at: datetime) -> list[str]:
    """What stands in the way of a merge at that moment, in sentences; empty if nothing does."""
    found = []
    if survivor.member_id == duplicate.member_id:
        return [_("Both are the same member.")]
    for account, name in ((survivor, _("the member who stays")), (duplicate, _("the duplicate"))):
        if account.status == MemberStatus.MERGED:
            found.append(_("{name} was merged into another member already.").format(name=name.capitalize()))
        elif account.status == MemberStatus.BLOCKED:
            found.append(_("{name} is blocked: unblock first.").format(name=name.capitalize()))
        elif account.status == MemberStatus.ERASED:
            found.append(_("{name} was erased.").format(name=name.capitalize()))
    held = sum(wallet.held for wallet in duplicate.wallets)
    if held:
        detail = _("{held} points of the duplicate are held for a checkout: settle or release them first.")
        found.append(detail.format(held=f"{held:,}"))
    # What was asked for would be refused afterwards, or booked where nobody looks for it.
    if waiting := Approval.objects.filter(subject_id=duplicate.member_id).waiting(at).count():
        detail = ngettext(
            "{waiting} request about the duplicate waits for a decision: decide it first.",
            "{waiting} requests about the duplicate wait for a decision: decide them first.",
            waiting,
        )
        found.append(detail.format(waiting=waiting))
    return found


def merge(*, survivor: Member, duplicate: Member, actor: str, at: datetime) -> Merge:
    """
    Let all that the duplicate has go to the survivor: points with their dates, debt, progress, identifiers.

    The duplicate stays as it is to read, with its sales and its statement; it neither earns nor spends
    any more. Its cards lead to the survivor.

    :raises CannotMerge: if one of them is blocked, erased or merged, the duplicate has open holds or
        requests that wait for a decision, or they are the same, or of two programs
    """
    if survivor.program_id != duplicate.program_id:
        raise _refused([_("The members are in two programs.")])

    def attempt(_is_locking: bool) -> Merge:
        with transaction.atomic():
            return _Merging(survivor, duplicate, actor=actor, at=at).do()

    return settled(attempt, races=RACES)


def _refused(sentences: list[str]) -> CannotMerge:
    return CannotMerge(" ".join(sentences), obstacles=sentences)


def loaded(program: Program, member_ids: Iterable[UUID]) -> list[Account]:
    """The members' accounts with their open lots."""
    found = store.load(program.pk, [("id", str(member_id)) for member_id in member_ids])
    accounts = [account for account in found if account is not None]
    return store.with_open_lots(accounts, keeps_due=terms.of(program).keeps_due)


class Moved(Struct, frozen=True, kw_only=True):
    """One kind of points of a merge: how both wallets change, and which debt goes along."""

    key: str
    out: Change | None
    into: Change | None
    debts: tuple[Change, ...]
    points: int
    debt: int


class Climb(Struct, frozen=True, kw_only=True):
    """The survivor's standing on a ladder before and after the duplicate's progress is added."""

    ladder: LadderTerms
    before: TierStanding
    after: TierStanding
    added: TierStanding


def moves(
    survivor: Account, duplicate: Account, *, known: Terms, name: str, actor: str, at: datetime
) -> list[Moved]:
    """What becomes of the points, decided and not written. `name` begins the causes: merge:<id>."""
    program_id = next((w.program_id for w in (*survivor.wallets, *duplicate.wallets)), None)
    moved = []
    for kind in known.wallet_types.values():
        wallet = duplicate.wallet_of(kind.id)
        if wallet is None or program_id is None:
            continue
        target = survivor.wallet_or_new(kind.id, program_id=program_id)
        step = _Step(name=name, actor=actor, at=at)
        if (one := step.move(wallet, target, key=kind.key)) is not None:
            moved.append(one)
    return moved


class _Step(Struct, frozen=True, kw_only=True):
    name: str
    actor: str
    at: datetime

    def cause(self, side: str, wallet: WalletState) -> Cause:
        return Cause(
            key=f"{self.name}:{side}:{wallet.id}",
            actor=self.actor,
            effective_at=self.at,
            recorded_at=self.at,
        )

    def move(self, wallet: WalletState, target: WalletState, *, key: str) -> Moved | None:
        out = operations.move_out(wallet, cause=self.cause("out", wallet))
        into = None
        if out is not None:
            into = operations.grant(
                alive(target, wallet, at=self.at),
                grants=operations.passed_on(out, source=LotSource.MERGE.value),
                cause=self.cause("in", target),
                kind="merge",
            )
        debts: tuple[Change, ...] = ()
        if wallet.debt:
            debts = (
                operations.move_debt(
                    out.wallet if out else wallet, debt=-wallet.debt, cause=self.cause("debt", wallet)
                ),
                operations.move_debt(
                    into.wallet if into else target, debt=wallet.debt, cause=self.cause("debt", target)
                ),
            )
        if out is None and not debts:
            return None
        return Moved(
            key=key,
            out=out,
            into=into,
            debts=debts,
            points=-out.entry.points if out else 0,
            debt=wallet.debt,
        )


def alive(wallet: WalletState, source: WalletState, *, at: datetime) -> WalletState:
    """A wallet whose points live as long as their member is active: the activity of both records counts."""
    moments = [moment for moment in (wallet.lapses_at, source.lapses_at) if moment is not None]
    return replace(wallet, lapses_at=max(moments)) if moments else wallet


def climbs(survivor: Account, duplicate: Account, *, known: Terms, at: datetime) -> list[Climb]:
    """What the duplicate's progress does to the survivor, on each ladder on which it has a place."""
    found = []
    for ladder in known.ladders:
        added = next((standing for standing in duplicate.tiers if standing.ladder_id == ladder.id), None)
        if added is None:
            continue
        before = standing_on(ladder, survivor, at=at)
        after = climbed(before, ladder, points=added.progress, at=at)
        found.append(Climb(ladder=ladder, before=before, after=after, added=added))
    return found


class _Merging:
    """One merge, under the locks of both."""

    def __init__(self, survivor: Member, duplicate: Member, *, actor: str, at: datetime) -> None:
        self.survivor = survivor
        self.duplicate = duplicate
        self.program = survivor.program
        self.actor = actor
        self.at = at
        self.events: list[events.NewEvent] = []

    def do(self) -> Merge:
        ids = (self.survivor.pk, self.duplicate.pk)
        details.hold_all(ids)
        if ids[0] == ids[1]:
            raise _refused([_("Both are the same member.")])
        self._close_wallets()
        survivor, duplicate = loaded(self.program, ids)
        if sentences := obstacles(survivor, duplicate, at=self.at):
            raise _refused(sentences)
        known = terms.of(self.program)
        identifiers = list(Identifier.objects.filter(member=self.duplicate).order_by("kind", "value"))
        merged = Merge(
            program=self.program,
            survivor=self.survivor,
            duplicate=self.duplicate,
            duplicate_status=duplicate.status,
            actor=self.actor,
            merged_at=self.at,
        )
        moved = moves(
            survivor, duplicate, known=known, name=f"merge:{merged.pk}", actor=self.actor, at=self.at
        )
        steps = climbs(survivor, duplicate, known=known, at=self.at)
        merged.moved = {
            "identifiers": [str(one.pk) for one in identifiers],
            "wallets": {one.key: {"points": one.points, "debt": one.debt} for one in moved},
            "tiers": [_kept(one) for one in steps],
            "household": HouseholdMember.objects.filter(member=self.duplicate).exists(),
        }
        self._write(merged, moved, steps, Plan([survivor, duplicate]))
        return merged

    def _close_wallets(self) -> None:
        """Give the duplicate the wallets that it lacks: a first sale that is under way finds them taken."""
        kinds = terms.of(self.program).wallet_types.values()
        Wallet.objects.bulk_create(
            [Wallet(program=self.program, member=self.duplicate, type_id=kind.id) for kind in kinds],
            ignore_conflicts=True,
        )

    def _write(self, merged: Merge, moved: list[Moved], steps: list[Climb], plan: Plan) -> None:
        for one in moved:
            for change in (one.out, one.into, *one.debts):
                if change is not None:
                    plan.apply(change)
                    self.events.append(told(change, wallet_type=one.key, merge_id=str(merged.pk)))
        for step in steps:
            plan.move_tier(step.after, member_id=self.survivor.pk)
            plan.leave_tier(step.added, member_id=self.duplicate.pk, at=self.at)
            if step.after.tier_id != step.before.tier_id:
                self.events.append(self._event(self.survivor.pk, "tier.upgraded", **_rungs(step)))
        about = {"merge_id": str(merged.pk), "survivor_id": str(self.survivor.pk), "actor": self.actor}
        self.events.append(
            self._event(self.duplicate.pk, "member.merged", duplicate_id=str(self.duplicate.pk), **about)
        )
        # Who has read either of them, a till about to book a sale, must see the merge even if no points move.
        plan.touch_all()
        batch = Batch()
        store.add_to(batch, plan, program_id=self.program.pk)
        events.add_to(batch, self.events)
        batch.write()
        merged.save(force_insert=True)
        self._hand_over()

    def _hand_over(self) -> None:
        """What is no points: how the duplicate was known, its place on ladders and in a household."""
        Identifier.objects.filter(member=self.duplicate).update(member=self.survivor)
        MemberTier.objects.filter(member=self.duplicate).delete()
        households.hand_over(self.duplicate, to=self.survivor, actor=self.actor, at=self.at)
        Member.objects.filter(pk=self.duplicate.pk).update(
            status=MemberStatus.MERGED, merged_into=self.survivor
        )

    def _event(self, member_id: UUID, event_type: str, **data: Any) -> events.NewEvent:
        return events.NewEvent(
            type=event_type,
            program_id=self.program.pk,
            member_id=member_id,
            occurred_at=self.at,
            recorded_at=self.at,
            data=data,
        )


def _rungs(step: Climb) -> dict[str, Any]:
    return {
        "ladder": step.ladder.key,
        "previous": step.ladder.rung(step.before.tier_id).key,
        "tier": step.ladder.rung(step.after.tier_id).key,
        "progress": step.after.progress,
    }


def _kept(step: Climb) -> dict[str, Any]:
    """What an undo needs to know of a ladder."""
    return {
        "ladder": str(step.ladder.id),
        "added": step.added.progress,
        "tier": str(step.added.tier_id),
        "since": step.added.since.isoformat(),
        "survivor_tier": str(step.before.tier_id),
        "survivor_since": step.before.since.isoformat(),
        "upgraded_to": str(step.after.tier_id) if step.after.tier_id != step.before.tier_id else None,
    }
