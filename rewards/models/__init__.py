from rewards.models.activity import Activity, ActivityKind
from rewards.models.campaign import Campaign, CampaignStatus, CampaignVersion
from rewards.models.performance import (
    CampaignAudience,
    CampaignAudienceMember,
    CampaignCount,
    CampaignDay,
    CampaignMeasurement,
    MeasurementStatus,
)
from rewards.models.reward import Redemption, RedemptionStatus, Reward, Voucher, VoucherStatus
from rewards.models.waiting_return import WaitingReturn, WaitingStatus

__all__ = [
    "Activity",
    "ActivityKind",
    "Campaign",
    "CampaignAudience",
    "CampaignAudienceMember",
    "CampaignCount",
    "CampaignDay",
    "CampaignMeasurement",
    "CampaignStatus",
    "CampaignVersion",
    "MeasurementStatus",
    "Redemption",
    "RedemptionStatus",
    "Reward",
    "Voucher",
    "VoucherStatus",
    "WaitingReturn",
    "WaitingStatus",
]
