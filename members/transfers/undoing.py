"""Transfers are undone once, as far as the recipient still has the points."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core import events
from loyalty.core.db import Batch
from loyalty.core.errors import DomainError
from members import terms
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change
from members.ledger.plan import Plan
from members.ledger.state import WalletState
from members.ledger.telling import told
from members.models import MemberStatus, Transfer
from members.references import merged
from members.transfers.writing import living_on


class TransferWasUndone(DomainError):
    """The transfer was undone before."""

    code: ClassVar[str] = "transfer_already_undone"
    title = gettext_lazy("The transfer was undone already")


class NothingIsLeft(DomainError):
    """Of the points that were passed on, the recipient has none any more."""

    code: ClassVar[str] = "nothing_left"
    title = gettext_lazy("Nothing is left of the transfer")


class Undone(Struct, frozen=True, kw_only=True):
    """What came of an undo: `returned` points and `fee` are the sender's again, `kept` are gone."""

    returned: int
    fee: int
    kept: int


def undo(transfer: Transfer, *, actor: str, at: datetime) -> Undone:
    """
    Give back what the recipient still has of a transfer, with the same part of the fee.

    The points go back into the lots that they came from. What has expired meanwhile does so at once.

    :raises TransferWasUndone: if it was undone before
    :raises NothingIsLeft: if the recipient has spent, lost or passed on all of them
    :raises members.references.MemberIsMerged: if the sender was merged into another member
    """
    with transaction.atomic():
        store.lock([transfer.sender_id, transfer.recipient_id])
        present = Transfer.objects.select_related("program", "wallet_type").get(pk=transfer.pk)
        if present.undone_at is not None:
            raise TransferWasUndone
        return _Undo(present, actor=actor, at=at).do()


class _Undo:
    def __init__(self, transfer: Transfer, *, actor: str, at: datetime) -> None:
        self.transfer = transfer
        self.actor = actor
        self.at = at
        self.key = transfer.wallet_type.key
        self.plan = Plan()
        self.events: list[events.NewEvent] = []

    def do(self) -> Undone:
        arrived = self._moved("in", "available")
        gone, kept = self._moved("out", "redeemed"), self._moved("out", "reversed")
        sender, recipient = self._wallets([*arrived, *gone, *kept])
        left = operations.move_out(recipient, lot_ids=arrived, kind="transfer_out", cause=self._cause("in"))
        if left is None:
            raise NothingIsLeft(_("The recipient has spent, lost or passed on all of these points."))
        returned = -left.entry.points
        fees = parts_of(kept, returned * sum(kept.values()) // self.transfer.arrived)
        self._apply(left)
        self._come_home(living_on(sender, recipient, at=self.at), left, fees)
        return self._write(returned, sum(fees.values()))

    def _moved(self, side: str, destination: str) -> dict[UUID, int]:
        cause = f"transfer:{self.transfer.pk}:{side}"
        return store.moved_by(cause, program_id=self.transfer.program_id, destination=destination)

    def _wallets(self, lot_ids: Collection[UUID]) -> tuple[WalletState, WalletState]:
        program = self.transfer.program
        ids = (self.transfer.sender_id, self.transfer.recipient_id)
        loaded = store.load(program.pk, [("id", str(member_id)) for member_id in ids])
        accounts = [account for account in loaded if account is not None]
        if accounts[0].status == MemberStatus.MERGED:
            raise merged(accounts[0].member_id)
        accounts = store.with_lots(accounts, lot_ids, keeps_due=terms.of(program).keeps_due)
        for account in accounts:
            self.plan.read(account)
        sender, recipient = (account.wallet_of(self.transfer.wallet_type_id) for account in accounts)
        assert sender is not None, "the points were in it"
        assert recipient is not None, "the points came into it"
        return sender, recipient

    def _cause(self, side: str) -> Cause:
        return Cause(
            key=f"transfer:{self.transfer.pk}:undo:{side}",
            actor=self.actor,
            reason="undone",
            effective_at=self.at,
            recorded_at=self.at,
        )

    def _apply(self, change: Change) -> None:
        self.plan.apply(change)
        self.events.append(told(change, wallet_type=self.key, transfer_id=str(self.transfer.pk), undone=True))

    def _come_home(self, wallet: WalletState, left: Change, fees: dict[UUID, int]) -> None:
        home = operations.come_home(
            wallet, left=left, fees=fees, kind="transfer_in", cause=self._cause("out")
        )
        self._apply(home)
        if wallet.keeps_due:
            return
        back = {posting.lot_id for posting in home.entry.postings}
        if expired := operations.expire(home.wallet, lot_ids=back, cause=self._cause("expire")):
            self._apply(expired)

    def _write(self, returned: int, fee: int) -> Undone:
        batch = Batch()
        store.add_to(batch, self.plan, program_id=self.transfer.program_id)
        batch.update(
            Transfer,
            ("id", "undone_at", "undone_by", "returned", "fee_returned"),
            [(self.transfer.pk, self.at, self.actor, returned, fee)],
        )
        events.add_to(batch, self.events)
        batch.write()
        return Undone(returned=returned, fee=fee, kept=self.transfer.arrived - returned)


def parts_of(lots: Mapping[UUID, int], points: int) -> dict[UUID, int]:
    """So many points out of those of these lots."""
    parts = {}
    for lot_id, most in lots.items():
        parts[lot_id] = min(most, points)
        points -= parts[lot_id]
    return parts
