from rewards.models.activity import Activity, ActivityKind
from rewards.models.campaign import Campaign, CampaignStatus, CampaignVersion, VersionStep
from rewards.models.reward import Redemption, RedemptionStatus, Reward, Voucher, VoucherStatus
from rewards.models.waiting_return import WaitingReturn, WaitingStatus

__all__ = [
    "Activity",
    "ActivityKind",
    "Campaign",
    "CampaignStatus",
    "CampaignVersion",
    "Redemption",
    "RedemptionStatus",
    "Reward",
    "VersionStep",
    "Voucher",
    "VoucherStatus",
    "WaitingReturn",
    "WaitingStatus",
]
