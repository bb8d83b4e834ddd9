from rewards.models.activity import Activity, ActivityKind
from rewards.models.backtest import Backtest, BacktestMember, BacktestStatus, BacktestTally, TallyKind
from rewards.models.badge import Badge, MemberBadge
from rewards.models.budget import BudgetSlot, BudgetUnit, CampaignBudget, CampaignCount
from rewards.models.campaign import (
    NEVER_PUBLISHED,
    OVER,
    UNDER_WAY,
    Campaign,
    CampaignStatus,
    CampaignVersion,
    VersionStep,
)
from rewards.models.challenge import Challenge, ChallengeProgress
from rewards.models.checkout import Checkout, CheckoutStatus
from rewards.models.discount import DISCOUNT_FIELDS, NEEDED, Discounted, DiscountKind
from rewards.models.known_value import KnownField, KnownValue, KnownValueCursor
from rewards.models.occasion import OccasionDay, Referral, ReferralStatus
from rewards.models.performance import (
    CampaignAudience,
    CampaignAudienceMember,
    CampaignDay,
    CampaignDayMark,
    CampaignMeasurement,
    MeasurementStatus,
)
from rewards.models.prize_draw import DrawEntry, DrawWinner, PrizeDraw
from rewards.models.redemption import (
    LASTING,
    Redemption,
    RedemptionStatus,
    Voucher,
    VoucherStatus,
    VoucherUse,
)
from rewards.models.referral_code import ReferralCode
from rewards.models.reward import CodesFrom, LimitPeriod, Reward
from rewards.models.unclaimed_sale import UnclaimedSale
from rewards.models.undoing import Undoing
from rewards.models.uploaded_code import UploadedCode
from rewards.models.waiting_return import WaitingReturn, WaitingStatus

__all__ = [
    "CodesFrom",
    "UploadedCode",
    "DISCOUNT_FIELDS",
    "NEEDED",
    "Checkout",
    "CheckoutStatus",
    "Discounted",
    "DiscountKind",
    "LASTING",
    "NEVER_PUBLISHED",
    "OVER",
    "UNDER_WAY",
    "Activity",
    "ActivityKind",
    "Backtest",
    "BacktestMember",
    "BacktestStatus",
    "BacktestTally",
    "Badge",
    "BudgetSlot",
    "BudgetUnit",
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
    "Challenge",
    "ChallengeProgress",
    "DrawEntry",
    "DrawWinner",
    "KnownField",
    "KnownValue",
    "KnownValueCursor",
    "LimitPeriod",
    "MeasurementStatus",
    "MemberBadge",
    "OccasionDay",
    "PrizeDraw",
    "Redemption",
    "RedemptionStatus",
    "Referral",
    "ReferralCode",
    "ReferralStatus",
    "Reward",
    "TallyKind",
    "UnclaimedSale",
    "Undoing",
    "VersionStep",
    "Voucher",
    "VoucherStatus",
    "VoucherUse",
    "WaitingReturn",
    "WaitingStatus",
]
