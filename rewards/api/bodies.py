"""What the API takes and answers for transactions, events and redemptions, as schemas."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from members.references import MemberReference
from rewards.activities import Money
from rewards.earning import Recorded


class Award(Struct, frozen=True, omit_defaults=True):
    """Points that one campaign gave, or that a return took back, and why."""

    wallet_type: str
    points: Annotated[int, Meta(description="Negative if they were taken back")]
    reason: str
    campaign: Annotated[str, Meta(description="Key of the campaign")] = ""
    version_id: UUID | None = None


class WalletBalance(Struct, frozen=True):
    """A wallet right after the transaction, in points."""

    type: str
    available: int
    pending: int
    held: int


class TransactionResult(Struct, frozen=True, kw_only=True):
    """What a till shows: the points, the new balances and the tier."""

    id: UUID
    kind: str
    external_id: str
    member_id: UUID
    occurred_at: datetime
    recorded_at: datetime
    points: Annotated[int, Meta(description="Spendable points in all; negative for a return")]
    awards: tuple[Award, ...]
    wallets: tuple[WalletBalance, ...]
    tier: Annotated[str | None, Meta(description="Key of the tier on the program's first ladder")]


class CampaignVerdict(Struct, frozen=True):
    """Whether a campaign gave something for a transaction, and what it lacked if not."""

    campaign: str
    name: str
    matched: bool
    points: int
    reasons: tuple[str, ...]


class TransactionExplained(TransactionResult, frozen=True, kw_only=True):
    """A transaction as it was booked, with every campaign's verdict on it."""

    amount: Money
    store: str
    verdicts: tuple[CampaignVerdict, ...]


class RedemptionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Who buys which reward."""

    member: MemberReference
    reward: Annotated[str, Meta(min_length=1, max_length=40, description="Key of the reward")]
    from_household: Annotated[
        bool, Meta(description="Let the others of the member's household add the points that are missing")
    ] = False


def answer_of(recorded: Recorded) -> dict[str, Any]:
    """What the partner is told: the same at first and at every repeat."""
    told = {name: getattr(recorded, name) for name in TransactionResult.__struct_fields__}
    plain: dict[str, Any] = msgspec.to_builtins(told)
    return plain
