from members.admin.hold import HoldAdmin, holds_panel
from members.admin.member import MemberAdmin
from members.admin.merge import MergeAdmin
from members.admin.rules import TierLadderAdmin, WalletTypeAdmin
from members.admin.statement import EntryAdmin
from members.admin.transfer import TransferAdmin

MemberAdmin.panels.insert(0, holds_panel)

__all__ = [
    "EntryAdmin",
    "HoldAdmin",
    "MemberAdmin",
    "MergeAdmin",
    "TierLadderAdmin",
    "TransferAdmin",
    "WalletTypeAdmin",
]
