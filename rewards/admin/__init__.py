from members.admin import MemberAdmin
from rewards.admin.activity import ActivityAdmin, activities_panel
from rewards.admin.attribute import AttributeTypeAdmin, EventTypeAdmin
from rewards.admin.campaign import CampaignAdmin
from rewards.admin.ledger_check import LedgerCheckAdmin
from rewards.admin.reward import RedemptionAdmin, RewardAdmin
from rewards.admin.segment import SegmentAdmin
from rewards.admin.waiting_return import WaitingReturnAdmin

# After what waits for somebody: points reserved at a checkout, adjustments.
MemberAdmin.panels.insert(2, activities_panel)

__all__ = [
    "ActivityAdmin",
    "AttributeTypeAdmin",
    "CampaignAdmin",
    "EventTypeAdmin",
    "LedgerCheckAdmin",
    "RedemptionAdmin",
    "RewardAdmin",
    "SegmentAdmin",
    "WaitingReturnAdmin",
]
