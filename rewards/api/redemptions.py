"""Redemptions: bought at once or reserved, confirmed, handed over, or given up."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import clock
from loyalty.core.api import auth, filters, idempotency, pagination, parsing, rendering
from loyalty.core.api.views import PartnerView
from members.references import find_id
from rewards import redeeming
from rewards.api import docs as rewards_docs
from rewards.api import redemption_docs as docs
from rewards.api.bodies import RedemptionRequest, value_of
from rewards.api.explained import TOLD_CODES
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
from rewards.models import Redemption
from rewards.redeeming.states import unknown

Journey = Callable[..., Redemption]

MAY_READ: Final = ("members:read", TOLD_CODES)
"""What members have is read with the members; whoever redeems reads what came of it."""


class RedemptionsView(PartnerView):
    scopes: ClassVar = {"get": MAY_READ, "post": "redemptions:write"}

    @docs.list_redemptions
    def get(self, request: Request) -> HttpResponse:
        """Redemptions of the program."""
        program = auth.caller(request).program
        of_program = Redemption.objects.of(program).select_related("reward", "wallet_type", "voucher")
        rows, given = filters.apply(request, RedemptionFilter, of_program)
        page = pagination.paginate(request, rows, filters=given, by=("redeemed_at", "id"))
        data = tuple(shown(request, redemption) for redemption in page.rows)
        return rendering.answer(RedemptionList(data, page.next, page.previous))

    @rewards_docs.redeem_reward
    def post(self, request: Request) -> HttpResponse:
        """Buy a reward with a member's points; the answer holds the voucher's code."""
        wanted = parsing.decode(request, RedemptionRequest)
        caller = auth.caller(request)

        def write(also: redeeming.Also) -> redeeming.Redeemed:
            return redeeming.redeem(
                member=wanted.member,
                reward=wanted.reward,
                from_household=wanted.from_household,
                basket=value_of(wanted.basket, caller.program),
                program=caller.program,
                source=caller.partner_key,
                actor=caller.actor,
                at=clock.now(caller.program),
                also=also,
            )

        return idempotency.once(request, write, body=msgspec.to_builtins)


class RedemptionHoldsView(PartnerView):
    scopes: ClassVar = {"post": "redemptions:write"}

    @docs.hold_reward
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        """Reserve a reward."""
        wanted = parsing.decode(request, RedemptionHold)
        lives_for = timedelta(seconds=wanted.lives_for_seconds)
        return _answered(
            request,
            redeeming.hold,
            status=201,
            member=wanted.member,
            reward=wanted.reward,
            lives_for=lives_for,
            basket=value_of(wanted.basket, auth.caller(request).program),
            from_household=wanted.from_household,
        )


class RedemptionView(PartnerView):
    scopes: ClassVar = {"get": MAY_READ}

    @docs.read_redemption
    def get(self, request: Request, redemption_id: str) -> HttpResponse:
        """A redemption as it is now."""
        program = auth.caller(request).program
        found = redeeming.read(_id(redemption_id), program=program)
        return rendering.answer(shown(request, found))


class ConfirmView(PartnerView):
    scopes: ClassVar = {"post": "redemptions:write"}

    @docs.confirm_redemption
    @idempotency.idempotent
    def post(self, request: Request, redemption_id: str) -> Response:
        """Spend what is reserved."""
        wanted = parsing.decode(request, RedemptionConfirmation)
        return _answered(
            request,
            redeeming.confirm,
            redemption_id=_id(redemption_id),
            is_handed_over=wanted.is_handed_over,
        )


class CancelView(PartnerView):
    scopes: ClassVar = {"post": "redemptions:write"}

    @docs.cancel_redemption
    @idempotency.idempotent
    def post(self, request: Request, redemption_id: str) -> Response:
        """Give a redemption up."""
        wanted = parsing.decode(request, RedemptionCancellation)
        return _answered(request, redeeming.cancel, redemption_id=_id(redemption_id), reason=wanted.reason)


class FulfilView(PartnerView):
    scopes: ClassVar = {"post": "redemptions:write"}

    @docs.fulfil_redemption
    @idempotency.idempotent
    def post(self, request: Request, redemption_id: str) -> Response:
        """Say that the member has got it."""
        wanted = parsing.decode(request, RedemptionFulfilment)
        return _answered(
            request, redeeming.fulfil, redemption_id=_id(redemption_id), tracking=wanted.tracking
        )


class ReturnView(PartnerView):
    scopes: ClassVar = {"post": "redemptions:write"}

    @docs.return_redemption
    @idempotency.idempotent
    def post(self, request: Request, redemption_id: str) -> Response:
        """Take a reward back."""
        wanted = parsing.decode(request, RedemptionReturn)
        return _answered(request, redeeming.take_back, redemption_id=_id(redemption_id), reason=wanted.reason)


def _answered(request: Request, journey: Journey, *, status: int = 200, **wanted: Any) -> Response:
    caller = auth.caller(request)
    at = clock.now(caller.program)
    redemption = journey(
        **wanted, program=caller.program, source=caller.partner_key, actor=caller.actor, at=at
    )
    return Response(RedemptionBody.of(redemption, at=at, tells_code=True), status=status)


def shown(request: Request, redemption: Redemption) -> RedemptionBody:
    """The redemption as it is now, with its voucher's code if the caller may know it."""
    tells_code = auth.has(request, TOLD_CODES)
    return RedemptionBody.of(redemption, at=clock.now(auth.caller(request).program), tells_code=tells_code)


def _id(text: str) -> UUID:
    redemption_id = find_id(text)
    if redemption_id is None:
        raise unknown(text)
    return redemption_id
