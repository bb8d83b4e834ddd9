"""What the docs say about redemptions."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter

from loyalty.core.api import filters, pagination
from loyalty.core.api.schema import operation
from members.ledger.operations import InsufficientPoints
from members.references import MemberIsBlocked, MemberIsMerged, UnknownMember
from members.transfers import TransferNotAllowed
from rewards.api import examples
from rewards.api.redemption_bodies import (
    RedemptionBody,
    RedemptionCancellation,
    RedemptionConfirmation,
    RedemptionFulfilment,
    RedemptionHold,
    RedemptionList,
    RedemptionReturn,
)
from rewards.api.redemption_filters import RedemptionFilter
from rewards.redeeming import (
    BasketTooSmall,
    RedemptionNotInState,
    RewardLimitReached,
    RewardNotOnOffer,
    RewardSoldOut,
    UnknownRedemption,
    UnknownReward,
    VoucherInUse,
)

REDEMPTION_ID: Final = OpenApiParameter(
    "redemption_id",
    {"type": "string", "format": "uuid"},
    location=OpenApiParameter.PATH,
    description="The `id` of the redemption.",
)
_VOUCHER: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-a1b2c3d4e5f6",
    "code": "7KQ4WZ9P2MXT",
    "status": "issued",
    "uses": 0,
    "uses_allowed": 1,
    "expires_at": "2026-08-30T12:00:00Z",
}
_HELD: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-90ab2c4d6e8f",
    "member_id": examples.MEMBER_ID,
    "reward": "free-coffee",
    "reward_name": "Free coffee",
    "wallet_type": "points",
    "points": 500,
    "status": "held",
    "transaction_id": None,
    "redeemed_at": "2026-06-01T12:00:00Z",
    "expires_at": "2026-06-01T12:15:00Z",
    "confirmed_at": None,
    "fulfilled_at": None,
    "ended_at": None,
    "reason": "",
    "tracking": "",
    "voucher": None,
}
_CONFIRMED: Final = {
    **_HELD,
    "status": "confirmed",
    "confirmed_at": "2026-06-01T12:04:10Z",
    "voucher": _VOUCHER,
}
LISTED: Final = {"data": [_CONFIRMED], "next": None, "previous": None}
_CANCELLED: Final = {
    **_CONFIRMED,
    "status": "cancelled",
    "ended_at": "2026-06-01T13:30:00Z",
    "reason": "Ordered twice",
    "voucher": {**_VOUCHER, "status": "void"},
}
_FULFILLED: Final = {
    **_CONFIRMED,
    "status": "fulfilled",
    "fulfilled_at": "2026-06-03T09:00:00Z",
    "tracking": "JD014600006228974",
}
_RETURNED: Final = {
    **_FULFILLED,
    "status": "returned",
    "ended_at": "2026-06-12T10:00:00Z",
    "reason": "Broken",
    "voucher": {**_VOUCHER, "status": "void"},
}

hold_reward = operation(
    id="hold_reward",
    tag="Rewards",
    summary="Reserve a reward at a checkout",
    description="""
    Takes the points out of what the member can spend, and a piece out of the stock, until the redemption is
    confirmed or cancelled, or its time is over: 15 minutes, unless you say another. There is no voucher
    yet. It counts towards the reward's limit per member. Publishes `redemption.held` and `points.held`.

    With `basket`, what the basket costs before discounts, it is refused if the reward is for larger ones.

    With `from_household`, the points that the member lacks come from the others of the household who share
    theirs, and go back to them if the reservation comes to nothing.

    Where nothing happens between choosing and taking, redeem directly instead.
    """,
    takes=RedemptionHold,
    takes_example={**examples.REDEMPTION, "lives_for_seconds": 900},
    answer=RedemptionBody,
    status=201,
    example=_HELD,
    refuses=(
        UnknownMember,
        MemberIsBlocked,
        MemberIsMerged,
        UnknownReward,
        RewardNotOnOffer,
        RewardSoldOut,
        RewardLimitReached,
        BasketTooSmall,
        InsufficientPoints,
        TransferNotAllowed,
    ),
)

confirm_redemption = operation(
    id="confirm_redemption",
    tag="Rewards",
    summary="Confirm a reserved reward",
    description="""
    Spends the points that are reserved, and issues the voucher if the reward gives one; the answer holds
    its code. Publishes `points.spent`, `reward.redeemed` and `voucher.issued`.

    A redemption that is confirmed already is answered as it is. One whose time is over, or that was given
    up, is refused with `redemption_not_in_state`: its points are free again.
    """,
    parameters=(REDEMPTION_ID,),
    takes=RedemptionConfirmation,
    takes_example={},
    answer=RedemptionBody,
    example=_CONFIRMED,
    refuses=(UnknownRedemption, RedemptionNotInState, MemberIsBlocked),
)

cancel_redemption = operation(
    id="cancel_redemption",
    tag="Rewards",
    summary="Cancel a redemption",
    description="""
    Gives up what is reserved or confirmed and not handed over yet: the points go back into the lots that
    they came from, with their old expiry dates, the piece into the stock, and the voucher is void. What
    has expired meanwhile expires at once. Publishes `redemption.cancelled`, and `points.released` or
    `points.restored`.

    One that was cancelled or has expired already is answered as it is. Is it handed over, return it
    instead; was its voucher used, roll that back first.
    """,
    parameters=(REDEMPTION_ID,),
    takes=RedemptionCancellation,
    takes_example={"reason": "Ordered twice"},
    answer=RedemptionBody,
    example=_CANCELLED,
    refuses=(UnknownRedemption, RedemptionNotInState, VoucherInUse),
)

fulfil_redemption = operation(
    id="fulfil_redemption",
    tag="Rewards",
    summary="Say that a reward was handed over",
    description="""
    The member has got the reward, or it is on its way; `tracking` is how you find it. From then on it can
    be returned, and no longer cancelled. Publishes `redemption.fulfilled`.

    One that is fulfilled already is answered as it is; another `tracking` replaces the one before.
    """,
    parameters=(REDEMPTION_ID,),
    takes=RedemptionFulfilment,
    takes_example={"tracking": "JD014600006228974"},
    answer=RedemptionBody,
    example=_FULFILLED,
    refuses=(UnknownRedemption, RedemptionNotInState),
)

return_redemption = operation(
    id="return_redemption",
    tag="Rewards",
    summary="Take a reward back",
    description="""
    The member gives back what they have got: points, piece and place under the limit come back as for a
    cancelled redemption, and what its voucher has left is void. Publishes `redemption.returned` and
    `points.restored`. One that was returned already is answered as it is.
    """,
    parameters=(REDEMPTION_ID,),
    takes=RedemptionReturn,
    takes_example={"reason": "Broken"},
    answer=RedemptionBody,
    example=_RETURNED,
    refuses=(UnknownRedemption, RedemptionNotInState),
)

read_redemption = operation(
    id="read_redemption",
    tag="Rewards",
    summary="Read a redemption",
    description="""
    A redemption as it is now with its voucher, whichever partner of the program asked for it. The voucher's
    code is told to those who have the scope `redemptions:write`.
    """,
    parameters=(REDEMPTION_ID,),
    answer=RedemptionBody,
    example=_CONFIRMED,
    refuses=(UnknownRedemption,),
)

list_redemptions = operation(
    id="list_redemptions",
    tag="Rewards",
    summary="List redemptions, newest first",
    description="""
    Redemptions of the program with their vouchers, also those that campaigns gave; their codes are told to
    those who have the scope `redemptions:write`. A reservation whose
    time is over shows as `expired`; the filter `status` finds it as `held` until it is ended, within a
    minute.
    """,
    parameters=(*filters.parameters(RedemptionFilter), *pagination.PARAMETERS),
    answer=RedemptionList,
    example=LISTED,
    refuses=(pagination.InvalidCursor, pagination.InvalidFilter),
)
