from rewards.models.activity import Activity, ActivityKind
from rewards.models.backtest import Backtest, BacktestMember, BacktestStatus, BacktestTally, TallyKind
from rewards.models.budget import BudgetSlot, BudgetUnit, CampaignBudget, CampaignCount
from rewards.models.campaign import Campaign, CampaignStatus, CampaignVersion
from rewards.models.known_value import KnownField, KnownValue, KnownValueCursor
from rewards.models.reward import Redemption, RedemptionStatus, Reward, Voucher, VoucherStatus
from rewards.models.waiting_return import WaitingReturn, WaitingStatus

__all__ = [
    "Activity",
    "ActivityKind",
    "Backtest",
    "BacktestMember",
    "BacktestStatus",
    "BacktestTally",
    "BudgetSlot",
    "BudgetUnit",
    "Campaign",
    "CampaignBudget",
    "CampaignCount",
    "CampaignStatus",
    "CampaignVersion",
    "KnownField",
    "KnownValue",
    "KnownValueCursor",
    "Redemption",
    "RedemptionStatus",
    "Reward",
    "TallyKind",
    "Voucher",
    "VoucherStatus",
    "WaitingReturn",
    "WaitingStatus",
]
