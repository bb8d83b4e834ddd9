"""Receipts that members bring: purchases at which nobody knew them."""

from typing import Annotated, Any, ClassVar, Final

from django.http import HttpResponse
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.codes import Code
from members.references import MemberIsBlocked, MemberIsMerged, MemberReference, UnknownMember
from rewards.api import examples
from rewards.api.bodies import TransactionResult, answer_of
from rewards.deciding.activities import Money, Store
from rewards.deciding.recorded import Also, Recorded
from rewards.journeys import claiming
from rewards.journeys.claiming import Receipt


class Claim(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A receipt, and whose purchase it was. Number and amount both have to be those of the receipt."""

    member: MemberReference
    external_id: Annotated[Code, Meta(description="The number, as the till reported it")]
    amount: Annotated[Money, Meta(description="What was paid in all")]
    store: Annotated[Store, Meta(description="Only needed where two stores have such a receipt")] = ""


_CLAIM: Final[dict[str, Any]] = {
    "member": {"kind": "card", "value": "1001"},
    "external_id": examples.SALE["external_id"],
    "amount": examples.SALE["amount"],
}


class ClaimsView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"post": "transactions:write"}

    @operation(
        id="claim_transaction",
        tag="Transactions",
        summary="Claim a purchase by its receipt",
        description="""
        For somebody who bought without saying who they are, and has the receipt: the sale that was recorded
        without a member becomes theirs. It earns by the campaigns of when it happened, within the days that
        the program gives its members for that, also for those who have joined since.

        Whichever partner reported the sale, the number of the receipt and what was paid must be right.
        Wrong ones are counted for the member and for you: after ten within a quarter of an hour each is
        refused, right or wrong (`too_many_claims`). Claimed again for the same member, it is answered with
        the first result.
        """,
        takes=Claim,
        takes_example=_CLAIM,
        answer=TransactionResult,
        status=201,
        example=examples.RECORDED,
        refuses=(
            UnknownMember,
            MemberIsBlocked,
            MemberIsMerged,
            claiming.UnknownReceipt,
            claiming.ReceiptTooOld,
            claiming.ReceiptClaimed,
            claiming.ReceiptIsNotUnique,
            claiming.TooManyClaims,
        ),
    )
    def post(self, request: Request) -> HttpResponse:
        """Book the sale of a receipt for whoever claims it."""
        body = parsing.decode(request, Claim)
        caller = auth.caller(request)

        def write(also: Also) -> Recorded:
            return claiming.claim(
                Receipt(external_id=body.external_id, amount=body.amount, store=body.store),
                member=body.member,
                program=caller.program,
                source=caller.partner_key,
                actor=caller.actor,
                at=clock.now(caller.program),
                also=also,
            )

        return idempotency.once(request, write, body=answer_of)
