"""What the docs say about checkouts."""

from typing import Final

from drf_spectacular.utils import OpenApiParameter

from loyalty.core.api import filters, pagination
from loyalty.core.api.schema import operation
from members.holds import PointsNotSpendable, UnknownWalletType
from members.ledger.operations import InsufficientPoints
from members.references import MemberIsBlocked, MemberIsMerged, UnknownMember
from members.transfers import TransferNotAllowed
from rewards.api import checkout_examples as examples
from rewards.api.checkout_bodies import CheckoutBody, CheckoutList
from rewards.api.checkout_filters import CheckoutFilter
from rewards.checkouts.confirming import PaymentsDoNotAddUp, Purchase
from rewards.checkouts.contents import CheckoutContents, CheckoutRequest
from rewards.checkouts.offered import NothingLeftToPay, PointsDoNotPay
from rewards.checkouts.states import CheckoutIsClosed, UnknownCheckout
from rewards.deciding.recorded import AlreadyReported
from rewards.redeeming import (
    BasketTooSmall,
    RedemptionNotInState,
    RewardLimitReached,
    RewardNotOnOffer,
    RewardSoldOut,
    UnknownReward,
)
from rewards.redeeming.guessing import TooManyVoucherCodes
from rewards.redeeming.vouchers import UnknownVoucher, VoucherNotUsable

CHECKOUT_ID: Final = OpenApiParameter(
    "checkout_id", location=OpenApiParameter.PATH, description="The `id` of the checkout."
)
_APPLYING: Final = (
    UnknownWalletType,
    PointsNotSpendable,
    PointsDoNotPay,
    NothingLeftToPay,
    InsufficientPoints,
    TransferNotAllowed,
    UnknownReward,
    RewardNotOnOffer,
    RewardSoldOut,
    RewardLimitReached,
    UnknownVoucher,
    VoucherNotUsable,
    BasketTooSmall,
    TooManyVoucherCodes,
    MemberIsBlocked,
    MemberIsMerged,
)

open_checkout = operation(
    id="open_checkout",
    tag="Checkouts",
    summary="Open a checkout",
    description="""
    Call it when the member goes to pay. Prices the basket with what the member wants to use, and reserves
    all of it at once, or nothing: points that pay, rewards that are bought with points, a use of each
    voucher. Discounts come off first (free products, then percentages, then amounts), and points pay what is
    left; every line says its part, to the cent. A discount that is for larger baskets is refused with what
    is `missing`. No more points are reserved than are needed. `earns` is what
    the member would earn, and `options` the most that each kind of points could pay.

    With `from_household`, points that the member lacks come from the others of the household who share
    theirs; `brought` says how many. They go back to them if the checkout comes to nothing.

    What is reserved is free again by itself at `expires_at`: 15 minutes from now, unless you say another
    time. Rewards need the scope `redemptions:write` too, vouchers `vouchers:use`.
    """,
    takes=CheckoutRequest,
    takes_example=examples.REQUEST,
    answer=CheckoutBody,
    status=201,
    example=examples.OPEN,
    has_tag=True,
    refuses=(UnknownMember, *_APPLYING),
)

list_checkouts = operation(
    id="list_checkouts",
    tag="Checkouts",
    summary="List checkouts",
    description="""
    Checkouts of the program, whoever of its partners opened them, the newest first: what a member has open
    on another device (`member` with `status=open`), which checkout an order was paid by (`external_id`),
    which baskets of a day were left (`status=expired` with `opened_from` and `opened_before`). Filters go
    together. A checkout whose time is over is `expired` from that moment. The basket and what is applied to
    it are read by the `id`.
    """,
    parameters=(*filters.parameters(CheckoutFilter), *pagination.PARAMETERS),
    answer=CheckoutList,
    example={"data": [examples.LISTED], "next": None, "previous": None},
    refuses=(pagination.InvalidCursor, pagination.InvalidFilter),
)

read_checkout = operation(
    id="read_checkout",
    tag="Checkouts",
    summary="Read a checkout",
    description="""
    A checkout as it is now, open or closed, whoever of the program's partners opened it. Prices are those of
    when it was opened or last changed: they stay until it ends.
    """,
    parameters=(CHECKOUT_ID,),
    answer=CheckoutBody,
    example=examples.OPEN,
    has_tag=True,
    refuses=(UnknownCheckout,),
)

change_checkout = operation(
    id="change_checkout",
    tag="Checkouts",
    summary="Change a checkout",
    description="""
    Sends the whole contents again: other goods, other points, rewards and vouchers. What you leave out is
    no longer in it. All is priced anew, `expires_at` begins anew, what is still wanted stays reserved, and
    what is not is free. If anything is refused, the checkout stays as it was.

    A checkout lives for a week at most, however often it is changed.
    """,
    parameters=(CHECKOUT_ID,),
    takes=CheckoutContents,
    takes_example=examples.CONTENTS,
    answer=CheckoutBody,
    example=examples.OPEN,
    edits=True,
    refuses=(UnknownCheckout, CheckoutIsClosed, *_APPLYING),
)

confirm_checkout = operation(
    id="confirm_checkout",
    tag="Checkouts",
    summary="Confirm that a checkout is paid",
    description="""
    Call it when the money is there. In one commit, the reserved points are spent, the rewards are the
    member's, the vouchers used, and the sale is recorded under your receipt number, with what was paid in
    money for each line: do not report it again. `transaction` says what it earned. A reward that was taken
    off the total is handed over by that; another one is confirmed, and its voucher is read with its
    redemption.

    `payments` are together the checkout's `total`, to the cent; none where it is 0.00. The same call again,
    under whatever Idempotency-Key, is answered with the checkout as it was paid. One whose time is over is
    refused with `checkout_is_closed`: open a new one, or pay the money back.

    Return the sale as any other: points that have paid for what comes back are given back.
    """,
    parameters=(CHECKOUT_ID,),
    takes=Purchase,
    takes_example=examples.PURCHASE,
    answer=CheckoutBody,
    example=examples.CONFIRMED,
    refuses=(
        UnknownCheckout,
        CheckoutIsClosed,
        PaymentsDoNotAddUp,
        RedemptionNotInState,
        VoucherNotUsable,
        AlreadyReported,
        MemberIsBlocked,
    ),
)

abandon_checkout = operation(
    id="abandon_checkout",
    tag="Checkouts",
    summary="Abandon a checkout",
    description="""
    Ends a checkout without a purchase: everything reserved is free again at once, and not only at
    `expires_at`. One that has come to nothing already is answered as it is; one that was paid is refused
    with `checkout_is_closed`.
    """,
    parameters=(CHECKOUT_ID,),
    is_keyed=True,
    answer=CheckoutBody,
    example=examples.ABANDONED,
    refuses=(UnknownCheckout, CheckoutIsClosed),
)
