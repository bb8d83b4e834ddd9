"""The journey of an undone merge: what is left of what had moved goes back to where it came from."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.db import Batch
from members import details, terms
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change
from members.ledger.plan import Plan
from members.ledger.state import Account, TierStanding, WalletState
from members.ledger.telling import told
from members.merging import CannotUnmerge, alive
from members.models import Identifier, MemberStatus, MemberTier, Merge
from members.terms import LadderTerms, Terms, WalletTerms


def undo(merge: Merge, *, actor: str, at: datetime) -> Merge:
    """
    Part two members who were merged by mistake; once. `left_behind` then says what did not go back.

    Points that are left of the moved lots go back into the lots that they came from, and so do a debt
    that is not paid yet, identifiers that the survivor still has, and the progress on ladders.

    :raises CannotUnmerge: if it was undone before, or one of the two was merged or erased since
    """
    with transaction.atomic():
        details.hold_all([merge.survivor_id, merge.duplicate_id])
        present = Merge.objects.select_related("program", "survivor", "duplicate").get(pk=merge.pk)
        _check(present)
        return _Undo(present, actor=actor, at=at).do()


def _check(merge: Merge) -> None:
    if merge.undone_at is not None:
        raise CannotUnmerge(_("The merge was undone already."))
    if merge.survivor.status == MemberStatus.MERGED:
        detail = _("{member} was merged into another member since: undo that first.")
        raise CannotUnmerge(
            detail.format(member=merge.survivor), survivor_id=str(merge.survivor.merged_into_id)
        )
    if MemberStatus.ERASED in (merge.survivor.status, merge.duplicate.status):
        raise CannotUnmerge(_("One of the two members was erased since."))


class _Undo:
    """One undo, under the locks of both."""

    def __init__(self, merge: Merge, *, actor: str, at: datetime) -> None:
        self.merge = merge
        self.program = merge.program
        self.known: Terms = terms.of(self.program)
        self.actor = actor
        self.at = at
        self.plan = Plan()
        self.events: list[events.NewEvent] = []
        self.left_behind: list[str] = []

    def do(self) -> Merge:
        origins = {kind.id: self._lots(kind) for kind in self.known.wallet_types.values()}
        survivor, duplicate = self._accounts(origins.values())
        for kind in self.known.wallet_types.values():
            self._give_back(kind, survivor, duplicate, origins[kind.id])
        standings = self._step_down(survivor)
        self._write()
        MemberTier.objects.bulk_create(standings)
        self._return_identifiers()
        if self.merge.moved["household"]:
            sentence = _("{member} is in no household again until somebody adds them.")
            self.left_behind.append(sentence.format(member=self.merge.duplicate))
        self._part()
        return self.merge

    def _lots(self, kind: WalletTerms) -> dict[UUID, UUID]:
        """The lots that came with the merge, with those that they came from."""
        moved = self.merge.moved["wallets"].get(kind.key)
        if moved is None:
            return {}
        beginning = f"merge:{self.merge.pk}:in:"
        return store.origins_of(beginning, member_id=self.merge.survivor_id, type_id=kind.id)

    def _accounts(self, origins: Iterable[dict[UUID, UUID]]) -> tuple[Account, Account]:
        lot_ids = {lot_id for pairs in origins for pair in pairs.items() for lot_id in pair}
        ids = (self.merge.survivor_id, self.merge.duplicate_id)
        loaded = store.load(self.program.pk, [("id", str(member_id)) for member_id in ids])
        accounts = [account for account in loaded if account is not None]
        survivor, duplicate = store.with_lots(accounts, lot_ids, keeps_due=self.known.keeps_due)
        self.plan.read(survivor)
        self.plan.read(duplicate)
        return survivor, duplicate

    def _give_back(
        self, kind: WalletTerms, survivor: Account, duplicate: Account, origins: dict[UUID, UUID]
    ) -> None:
        moved = self.merge.moved["wallets"].get(kind.key)
        source, target = survivor.wallet_of(kind.id), duplicate.wallet_of(kind.id)
        if moved is None or target is None:
            return
        if source is not None and origins:
            left = operations.move_out(source, lot_ids=origins, cause=self._cause("out", source))
            if left is not None:
                self._apply(left, kind)
                source, target = left.wallet, self._come_home(target, source, left, kind)
            self._say_points(kind, moved["points"], -left.entry.points if left else 0)
        self._give_back_debt(kind, moved["debt"], source, target)

    def _come_home(
        self, target: WalletState, source: WalletState, left: Change, kind: WalletTerms
    ) -> WalletState:
        home = operations.come_home(
            alive(target, source, at=self.at), left=left, cause=self._cause("in", target)
        )
        self._apply(home, kind)
        back = {posting.lot_id for posting in home.entry.postings}
        if target.keeps_due:
            return home.wallet
        expired = operations.expire(home.wallet, lot_ids=back, cause=self._cause("expire", target))
        if expired is None:
            return home.wallet
        self._apply(expired, kind)
        return expired.wallet

    def _give_back_debt(
        self, kind: WalletTerms, debt: int, source: WalletState | None, target: WalletState
    ) -> None:
        open_debt = min(debt, source.debt if source else 0)
        if open_debt and source is not None:
            gone = operations.move_debt(source, debt=-open_debt, cause=self._cause("debt", source))
            self._apply(gone, kind)
            self._apply(operations.move_debt(target, debt=open_debt, cause=self._cause("debt", target)), kind)
        if paid := debt - open_debt:
            sentence = _("A debt of {points} {kind} was paid by {member} and stays paid.")
            self.left_behind.append(
                sentence.format(points=f"{paid:,}", kind=kind.name, member=self.merge.survivor)
            )

    def _say_points(self, kind: WalletTerms, moved: int, returned: int) -> None:
        if gone := moved - returned:
            sentence = _("{gone} of {moved} {kind} were spent, expired or passed on meanwhile.")
            self.left_behind.append(sentence.format(gone=f"{gone:,}", moved=f"{moved:,}", kind=kind.name))

    def _cause(self, side: str, wallet: WalletState) -> Cause:
        return Cause(
            key=f"merge:{self.merge.pk}:undo:{side}:{wallet.id}",
            actor=self.actor,
            reason="undone",
            effective_at=self.at,
            recorded_at=self.at,
        )

    def _apply(self, change: Change, kind: WalletTerms) -> None:
        self.plan.apply(change)
        self.events.append(told(change, wallet_type=kind.key, merge_id=str(self.merge.pk), undone=True))

    def _step_down(self, survivor: Account) -> list[MemberTier]:
        """Take the added progress off the survivor; the places that the duplicate gets back."""
        places = []
        ladders = {str(ladder.id): ladder for ladder in self.known.ladders}
        for kept in self.merge.moved["tiers"]:
            ladder = ladders.get(kept["ladder"])
            if ladder is None or UUID(kept["tier"]) not in ladder.by_id:
                self.left_behind.append(_("The progress on a ladder that has changed since stays."))
                continue
            present = next((one for one in survivor.tiers if one.ladder_id == ladder.id), None)
            if present is not None:
                after = stepped_down(present, kept, ladder)
                self.plan.move_tier(after, member_id=survivor.member_id)
                self._tell_tier(present, after, ladder)
            places.append(self._place(kept, ladder))
        return places

    def _tell_tier(self, before: TierStanding, after: TierStanding, ladder: LadderTerms) -> None:
        if after.tier_id != before.tier_id:
            self.events.append(
                self._event(
                    self.merge.survivor_id,
                    "tier.downgraded",
                    ladder=ladder.key,
                    previous=ladder.rung(before.tier_id).key,
                    tier=ladder.rung(after.tier_id).key,
                    progress=after.progress,
                )
            )

    def _place(self, kept: dict[str, Any], ladder: LadderTerms) -> MemberTier:
        return MemberTier(
            program=self.program,
            member=self.merge.duplicate,
            ladder_id=ladder.id,
            tier_id=UUID(kept["tier"]),
            progress=kept["added"],
            since=datetime.fromisoformat(kept["since"]),
        )

    def _event(self, member_id: UUID, event_type: str, **data: Any) -> events.NewEvent:
        return events.NewEvent(
            type=event_type,
            program_id=self.program.pk,
            member_id=member_id,
            occurred_at=self.at,
            recorded_at=self.at,
            data={"merge_id": str(self.merge.pk), **data},
        )

    def _write(self) -> None:
        about = {"survivor_id": str(self.merge.survivor_id), "duplicate_id": str(self.merge.duplicate_id)}
        self.events.append(self._event(self.merge.duplicate_id, "member.unmerged", actor=self.actor, **about))
        self.plan.touch_all()
        batch = Batch()
        store.add_to(batch, self.plan, program_id=self.program.pk)
        events.add_to(batch, self.events)
        batch.write()

    def _return_identifiers(self) -> None:
        moved = self.merge.moved["identifiers"]
        returned = Identifier.objects.filter(pk__in=moved, member=self.merge.survivor).update(
            member=self.merge.duplicate
        )
        if gone := len(moved) - returned:
            sentence = ngettext(
                "{gone} identifier is no longer the survivor’s.",
                "{gone} identifiers are no longer the survivor’s.",
                gone,
            )
            self.left_behind.append(sentence.format(gone=gone))

    def _part(self) -> None:
        """The duplicate is a member again, and so whoever had been merged into it leads there."""
        duplicate = self.merge.duplicate
        duplicate.status, duplicate.merged_into = self.merge.duplicate_status, None
        duplicate.save(update_fields=["status", "merged_into"])
        self.merge.undone_at, self.merge.undone_by = self.at, self.actor
        self.merge.left_behind = self.left_behind
        self.merge.save(update_fields=["undone_at", "undone_by", "left_behind"])


def stepped_down(present: TierStanding, kept: dict[str, Any], ladder: LadderTerms) -> TierStanding:
    """
    The survivor's standing without what the merge added.

    A rung that was reached by the merge is left again, unless it is reached without it by now.
    """
    progress = max(present.progress - kept["added"], 0)
    before = UUID(kept["survivor_tier"])
    if str(present.tier_id) != kept["upgraded_to"] or before not in ladder.by_id:
        return replace(present, progress=progress)
    reached = ladder.reached(progress)
    if reached.threshold >= ladder.rung(present.tier_id).threshold:
        return replace(present, progress=progress)
    if reached.threshold > ladder.rung(before).threshold:
        return replace(present, progress=progress, tier_id=reached.id)
    since = datetime.fromisoformat(kept["survivor_since"])
    return replace(present, progress=progress, tier_id=before, since=since)
