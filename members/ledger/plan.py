"""What will be written: the last state of everything that a chain of operations touched, once each."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from loyalty.core.ids import new_id
from members.ledger.chain import NewEntry
from members.ledger.operations import Change
from members.ledger.state import Account, LotState, TierPeriod, TierStanding, WalletState


class Plan:
    """
    New lots, entries and postings, and wallets, lots and tiers as they will be.

    Pure data: `members.ledger.store` writes it, a preview throws it away. Operations on one wallet
    follow each other, each from the state that the one before it left.
    """

    def __init__(self, accounts: Iterable[Account] = ()) -> None:
        self.loaded: dict[UUID, WalletState] = {}
        self.wallets: dict[UUID, WalletState] = {}
        self.new_lots: dict[UUID, LotState] = {}
        self.changed_lots: dict[UUID, LotState] = {}
        self.entries: list[NewEntry] = []
        self.tiers: dict[UUID, TierStanding] = {}
        self.loaded_tiers: dict[UUID, TierStanding] = {}
        self.former_tiers: list[TierPeriod] = []
        self.owners: dict[UUID, UUID] = {}
        for account in accounts:
            self.read(account)

    def read(self, account: Account) -> None:
        """Base the plan on this state: it is written only if its wallets are still as they are here."""
        for wallet in account.wallets:
            self.loaded.setdefault(wallet.id, wallet)
        for standing in account.tiers:
            self.loaded_tiers.setdefault(standing.id, standing)

    def apply(self, change: Change) -> None:
        self.touch(change.wallet)
        self.entries.append(change.entry)
        for lot in change.new_lots:
            self.new_lots[lot.id] = lot
        for lot in change.changed_lots:
            (self.new_lots if lot.id in self.new_lots else self.changed_lots)[lot.id] = lot

    def touch(self, wallet: WalletState) -> None:
        """Move the wallet's version, so that whoever decided on its former state decides again."""
        before = self.loaded.setdefault(wallet.id, wallet)
        self.wallets[wallet.id] = replace(wallet, version=before.version + 1)

    def touch_all(self) -> None:
        """Move the versions of all wallets that were read, so that all that was decided on them is again."""
        for wallet in self.loaded.values():
            if wallet.id not in self.wallets:
                self.touch(wallet)

    def move_tier(self, standing: TierStanding, *, member_id: UUID) -> None:
        """The new standing; if it is on another tier, the one before becomes a part of the history."""
        before = self.tiers.get(standing.id) or self.loaded_tiers.get(standing.id)
        if before is not None and before.tier_id != standing.tier_id:
            self.leave_tier(before, member_id=member_id, at=standing.since)
        self.tiers[standing.id] = standing
        self.owners[standing.id] = member_id

    def leave_tier(self, standing: TierStanding, *, member_id: UUID, at: datetime) -> None:
        """Remember a tier that was left at that moment; one that was had for no time never was."""
        if standing.since < at:
            self.former_tiers.append(
                TierPeriod(
                    id=new_id(),
                    member_id=member_id,
                    ladder_id=standing.ladder_id,
                    tier_id=standing.tier_id,
                    starts_at=standing.since,
                    ends_at=at,
                )
            )
