from members.admin import MemberAdmin
from rewards.admin.activity import ActivityAdmin, activities_panel
from rewards.admin.campaign import CampaignAdmin
from rewards.admin.reward import RedemptionAdmin, RewardAdmin

# After what is reserved at a checkout, which waits for somebody.
MemberAdmin.panels.insert(1, activities_panel)

__all__ = ["ActivityAdmin", "CampaignAdmin", "RedemptionAdmin", "RewardAdmin"]
