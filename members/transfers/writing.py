"""What a transfer writes: an entry with its event on both sides, and a row that links them."""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from loyalty.core import events
from loyalty.core.clock import Moment
from loyalty.core.db import Batch
from loyalty.core.models import Program
from members.ledger import operations, store
from members.ledger.chain import Cause
from members.ledger.operations import Change
from members.ledger.plan import Plan
from members.ledger.state import WalletState
from members.ledger.telling import told
from members.models import LotSource, Transfer
from members.terms import WalletTerms


class Transferred(Struct, frozen=True, kw_only=True):
    """What a partner is told about a transfer. `points` left the sender, `arrived` is what came of them."""

    id: UUID
    sender_id: UUID
    recipient_id: UUID
    wallet_type: str
    points: int
    fee: int
    arrived: int
    balance: int
    sent_at: Moment


Also = Callable[[Batch, Transferred], None]
"""Adds rows that must be written in the same statement, such as the stored answer of the call."""


class Move(Struct, frozen=True, kw_only=True):
    """One transfer that was allowed, not made yet; both wallets with their open lots."""

    id: UUID
    sender: WalletState
    recipient: WalletState
    points: int
    fee: int
    household_id: UUID | None


class Writing:
    """What transfers add to a plan: on both sides an entry with its event, and a row that links them."""

    def __init__(self, *, program: Program, kind: WalletTerms, source: str, actor: str, at: datetime) -> None:
        self.program = program
        self.kind = kind
        self.source = source
        self.actor = actor
        self.at = at
        self.rows: list[tuple[object, ...]] = []
        self.events: list[events.NewEvent] = []

    def add(self, move: Move, plan: Plan) -> Transferred:
        """:raises members.ledger.operations.InsufficientPoints: if the sender has too few"""
        out = operations.transfer_out(
            move.sender, points=move.points, fee=move.fee, cause=self._cause(move.id, "out")
        )
        recipient = self._ready(move, plan)
        into = operations.grant(
            living_on(recipient, move.sender, at=self.at),
            grants=operations.passed_on(out, source=LotSource.TRANSFER.value),
            cause=self._cause(move.id, "in"),
            kind="transfer_in",
        )
        plan.apply(out)
        plan.apply(into)
        transferred = self._transferred(move, out)
        self._tell(transferred, out, into)
        self.rows.append(self._row(move, transferred))
        return transferred

    def _ready(self, move: Move, plan: Plan) -> WalletState:
        """The recipient's wallet, without lapsed points that new ones would bring back to life."""
        wallet = move.recipient
        is_over = wallet.lapses_at is not None and wallet.lapses_at <= self.at
        if not is_over or wallet.keeps_due:
            return wallet
        expired = operations.expire(wallet, cause=self._cause(move.id, "expire"))
        if expired is None:
            return wallet
        plan.apply(expired)
        self.events.append(told(expired, wallet_type=self.kind.key))
        return expired.wallet

    def _cause(self, transfer_id: UUID, side: str) -> Cause:
        return Cause(
            key=f"transfer:{transfer_id}:{side}",
            actor=self.actor,
            effective_at=self.at,
            recorded_at=self.at,
        )

    def _transferred(self, move: Move, out: Change) -> Transferred:
        return Transferred(
            id=move.id,
            sender_id=move.sender.member_id,
            recipient_id=move.recipient.member_id,
            wallet_type=self.kind.key,
            points=move.points,
            fee=move.fee,
            arrived=move.points - move.fee,
            balance=out.wallet.available,
            sent_at=self.at,
        )

    def _tell(self, transferred: Transferred, out: Change, into: Change) -> None:
        transfer_id = str(transferred.id)
        self.events += [
            told(
                out,
                wallet_type=self.kind.key,
                transfer_id=transfer_id,
                fee=transferred.fee,
                recipient_id=str(transferred.recipient_id),
            ),
            told(
                into,
                wallet_type=self.kind.key,
                points=transferred.arrived,
                transfer_id=transfer_id,
                sender_id=str(transferred.sender_id),
            ),
        ]

    def _row(self, move: Move, transferred: Transferred) -> tuple[object, ...]:
        return (
            move.id, self.program.pk, move.sender.member_id, move.recipient.member_id, self.kind.id,
            move.household_id, move.points, move.fee, transferred.arrived, self.source, self.actor,
            self.at, "", 0, 0,
        )  # fmt: skip

    def write(self, plan: Plan, *, also: Also | None = None, transferred: Transferred | None = None) -> None:
        batch = Batch()
        store.add_to(batch, plan, program_id=self.program.pk)
        batch.insert(Transfer, _FIELDS, self.rows)
        events.add_to(batch, self.events)
        if also and transferred:
            also(batch, transferred)
        batch.write()


_FIELDS: Final = (
    "id", "program", "sender", "recipient", "wallet_type", "household", "points", "fee", "arrived",
    "source", "actor", "sent_at", "undone_by", "returned", "fee_returned",
)  # fmt: skip


def living_on(wallet: WalletState, source: WalletState, *, at: datetime) -> WalletState:
    """
    The wallet that points of another one come into, if they live as long as their member is active.

    They go by the new owner's activity from now on; who had none yet, or not for too long, starts
    from where the points came from.
    """
    if wallet.lapses_at is not None and wallet.lapses_at > at:
        return wallet
    return replace(wallet, lapses_at=source.lapses_at) if source.lapses_at else wallet
