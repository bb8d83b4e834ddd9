"""One session for a basket: priced, reserved, changed, and confirmed or abandoned."""

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import clock
from loyalty.core.api import auth, etags, filters, idempotency, pagination, parsing, rendering
from loyalty.core.api.views import PartnerView
from members.references import find_id
from rewards.api import checkout_docs as docs
from rewards.api.checkout_bodies import CheckoutBody, CheckoutList, ListedCheckout
from rewards.api.checkout_filters import CheckoutFilter
from rewards.checkouts import confirming, ending, sessions, states
from rewards.checkouts.confirming import Purchase
from rewards.checkouts.contents import CheckoutContents, CheckoutRequest
from rewards.models import Checkout
from rewards.redeeming import guessing

# Without baskets and quotes, which are long.
_LISTED: Final = (
    "id", "status", "member_id", "source", "opened_at", "expires_at", "closed_at", "total",
    "paid_external_id", "sale_id",
)  # fmt: skip


class CheckoutsView(PartnerView):
    scopes: ClassVar = {"get": "points:hold", "post": "points:hold"}

    @docs.list_checkouts
    def get(self, request: Request) -> HttpResponse:
        """Checkouts of the program, the newest first."""
        program = auth.caller(request).program
        of_program = Checkout.objects.of(program).only(*_LISTED)
        rows, given = filters.apply(request, CheckoutFilter, of_program)
        page = pagination.paginate(request, rows, filters=given)
        at = clock.now(program)
        data = tuple(ListedCheckout.of(one, currency=program.currency, at=at) for one in page.rows)
        return rendering.answer(CheckoutList(data, page.next, page.previous))

    @docs.open_checkout
    def post(self, request: Request) -> HttpResponseBase:
        """Price a basket and reserve what is applied to it."""
        wanted = parsing.decode(request, CheckoutRequest)
        # Asked before the stored answer is looked at: it holds what only these scopes may see.
        _may_apply(request, wanted)
        return self._open(request, wanted)

    @idempotency.idempotent
    def _open(self, request: Request, wanted: CheckoutRequest) -> Response:
        where = _where(request)
        with _slowed_down(request, wanted):
            checkout = sessions.begin(wanted, **where)
        return _told(checkout, at=where["at"], status=201)


class CheckoutView(PartnerView):
    scopes: ClassVar = {"get": "points:hold", "put": "points:hold"}

    @docs.read_checkout
    def get(self, request: Request, checkout_id: str) -> HttpResponse:
        """A checkout as it is now."""
        program = auth.caller(request).program
        checkout = states.find(_id(checkout_id), program=program)
        return etags.answer(request, CheckoutBody.of(checkout, at=clock.now(program)))

    @docs.change_checkout
    def put(self, request: Request, checkout_id: str) -> HttpResponse:
        """Have other contents in it."""
        contents = parsing.decode(request, CheckoutContents)
        _may_apply(request, contents)
        where = _where(request)

        def seen(checkout: Checkout) -> None:
            etags.require(request, CheckoutBody.of(checkout, at=where["at"]))

        with _slowed_down(request, contents):
            changed = sessions.change(_id(checkout_id), contents, seen=seen, **where)
        return etags.answer(request, CheckoutBody.of(changed, at=where["at"]))


class ConfirmView(PartnerView):
    scopes: ClassVar = {"post": "transactions:write"}

    @docs.confirm_checkout
    @idempotency.idempotent
    def post(self, request: Request, checkout_id: str) -> Response:
        """Settle points, confirm rewards and record the sale."""
        purchase = parsing.decode(request, Purchase)
        where = _where(request)
        return _told(confirming.confirm(_id(checkout_id), purchase, **where), at=where["at"])


class AbandonView(PartnerView):
    scopes: ClassVar = {"post": "points:hold"}

    @docs.abandon_checkout
    @idempotency.idempotent
    def post(self, request: Request, checkout_id: str) -> Response:
        """End it without a purchase."""
        where = _where(request)
        return _told(ending.abandon(_id(checkout_id), **where), at=where["at"])


def _where(request: Request) -> dict[str, Any]:
    caller = auth.caller(request)
    return {
        "program": caller.program,
        "source": caller.partner_key,
        "actor": caller.actor,
        "at": clock.now(caller.program),
    }


def _told(checkout: Checkout, *, at: datetime, status: int = 200) -> Response:
    body = CheckoutBody.of(checkout, at=at)
    return Response(body, status, headers={"ETag": etags.of(body)})


def _may_apply(request: Request, contents: CheckoutContents) -> None:
    """:raises MissingScope: who may not redeem rewards cannot do it by a checkout either"""
    if contents.rewards:
        auth.insist(request, "redemptions:write")
    if contents.vouchers:
        auth.insist(request, "vouchers:use")


def _slowed_down(request: Request, contents: CheckoutContents) -> AbstractContextManager[None]:
    """A checkout is no way to guess codes of vouchers faster."""
    if not contents.vouchers:
        return nullcontext()
    return guessing.slowed_down({auth.caller(request).counted_as: guessing.WRONG_BY_CREDENTIAL})


def _id(text: str) -> UUID:
    checkout_id = find_id(text)
    if checkout_id is None:
        raise states.unknown(text)
    return checkout_id
