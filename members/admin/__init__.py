from members.admin.hold import HoldAdmin, holds_panel
from members.admin.member import MemberAdmin
from members.admin.rules import TierLadderAdmin, WalletTypeAdmin
from members.admin.statement import EntryAdmin

MemberAdmin.panels.append(holds_panel)

__all__ = ["EntryAdmin", "HoldAdmin", "MemberAdmin", "TierLadderAdmin", "WalletTypeAdmin"]
