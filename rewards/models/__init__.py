from rewards.models.activity import Activity, ActivityKind
from rewards.models.budget import BudgetSlot, BudgetUnit, CampaignBudget, CampaignCount
from rewards.models.campaign import Campaign, CampaignStatus, CampaignVersion
from rewards.models.reward import Redemption, RedemptionStatus, Reward, Voucher, VoucherStatus
from rewards.models.waiting_return import WaitingReturn, WaitingStatus

__all__ = [
    "Activity",
    "ActivityKind",
    "BudgetSlot",
    "BudgetUnit",
    "Campaign",
    "CampaignBudget",
    "CampaignCount",
    "CampaignStatus",
    "CampaignVersion",
    "Redemption",
    "RedemptionStatus",
    "Reward",
    "Voucher",
    "VoucherStatus",
    "WaitingReturn",
    "WaitingStatus",
]
