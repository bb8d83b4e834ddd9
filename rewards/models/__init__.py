from rewards.models.activity import Activity, ActivityKind
from rewards.models.backtest import Backtest, BacktestMember, BacktestStatus, BacktestTally, TallyKind
from rewards.models.budget import BudgetSlot, BudgetUnit, CampaignBudget, CampaignCount
from rewards.models.campaign import Campaign, CampaignStatus, CampaignVersion, VersionStep
from rewards.models.known_value import KnownField, KnownValue, KnownValueCursor
from rewards.models.performance import (
    CampaignAudience,
    CampaignAudienceMember,
    CampaignDay,
    CampaignDayMark,
    CampaignMeasurement,
    MeasurementStatus,
)
from rewards.models.reward import Redemption, RedemptionStatus, Reward, Voucher, VoucherStatus
from rewards.models.waiting_return import WaitingReturn, WaitingStatus

__all__ = [
    "Activity",
    "ActivityKind",
    "BudgetSlot",
    "BudgetUnit",
    "Backtest",
    "BacktestMember",
    "BacktestStatus",
    "BacktestTally",
    "Campaign",
    "CampaignAudience",
    "CampaignAudienceMember",
    "CampaignBudget",
    "CampaignCount",
    "CampaignDay",
    "CampaignDayMark",
    "CampaignMeasurement",
    "CampaignStatus",
    "CampaignVersion",
    "KnownField",
    "KnownValue",
    "KnownValueCursor",
    "MeasurementStatus",
    "Redemption",
    "RedemptionStatus",
    "Reward",
    "TallyKind",
    "VersionStep",
    "Voucher",
    "VoucherStatus",
    "WaitingReturn",
    "WaitingStatus",
]
