"""Rewards for points: bought at once, or reserved and confirmed; handed over, or given up again."""

from rewards.redeeming.available import Previewed, available_to, preview
from rewards.redeeming.baskets import BasketTooSmall, check_minimum
from rewards.redeeming.direct import Also, Redeemed, redeem
from rewards.redeeming.issuing import CODE_ALPHABET, new_code
from rewards.redeeming.life import (
    DEFAULT_LIFE,
    LONGEST_LIFE,
    cancel,
    confirm,
    expire_overdue,
    fulfil,
    hold,
    prolong,
    read,
    release,
    take_back,
)
from rewards.redeeming.offers import (
    Offer,
    RewardLimitReached,
    RewardNotOnOffer,
    RewardSoldOut,
    UnknownReward,
    check,
)
from rewards.redeeming.states import RedemptionNotInState, UnknownRedemption, VoucherInUse, heir_of

__all__ = [
    "CODE_ALPHABET",
    "DEFAULT_LIFE",
    "LONGEST_LIFE",
    "Also",
    "BasketTooSmall",
    "Offer",
    "Previewed",
    "Redeemed",
    "RedemptionNotInState",
    "RewardLimitReached",
    "RewardNotOnOffer",
    "RewardSoldOut",
    "UnknownRedemption",
    "UnknownReward",
    "VoucherInUse",
    "available_to",
    "cancel",
    "check",
    "check_minimum",
    "confirm",
    "expire_overdue",
    "fulfil",
    "heir_of",
    "hold",
    "new_code",
    "prolong",
    "preview",
    "read",
    "redeem",
    "release",
    "take_back",
]
