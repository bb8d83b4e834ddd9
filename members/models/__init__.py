from members.models.ledger import Bucket, Entry, EntryKind, Lot, Posting, Wallet
from members.models.member import Identifier, IdentifierKind, Member, MemberStatus
from members.models.tier import MemberTier, Tier, TierLadder
from members.models.wallet_type import ExpiryRule, WalletType

__all__ = [
    "Bucket",
    "Entry",
    "EntryKind",
    "ExpiryRule",
    "Identifier",
    "IdentifierKind",
    "Lot",
    "Member",
    "MemberStatus",
    "MemberTier",
    "Posting",
    "Tier",
    "TierLadder",
    "Wallet",
    "WalletType",
]
