"""
What the ledger decides on: wallets and lots as plain values.

Nothing here knows Django, a database or a clock. Operations take a state and give back the next.
"""

from datetime import date, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.ids import new_id

BUCKETS = ("pending", "available", "held", "redeemed", "expired", "reversed")
FROM_MEMBERS = frozenset({"transfer", "merge"})
"""Sources of lots whose points another wallet of the program earned."""


class LotState(Struct, frozen=True, kw_only=True, gc=False):
    """One grant of points: how many of them are in which bucket, and its dates."""

    id: UUID
    points: int
    pending: int = 0
    available: int = 0
    held: int = 0
    redeemed: int = 0
    expired: int = 0
    reversed: int = 0
    earned_at: datetime
    source: str = "purchase"
    unlocks_at: datetime | None = None
    unlock_event: str = ""
    cancels_at: datetime | None = None
    expires_at: datetime | None = None
    lapses: bool = False
    campaign_version_id: UUID | None = None
    activity_id: UUID | None = None
    origin_id: UUID | None = None

    def move(self, points: int, source: str, destination: str) -> "LotState":
        """The lot after points went from one bucket to another; from `issued` they come from outside."""
        moved = {destination: getattr(self, destination) + points}
        if source != "issued":
            moved[source] = getattr(self, source) - points
        assert min(moved.values()) >= 0, f"lot {self.id} has too little {source}"
        return replace(self, **moved)


class WalletState(Struct, frozen=True, kw_only=True):
    """
    One member's holding of one wallet type.

    `lots` are those that the operation may touch: none are needed to grant, the open ones to spend
    or expire, those of a sale to take it back. `is_new` says that the database has no row of it yet:
    the wallet type is younger than the membership. With `keeps_due`, points whose time is over stay
    usable until an expiry run takes them.
    """

    id: UUID
    program_id: UUID
    member_id: UUID
    type_id: UUID
    pending: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0
    lifetime_earned: int = 0
    lifetime_spent: int = 0
    version: int = 0
    entry_count: int = 0
    head_hash: bytes = b""
    lapses_at: datetime | None = None
    is_new: bool = False
    keeps_due: bool = False
    lots: tuple[LotState, ...] = ()

    def expiry_of(self, lot: LotState) -> datetime | None:
        """The first moment at which the lot's points are gone."""
        return self.lapses_at if lot.lapses else lot.expires_at

    def is_due(self, lot: LotState, at: datetime) -> bool:
        expires_at = self.expiry_of(lot)
        return expires_at is not None and expires_at <= at

    def first_expiring(self, lots: list[LotState]) -> list[LotState]:
        """The lots in the order in which they are used: first-expiring first, then the oldest."""
        ordered = sorted(lots, key=attrgetter("earned_at", "id"))
        ordered.sort(key=self._expiry)
        return ordered

    def _expiry(self, lot: LotState) -> tuple[bool, float]:
        expires_at = self.expiry_of(lot)
        return (expires_at is None, expires_at.timestamp() if expires_at else 0.0)

    def lots_to_spend(self, at: datetime) -> list[LotState]:
        """Lots with points that may be spent at that moment, in the order in which they are."""
        usable = [lot for lot in self.lots if lot.available and (self.keeps_due or not self.is_due(lot, at))]
        return self.first_expiring(usable)

    def spendable(self, at: datetime) -> int:
        return sum(lot.available for lot in self.lots_to_spend(at))


class TierStanding(Struct, frozen=True, kw_only=True):
    """Where a member stands on one ladder; `progress` in points that count towards it."""

    id: UUID
    ladder_id: UUID
    tier_id: UUID
    progress: int
    since: datetime
    is_new: bool = False


class TierPeriod(Struct, frozen=True, kw_only=True):
    """That a member had a tier once, and when: from its start to, but not at, its end."""

    id: UUID
    member_id: UUID
    ladder_id: UUID
    tier_id: UUID
    starts_at: datetime
    ends_at: datetime


class Account(Struct, frozen=True, kw_only=True):
    """A member as operations see one: the state that they decide on, and what conditions may ask about."""

    member_id: UUID
    status: str
    birth_date: date | None
    enrolled_at: datetime
    attributes: dict[str, Any]
    wallets: tuple[WalletState, ...]
    tiers: tuple[TierStanding, ...]

    def wallet_of(self, type_id: UUID) -> WalletState | None:
        return next((wallet for wallet in self.wallets if wallet.type_id == type_id), None)

    def wallet_or_new(self, type_id: UUID, *, program_id: UUID) -> WalletState:
        """The member's wallet of that type; a new one if the type is younger than the membership."""
        return self.wallet_of(type_id) or WalletState(
            id=new_id(), program_id=program_id, member_id=self.member_id, type_id=type_id, is_new=True
        )
