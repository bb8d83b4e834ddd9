from members.admin import MemberAdmin
from rewards.admin.activity import ActivityAdmin, activities_panel
from rewards.admin.attribute import AttributeTypeAdmin, EventTypeAdmin
from rewards.admin.campaign import CampaignAdmin
from rewards.admin.checkout import CheckoutAdmin
from rewards.admin.ledger_check import LedgerCheckAdmin
from rewards.admin.prizes import BadgeAdmin, ChallengeAdmin, PrizeDrawAdmin, prizes_panel
from rewards.admin.redemption import RedemptionAdmin
from rewards.admin.referral_code import ReferralCodeAdmin
from rewards.admin.reward import RewardAdmin
from rewards.admin.segment import SegmentAdmin
from rewards.admin.unclaimed_sale import UnclaimedSaleAdmin
from rewards.admin.waiting_return import WaitingReturnAdmin

# After what waits for somebody: points reserved at a checkout, adjustments.
MemberAdmin.panels.insert(2, activities_panel)
MemberAdmin.panels.insert(3, prizes_panel)

__all__ = [
    "ActivityAdmin",
    "AttributeTypeAdmin",
    "BadgeAdmin",
    "CampaignAdmin",
    "ChallengeAdmin",
    "CheckoutAdmin",
    "EventTypeAdmin",
    "LedgerCheckAdmin",
    "PrizeDrawAdmin",
    "RedemptionAdmin",
    "ReferralCodeAdmin",
    "RewardAdmin",
    "SegmentAdmin",
    "UnclaimedSaleAdmin",
    "WaitingReturnAdmin",
]
