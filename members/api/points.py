"""Points as a means of payment: holds, and spending at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing, rendering
from loyalty.core.api.views import PartnerView
from members import holds
from members.api import points_docs as docs
from members.api.points_bodies import HoldBody, HoldRequest, ReleaseRequest, SettleRequest, SpendRequest
from members.holds import Also, Held, UnknownHold
from members.references import find_id

Journey = Callable[..., Held]


class HoldsView(PartnerView):
    scopes: ClassVar = {"post": "points:hold"}

    @docs.place_hold
    def post(self, request: Request) -> HttpResponse:
        """Reserve points for a purchase that is being made."""
        wanted = parsing.decode(request, HoldRequest)
        return _answered(
            request,
            holds.place,
            status=201,
            member=wanted.member,
            wallet_type=wanted.wallet_type,
            points=wanted.points,
            lives_for=timedelta(seconds=wanted.lives_for_seconds),
            from_household=wanted.from_household,
        )


class HoldView(PartnerView):
    scopes: ClassVar = {"get": "points:hold"}

    @docs.read_hold
    def get(self, request: Request, hold_id: str) -> HttpResponse:
        """A hold as it is now."""
        program = auth.caller(request).program
        held = holds.find(_id(hold_id), program=program)
        return rendering.answer(HoldBody.of(held, at=clock.now(program)))


class SettleView(PartnerView):
    scopes: ClassVar = {"post": "points:hold"}

    @docs.settle_hold
    def post(self, request: Request, hold_id: str) -> HttpResponse:
        """Spend held points; the rest is free again."""
        wanted = parsing.decode(request, SettleRequest)
        return _answered(
            request,
            holds.settle,
            status=200,
            hold_id=_id(hold_id),
            points=wanted.points,
            sale_external_id=wanted.sale_external_id,
            lines=wanted.lines,
        )


class ReleaseView(PartnerView):
    scopes: ClassVar = {"post": "points:hold"}

    @docs.release_hold
    def post(self, request: Request, hold_id: str) -> HttpResponse:
        """Give held points free again."""
        parsing.decode(request, ReleaseRequest)
        return _answered(request, holds.release, status=200, hold_id=_id(hold_id))


class SpendView(PartnerView):
    scopes: ClassVar = {"post": "points:hold"}

    @docs.spend_points
    def post(self, request: Request) -> HttpResponse:
        """Pay with points at once."""
        wanted = parsing.decode(request, SpendRequest)
        return _answered(
            request,
            holds.spend,
            status=201,
            member=wanted.member,
            wallet_type=wanted.wallet_type,
            points=wanted.points,
            sale_external_id=wanted.sale_external_id,
            lines=wanted.lines,
            from_household=wanted.from_household,
        )


def _answered(request: Request, journey: Journey, *, status: int, **wanted: Any) -> HttpResponse:
    caller = auth.caller(request)
    at = clock.now(caller.program)

    def write(also: Also) -> Held:
        return journey(
            **wanted,
            program=caller.program,
            source=caller.partner_key,
            actor=caller.actor,
            at=at,
            also=also,
        )

    return idempotency.once(request, write, body=lambda held: HoldBody.of(held, at=at), status=status)


def _id(text: str) -> UUID:
    hold_id = find_id(text)
    if hold_id is None:
        raise UnknownHold(_("There is no hold {hold_id}.").format(hold_id=text))
    return hold_id
