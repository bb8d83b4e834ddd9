from members.models.adjustment import (
    Adjuster,
    Adjustment,
    AdjustmentDay,
    AdjustmentLimit,
    Direction,
    ReasonCode,
)
from members.models.attribute import (
    ATTRIBUTE_NAME_VALIDATOR,
    EVENT_TYPE_VALIDATOR,
    AttributeKind,
    AttributeOwner,
    AttributeType,
    EventType,
)
from members.models.block import Block, BlockReason
from members.models.brought_points import BroughtPoints
from members.models.consent import PURPOSE_VALIDATOR, Consent, ConsentEvidence
from members.models.expiry import ExpiryRun, ExpiryWarning, RunStatus
from members.models.finance import COHORT_VALIDATOR, AccountingAccount, BreakageRate, PeriodLock, PointCost
from members.models.hold import Hold, HoldStatus
from members.models.household import Household, HouseholdMember
from members.models.ledger import Bucket, Entry, EntryKind, Lot, LotSource, Posting, Wallet
from members.models.ledger_check import CheckStatus, LedgerAnchor, LedgerCheck
from members.models.member import Identifier, IdentifierKind, Member, MemberStatus
from members.models.merge import Merge
from members.models.segment import Segment, SegmentKind, SegmentMember
from members.models.tier import MemberTier, Tier, TierLadder
from members.models.tier_history import FormerTier
from members.models.transfer import Transfer
from members.models.wallet_type import ExpiryRule, ReturnPolicy, TransferScope, WalletType

__all__ = [
    "Adjuster",
    "Adjustment",
    "AdjustmentDay",
    "AdjustmentLimit",
    "COHORT_VALIDATOR",
    "ATTRIBUTE_NAME_VALIDATOR",
    "AccountingAccount",
    "AttributeKind",
    "AttributeOwner",
    "AttributeType",
    "Block",
    "BlockReason",
    "BreakageRate",
    "Bucket",
    "CheckStatus",
    "Consent",
    "ConsentEvidence",
    "Direction",
    "EVENT_TYPE_VALIDATOR",
    "Entry",
    "EntryKind",
    "EventType",
    "ExpiryRule",
    "ExpiryRun",
    "ExpiryWarning",
    "FormerTier",
    "BroughtPoints",
    "Hold",
    "HoldStatus",
    "Household",
    "HouseholdMember",
    "Identifier",
    "IdentifierKind",
    "LedgerAnchor",
    "LedgerCheck",
    "Lot",
    "LotSource",
    "Member",
    "MemberStatus",
    "MemberTier",
    "Merge",
    "PURPOSE_VALIDATOR",
    "PeriodLock",
    "PointCost",
    "Posting",
    "ReasonCode",
    "ReturnPolicy",
    "RunStatus",
    "Segment",
    "SegmentKind",
    "SegmentMember",
    "Tier",
    "TierLadder",
    "Transfer",
    "TransferScope",
    "Wallet",
    "WalletType",
]
