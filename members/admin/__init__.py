from members.admin.member import MemberAdmin
from members.admin.merge import MergeAdmin
from members.admin.rules import TierLadderAdmin, WalletTypeAdmin
from members.admin.statement import EntryAdmin
from members.admin.transfer import TransferAdmin

__all__ = [
    "EntryAdmin",
    "MemberAdmin",
    "MergeAdmin",
    "TierLadderAdmin",
    "TransferAdmin",
    "WalletTypeAdmin",
]
