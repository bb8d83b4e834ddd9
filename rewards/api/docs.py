"""What the docs say about transactions, events and redemptions."""

from typing import Final

from drf_spectacular.utils import OpenApiParameter

from loyalty.core.api.schema import operation
from loyalty.core.errors import NotFound
from members.ledger.operations import InsufficientPoints
from members.references import MemberIsBlocked, MemberIsMerged, UnknownMember
from members.transfers import TransferNotAllowed
from rewards.api import examples
from rewards.api.bodies import RedemptionRequest, Transaction, TransactionExplained, TransactionResult
from rewards.deciding.activities import CustomEvent
from rewards.deciding.recorded import AlreadyReported
from rewards.journeys.claiming import Kept
from rewards.journeys.reporting import TooManyCodes
from rewards.journeys.returning import ReturnedTooMuch, ReturnWasRefused, Waits
from rewards.redeeming import (
    BasketTooSmall,
    Redeemed,
    RewardLimitReached,
    RewardNotOnOffer,
    RewardSoldOut,
    UnknownReward,
)

TRANSACTION_ID: Final = OpenApiParameter(
    "transaction_id",
    {"type": "string", "format": "uuid"},
    location=OpenApiParameter.PATH,
    description="The `id` of the transaction.",
)

record_transaction = operation(
    id="record_transaction",
    tag="Transactions",
    summary="Record a sale or return",
    description="""
    A sale earns by the campaigns that were in force when it happened, also when it is reported later.

    A return takes back what its sale gave for the goods that came back: name its `lines` (all that is left
    of one, a `quantity` or an `amount`), or the `amount` that was paid back, or neither, and all that is left
    of the sale comes back. Several returns of one sale end exactly at the whole; one that is more than what
    is left is refused. What the member has spent of the points already is written off, or owed and paid by
    the next points, as the program has it. Points that had paid for the goods are given back with their old
    expiry dates. `returned` says all of it.

    A return whose sale was not reported yet is answered with 202 and waits; it is applied right after the
    sale is recorded, under the `id` that it was answered with; until then there is nothing to read by
    it. Send it again under another Idempotency-Key to see what became of it.

    A sale without `member` is answered with 202 too: it is kept, and earns when a member claims it by the
    number and the amount of the receipt, until `claimable_until`. Send it again under another
    Idempotency-Key to see what became of it: the same one is answered as the first time.

    `external_id` is your own number for it. The same one again is answered with the first result if the
    content is the same, and refused with `already_reported` if it differs, whatever Idempotency-Key it
    comes with.
    """,
    takes=Transaction,
    takes_example=examples.SALE,
    answer=TransactionResult,
    status=201,
    example=examples.RECORDED,
    also_answers=((202, Waits | Kept, examples.WAITING),),
    more_examples=(
        ("A return", None, examples.RETURN),
        ("A sale of nobody", None, examples.SALE_OF_NOBODY),
        ("Of a return", 201, examples.RETURNED),
        ("Of a sale of nobody", 202, examples.KEPT),
    ),
    refuses=(
        UnknownMember,
        MemberIsBlocked,
        MemberIsMerged,
        AlreadyReported,
        ReturnedTooMuch,
        ReturnWasRefused,
    ),
)

read_transaction = operation(
    id="read_transaction",
    tag="Transactions",
    summary="Read a transaction with its reasons",
    description="""
    The transaction as it was booked, with every campaign's verdict on it: what it gave, or what was
    lacking. A return says instead what it took, from what, and what it gave back. The code of a voucher that
    it gave is told to those who also have the scope `redemptions:write`.
    """,
    parameters=(TRANSACTION_ID,),
    more_examples=(("A return", 200, examples.RETURN_EXPLAINED),),
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

    `code.entered` with the attribute `code`, and `store.checked_in` with the attribute `store`, are types of
    their own that campaigns know. Types of what Regulars itself sees, such as `member.birthday`, are refused.
    """,
    takes=CustomEvent,
    takes_example=examples.EVENT,
    answer=TransactionResult,
    status=201,
    example=examples.EVENT_RECORDED,
    refuses=(TooManyCodes, UnknownMember, MemberIsBlocked, MemberIsMerged, AlreadyReported),
)

redeem_reward = operation(
    id="redeem_reward",
    tag="Rewards",
    summary="Redeem a reward",
    description="""
    Buys a reward with the member's points, those that expire first. The answer holds the voucher's code,
    which nobody else is told. Publishes `points.spent`, `reward.redeemed` and `voucher.issued`.

    With `from_household`, the points that the member lacks come from the others of the household who
    share theirs: those that expire first of all of them. Each gives them by a transfer without fee.

    A reward that takes something off a basket may be for baskets of some size (`discount.minimum_basket` in
    the catalogue). With `basket`, what yours costs, one that is too small is refused with what is missing;
    without it, that is looked at when the voucher is used.
    """,
    takes=RedemptionRequest,
    takes_example=examples.REDEMPTION,
    answer=Redeemed,
    status=201,
    example=examples.REDEEMED,
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
