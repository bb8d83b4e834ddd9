from rewards.models.activity import Activity, ActivityKind
from rewards.models.backtest import Backtest, BacktestMember, BacktestStatus, BacktestTally, TallyKind
from rewards.models.campaign import Campaign, CampaignStatus, CampaignVersion
from rewards.models.reward import Redemption, RedemptionStatus, Reward, Voucher, VoucherStatus
from rewards.models.waiting_return import WaitingReturn, WaitingStatus

__all__ = [
    "Activity",
    "ActivityKind",
    "Backtest",
    "BacktestMember",
    "BacktestStatus",
    "BacktestTally",
    "Campaign",
    "CampaignStatus",
    "CampaignVersion",
    "Redemption",
    "RedemptionStatus",
    "Reward",
    "TallyKind",
    "Voucher",
    "VoucherStatus",
    "WaitingReturn",
    "WaitingStatus",
]
