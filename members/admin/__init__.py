from members.admin.adjustment import AdjustmentAdmin, AdjustmentLimitAdmin, ReasonCodeAdmin
from members.admin.member import MemberAdmin
from members.admin.rules import TierLadderAdmin, WalletTypeAdmin
from members.admin.statement import EntryAdmin

__all__ = [
    "AdjustmentAdmin",
    "AdjustmentLimitAdmin",
    "EntryAdmin",
    "MemberAdmin",
    "ReasonCodeAdmin",
    "TierLadderAdmin",
    "WalletTypeAdmin",
]
