from members.admin.adjustment import AdjustmentAdmin, AdjustmentLimitAdmin, ReasonCodeAdmin
from members.admin.expiry import ExpiryRunAdmin
from members.admin.hold import HoldAdmin
from members.admin.member import MemberAdmin
from members.admin.merge import MergeAdmin
from members.admin.rules import TierLadderAdmin, WalletTypeAdmin
from members.admin.statement import EntryAdmin
from members.admin.transfer import TransferAdmin

__all__ = [
    "AdjustmentAdmin",
    "AdjustmentLimitAdmin",
    "EntryAdmin",
    "ExpiryRunAdmin",
    "HoldAdmin",
    "MemberAdmin",
    "MergeAdmin",
    "ReasonCodeAdmin",
    "TierLadderAdmin",
    "TransferAdmin",
    "WalletTypeAdmin",
]
