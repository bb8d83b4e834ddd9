from rewards.models.activity import Activity, ActivityKind
from rewards.models.badge import Badge, MemberBadge
from rewards.models.campaign import Campaign, CampaignStatus, CampaignVersion
from rewards.models.challenge import Challenge, ChallengeProgress
from rewards.models.occasion import OccasionDay, Referral, ReferralStatus
from rewards.models.prize_draw import DrawEntry, DrawWinner, PrizeDraw
from rewards.models.reward import Redemption, RedemptionStatus, Reward, Voucher, VoucherStatus
from rewards.models.waiting_return import WaitingReturn, WaitingStatus

__all__ = [
    "Activity",
    "ActivityKind",
    "Badge",
    "Campaign",
    "CampaignStatus",
    "CampaignVersion",
    "Challenge",
    "ChallengeProgress",
    "DrawEntry",
    "DrawWinner",
    "MemberBadge",
    "OccasionDay",
    "PrizeDraw",
    "Redemption",
    "RedemptionStatus",
    "Referral",
    "ReferralStatus",
    "Reward",
    "Voucher",
    "VoucherStatus",
    "WaitingReturn",
    "WaitingStatus",
]
