from members.admin import MemberAdmin
from rewards.admin.activity import ActivityAdmin, activities_panel
from rewards.admin.campaign import CampaignAdmin
from rewards.admin.ledger_check import LedgerCheckAdmin
from rewards.admin.reward import RedemptionAdmin, RewardAdmin

MemberAdmin.panels = [*MemberAdmin.panels, activities_panel]

__all__ = ["ActivityAdmin", "CampaignAdmin", "LedgerCheckAdmin", "RedemptionAdmin", "RewardAdmin"]
