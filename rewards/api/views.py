from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing, rendering
from loyalty.core.api.views import PartnerView
from loyalty.core.db import Batch
from loyalty.core.errors import NotFound
from rewards.api import docs
from rewards.api.bodies import Sale, Transaction, answer_of, status_of
from rewards.api.explained import explained
from rewards.api.listing import Listing
from rewards.deciding.activities import NOBODY, CustomEvent, Return
from rewards.deciding.recorded import Also, Recorded
from rewards.journeys import claiming, earning, reporting, returning
from rewards.models import UnclaimedSale, WaitingReturn
from rewards.telling import explaining

Booked = returning.Answer | claiming.Kept


def book(reported: Sale | Return, caller: auth.Caller, also: Any = None) -> Booked:
    """What becomes of one reported transaction: booked, waiting for its sale, or kept for its member."""
    where: dict[str, Any] = {
        "program": caller.program,
        "source": caller.partner_key,
        "at": clock.now(caller.program),
        "also": also,
    }
    if isinstance(reported, Return):
        return returning.record(reported, actor=caller.actor, **where)
    sale = reported.of_whoever()
    if sale.member == NOBODY:
        return claiming.keep(sale, **where)
    return earning.record(sale, actor=caller.actor, **where)


class TransactionsView(Listing):
    scopes: ClassVar = {**Listing.scopes, "post": "transactions:write"}

    @docs.record_transaction
    def post(self, request: Request) -> HttpResponse:
        """Record a sale or return; a repeat is answered with the first result."""
        reported = parsing.decode(request, Transaction)
        caller = auth.caller(request)

        def write(also: Callable[[Batch, Any], None]) -> Booked:
            return book(reported, caller, also)

        return idempotency.once(request, write, body=answer_of, status=status_of)


class TransactionView(PartnerView):
    scopes: ClassVar = {"get": "transactions:read"}

    @docs.read_transaction
    def get(self, request: Request, transaction_id: UUID) -> HttpResponse:
        """A transaction with the reasons for what it gave, and for what it did not."""
        program = auth.caller(request).program
        try:
            activity = explaining.find(program, transaction_id)
        except NotFound:
            if UnclaimedSale.objects.of(program).filter(pk=transaction_id).exists():
                raise NotFound(_("This sale is kept for whoever claims it.")) from None
            if WaitingReturn.objects.of(program).waiting().filter(pk=transaction_id).exists():
                raise NotFound(_("This return waits for its sale.")) from None
            raise
        return rendering.answer(explained(activity, auth.caller(request)))


class EventsView(PartnerView):
    scopes: ClassVar = {"post": "events:write"}

    @docs.record_event
    def post(self, request: Request) -> HttpResponse:
        """Record a custom event of a member; campaigns may give points for it."""
        event = parsing.decode(request, CustomEvent)
        caller = auth.caller(request)

        def write(also: Also) -> Recorded:
            return reporting.report(
                event,
                program=caller.program,
                source=caller.partner_key,
                actor=caller.actor,
                at=clock.now(caller.program),
                also=also,
            )

        return idempotency.once(request, write, body=answer_of)
