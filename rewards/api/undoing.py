"""What is done to a sale afterwards: returned, cancelled, corrected."""

from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from django.http import HttpResponse
from msgspec import Meta, Struct
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.codes import Code
from loyalty.core.errors import NotFound
from members.references import MemberIsBlocked, MemberIsMerged, UnknownMember
from rewards.api import examples
from rewards.api.bodies import TransactionExplained, TransactionResult, answer_of
from rewards.api.docs import TRANSACTION_ID
from rewards.api.explained import explained
from rewards.checkouts import giving_back
from rewards.deciding.activities import MAX_LINES, Basket, Money, Return, ReturnedLine
from rewards.deciding.recorded import AlreadyReported
from rewards.journeys import returning, undoing
from rewards.journeys.returning import ReturnedTooMuch, ReturnWasRefused, SaleIsUndone
from rewards.journeys.undoing import Asked, NoSale, SaleHasReturns
from rewards.telling import explaining

Why = Annotated[str, Meta(max_length=200, description="For those who read it later; no personal data")]


class ReturnOfSale(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """
    Goods of this sale that were brought back.

    `lines` says which, or `amount` what was paid back in all; without either, it is all that is left.
    """

    external_id: Code
    occurred_at: Moment
    amount: Money | None = None
    lines: Annotated[tuple[ReturnedLine, ...], Meta(min_length=1, max_length=MAX_LINES)] | None = None


class Cancellation(Struct, frozen=True, forbid_unknown_fields=True):
    """Why the sale was a mistake."""

    reason: Why = ""


class Correction(Basket, frozen=True, kw_only=True):
    """
    What should have been recorded, all of it. `external_id` is a number that no sale has yet.

    What is left out of `member` and `occurred_at` is as in the sale that is corrected.
    """

    external_id: Code
    reason: Why = ""


class CorrectedResult(TransactionResult, frozen=True, kw_only=True):
    """The sale that stands in the place of the other one."""

    corrects: Annotated[UUID, Meta(description="`id` of the sale that was a mistake")]


_RETURN: Final[dict[str, Any]] = {
    name: value for name, value in examples.RETURN.items() if name not in ("kind", "sale_external_id")
}
_CORRECTION: Final[dict[str, Any]] = {
    "external_id": "till-7/2026-06-01/000123-1",
    "amount": {"amount": "21.50", "currency": "EUR"},
    "store": "berlin-mitte",
    "reason": "The amount was mistyped",
}
_CORRECTED: Final[dict[str, Any]] = {
    **examples.RECORDED,
    "id": "01976c1e-5d7a-7000-8000-2b64d1c3e8f5",
    "external_id": _CORRECTION["external_id"],
    "points": 21,
    "awards": [{**examples.RECORDED["awards"][0], "points": 21}],
    "wallets": [{"type": "points", "available": 1261, "pending": 0, "held": 0}],
    "corrects": examples.RECORDED["id"],
}
_CANCELLED: Final[dict[str, Any]] = {**examples.EXPLAINED, "status": "cancelled", "used": examples.USED}


class ReturnsView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"post": "transactions:write"}

    @operation(
        id="return_transaction",
        tag="Transactions",
        summary="Return goods of a sale",
        description="""
        The same as recording a return, for whoever has the sale's `id` at hand: a service desk, or a shop
        that takes back what another partner sold. Name `lines` or an `amount`, or neither, and all that is
        left comes back. Of a sale that was corrected, it is a return of the one in its place.

        `external_id` is your own number for it: the same one again is answered with the first result.
        """,
        parameters=(TRANSACTION_ID,),
        takes=ReturnOfSale,
        takes_example=_RETURN,
        answer=TransactionResult,
        status=201,
        example=examples.RETURNED,
        refuses=(
            NotFound,
            NoSale,
            SaleIsUndone,
            AlreadyReported,
            ReturnedTooMuch,
            ReturnWasRefused,
        ),
    )
    def post(self, request: Request, transaction_id: UUID) -> HttpResponse:
        """Record a return of that sale."""
        body = parsing.decode(request, ReturnOfSale)
        caller = auth.caller(request)

        def write(also: Any) -> returning.Answer:
            sale = undoing.sale_of(caller.program, transaction_id)
            returned = Return(
                external_id=body.external_id,
                occurred_at=body.occurred_at,
                sale_external_id=sale.external_id,
                amount=body.amount,
                lines=body.lines,
            )
            return returning.record(
                returned,
                program=caller.program,
                source=caller.partner_key,
                actor=caller.actor,
                at=clock.now(caller.program),
                also=also,
                sold_by=sale.source,
            )

        return idempotency.once(request, write, body=answer_of)


class CancelView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"post": "transactions:write"}

    @operation(
        id="cancel_transaction",
        tag="Transactions",
        summary="Cancel a sale",
        description="""
        For a sale that should never have been recorded: rung up twice under two numbers, a training till. All
        that it gave is taken back, points that paid for it are given back, vouchers that it gave and
        nobody has used become void, limits and budgets forget it, and it is no purchase of the member's any
        more. Its number stays taken. If goods are brought back, record a return instead.

        If the sale came of a checkout, what was used there comes back in the same commit: points that
        paid, rewards that were taken off, rewards that were not handed over yet and whose vouchers nobody has
        used, and uses of vouchers. `used` says what came back, and why a reward stayed (`kept_because`).

        Cancelling again changes nothing and answers the same. A sale of which something was returned is
        not cancelled: return the rest of it. The answer is the sale as it was booked: `points` and
        `wallets` are those of its receipt, and `status` says that it holds no more.
        """,
        parameters=(TRANSACTION_ID,),
        takes=Cancellation,
        takes_example={"reason": "Rung up twice"},
        answer=TransactionExplained,
        example=_CANCELLED,
        refuses=(NotFound, NoSale, SaleIsUndone, SaleHasReturns),
    )
    @idempotency.idempotent
    def post(self, request: Request, transaction_id: UUID) -> Response:
        """Take back all that the sale gave."""
        body = parsing.decode(request, Cancellation)
        caller = auth.caller(request)
        giving_back.cancel(undoing.sale_of(caller.program, transaction_id), _asked(request, body.reason))
        return Response(explained(explaining.find(caller.program, transaction_id), caller))


class CorrectView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"post": "transactions:write"}

    @operation(
        id="correct_transaction",
        tag="Transactions",
        summary="Correct a sale",
        description="""
        For a sale that was recorded wrongly: another amount, missing lines, somebody else's card. Send all of
        what should have been recorded. It stands in the sale's place, and earns by the campaigns and limits
        of when the sale happened, as if the mistake had never been made; both happen at once, or, if the
        new content is refused, neither. Gifts that both give stay with the member, others are taken
        back as far as they were not used; points that paid for the sale go on paying.

        `external_id` is a new number of yours. The sale's old number stays taken and leads here: a
        return that names it is a return of what stands in its place. Sent again, it is answered with the
        first result. What stands in the place of a sale can be corrected itself.
        """,
        parameters=(TRANSACTION_ID,),
        takes=Correction,
        takes_example=_CORRECTION,
        answer=CorrectedResult,
        status=201,
        example=_CORRECTED,
        refuses=(
            NotFound,
            NoSale,
            SaleIsUndone,
            SaleHasReturns,
            UnknownMember,
            MemberIsBlocked,
            MemberIsMerged,
            AlreadyReported,
        ),
    )
    @idempotency.idempotent
    def post(self, request: Request, transaction_id: UUID) -> Response:
        """Put what should have been recorded in the sale's place."""
        body = parsing.decode(request, Correction)
        sale = undoing.sale_of(auth.caller(request).program, transaction_id)
        recorded = undoing.correct(
            sale, body, external_id=body.external_id, asked=_asked(request, body.reason)
        )
        return Response({**answer_of(recorded), "corrects": str(sale.pk)}, status=201)


def _asked(request: Request, reason: str) -> Asked:
    caller = auth.caller(request)
    return Asked(program=caller.program, actor=caller.actor, at=clock.now(caller.program), reason=reason)
