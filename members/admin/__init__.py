from members.admin.expiry import ExpiryRunAdmin
from members.admin.member import MemberAdmin
from members.admin.rules import TierLadderAdmin, WalletTypeAdmin
from members.admin.statement import EntryAdmin

__all__ = ["EntryAdmin", "ExpiryRunAdmin", "MemberAdmin", "TierLadderAdmin", "WalletTypeAdmin"]
