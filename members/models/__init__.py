from members.models.adjustment import (
    Adjuster,
    Adjustment,
    AdjustmentDay,
    AdjustmentLimit,
    Direction,
    ReasonCode,
)
from members.models.expiry import ExpiryRun, ExpiryWarning, RunStatus
from members.models.hold import Hold, HoldStatus
from members.models.ledger import Bucket, Entry, EntryKind, Lot, LotSource, Posting, Wallet
from members.models.member import Identifier, IdentifierKind, Member, MemberStatus
from members.models.tier import MemberTier, Tier, TierLadder
from members.models.wallet_type import ExpiryRule, ReturnPolicy, TransferScope, WalletType

__all__ = [
    "Adjuster",
    "Adjustment",
    "AdjustmentDay",
    "AdjustmentLimit",
    "Bucket",
    "Direction",
    "Entry",
    "EntryKind",
    "ExpiryRule",
    "ExpiryRun",
    "ExpiryWarning",
    "Hold",
    "HoldStatus",
    "Identifier",
    "IdentifierKind",
    "Lot",
    "LotSource",
    "Member",
    "MemberStatus",
    "MemberTier",
    "Posting",
    "ReasonCode",
    "ReturnPolicy",
    "RunStatus",
    "Tier",
    "TierLadder",
    "TransferScope",
    "Wallet",
    "WalletType",
]
