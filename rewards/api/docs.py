"""What the docs say about transactions, events and redemptions."""

from typing import Final

from drf_spectacular.utils import OpenApiParameter

from loyalty.core.api.schema import operation
from loyalty.core.errors import NotFound
from members.ledger.operations import InsufficientPoints
from rewards.activities import CustomEvent, Transaction
from rewards.api import examples
from rewards.api.bodies import RedemptionRequest, TransactionExplained, TransactionResult
from rewards.earning import AlreadyReported, MemberIsBlocked, UnknownMember
from rewards.redeeming import Redeemed, RewardNotOnOffer, RewardSoldOut, UnknownReward
from rewards.returning import ReturnedTooMuch, ReturnWasRefused

TRANSACTION_ID: Final = OpenApiParameter(
    "transaction_id", location=OpenApiParameter.PATH, description="The `id` of the transaction."
)

record_transaction = operation(
    id="record_transaction",
    tag="Transactions",
    summary="Record a sale or return",
    description="""
    A sale earns by the campaigns that were in force when it happened, also when it is reported later. A
    return takes back what its sale gave, in proportion.

    `external_id` is your own number for it. The same one again is answered with the first result if the
    content is the same, and refused with `already_reported` if it differs, whatever Idempotency-Key it
    comes with.
    """,
    takes=Transaction,
    takes_example=examples.SALE,
    answer=TransactionResult,
    status=201,
    example=examples.RECORDED,
    refuses=(UnknownMember, MemberIsBlocked, AlreadyReported, ReturnedTooMuch, ReturnWasRefused),
)

read_transaction = operation(
    id="read_transaction",
    tag="Transactions",
    summary="Read a transaction with its reasons",
    description="""
    The transaction as it was booked, with every campaign's verdict on it: what it gave, or what was
    lacking.
    """,
    parameters=(TRANSACTION_ID,),
    answer=TransactionExplained,
    example=examples.EXPLAINED,
    refuses=(NotFound,),
)

record_event = operation(
    id="record_event",
    tag="Events",
    summary="Record a custom event",
    description="""
    Something else that a member did: logged in to the app, wrote a review. Campaigns that are triggered
    by events of this `type` give points for it.
    """,
    takes=CustomEvent,
    takes_example=examples.EVENT,
    answer=TransactionResult,
    status=201,
    example=examples.EVENT_RECORDED,
    refuses=(UnknownMember, MemberIsBlocked, AlreadyReported),
)

redeem_reward = operation(
    id="redeem_reward",
    tag="Rewards",
    summary="Redeem a reward",
    description="""
    Buys a reward with the member's points, those that expire first. The answer holds the voucher's code,
    which nobody else is told.
    """,
    takes=RedemptionRequest,
    takes_example=examples.REDEMPTION,
    answer=Redeemed,
    status=201,
    example=examples.REDEEMED,
    refuses=(
        UnknownMember,
        MemberIsBlocked,
        UnknownReward,
        RewardNotOnOffer,
        RewardSoldOut,
        InsufficientPoints,
    ),
)
