"""Vouchers at tills and in shops: checked, used, rolled back."""

from contextlib import AbstractContextManager
from decimal import Decimal
from typing import ClassVar, Final
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import clock
from loyalty.core.api import auth, filters, idempotency, pagination, parsing, rendering
from loyalty.core.api.views import PartnerView
from loyalty.core.models import Program
from members.api.views import identified
from members.references import MemberReference, find_id
from rewards.api import voucher_docs as docs
from rewards.api.bodies import value_of
from rewards.api.redemption_filters import VoucherFilter
from rewards.api.voucher_bodies import (
    VoucherBody,
    VoucherCheck,
    VoucherChecked,
    VoucherList,
    VoucherRollback,
    VoucherUsage,
    VoucherUseBody,
    VoucherVoiding,
)
from rewards.deciding.recorded import check_currency
from rewards.models import Voucher, VoucherUse
from rewards.redeeming import BasketTooSmall, guessing, vouchers
from rewards.redeeming.vouchers import UnknownVoucher

MAY_READ: Final = ("members:read", "vouchers:use")
"""What members have is read with the members; no code is told."""


class VouchersView(PartnerView):
    scopes: ClassVar = {"get": MAY_READ}

    @docs.list_vouchers
    def get(self, request: Request) -> HttpResponse:
        """Vouchers of the program, without their codes."""
        program = auth.caller(request).program
        of_program = Voucher.objects.of(program).select_related("redemption__reward")
        rows, given = filters.apply(request, VoucherFilter, of_program)
        page = pagination.paginate(request, rows, filters=given)
        at = clock.now(program)
        data = tuple(VoucherBody.of(voucher, at=at) for voucher in page.rows)
        return rendering.answer(VoucherList(data, page.next, page.previous))


class VoucherView(PartnerView):
    scopes: ClassVar = {"get": MAY_READ}

    @docs.read_voucher
    def get(self, request: Request, voucher_id: str) -> HttpResponse:
        """A voucher as it is now."""
        program = auth.caller(request).program
        voucher = vouchers.read(_id(voucher_id), program=program)
        return rendering.answer(VoucherBody.of(voucher, at=clock.now(program)))


class CheckView(PartnerView):
    scopes: ClassVar = {"post": "vouchers:use"}

    @docs.check_voucher
    def post(self, request: Request) -> HttpResponse:
        """Could it be used now?"""
        asked = parsing.decode(request, VoucherCheck)
        program = auth.caller(request).program
        member_id = _owner(request, asked.member)
        with _slowed_down(request, member_id):
            voucher = vouchers.find(asked.code, program=program, member_id=member_id)
        at = clock.now(program)
        basket = value_of(asked.basket, program)
        obstacle = vouchers.obstacle(voucher, at=at) or _too_small(voucher, basket, program)
        return rendering.answer(VoucherChecked.of(voucher, obstacle, at=at))


class UseView(PartnerView):
    scopes: ClassVar = {"post": "vouchers:use"}

    @docs.use_voucher
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        """Use it once, for a purchase."""
        wanted = parsing.decode(request, VoucherUsage)
        program = auth.caller(request).program
        if wanted.amount:
            check_currency(wanted.amount, program, "#/amount/currency")
        member_id = _owner(request, wanted.member)
        with _slowed_down(request, member_id):
            used = vouchers.use(
                wanted.code,
                external_id=wanted.external_id,
                amount=wanted.amount.value if wanted.amount else None,
                member_id=member_id,
                basket=value_of(wanted.basket, program),
                program=program,
                source=auth.caller(request).partner_key,
                at=clock.now(program),
            )
        return _answered(request, used, status=201)


class RollBackView(PartnerView):
    scopes: ClassVar = {"post": "vouchers:use"}

    @docs.roll_back_voucher
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        """Undo a use."""
        wanted = parsing.decode(request, VoucherRollback)
        caller = auth.caller(request)
        with _slowed_down(request, None):
            used = vouchers.roll_back(
                wanted.code,
                external_id=wanted.external_id,
                program=caller.program,
                source=caller.partner_key,
                at=clock.now(caller.program),
            )
        return _answered(request, used)


class VoidView(PartnerView):
    scopes: ClassVar = {"post": "redemptions:write"}

    @docs.void_voucher
    @idempotency.idempotent
    def post(self, request: Request, voucher_id: str) -> Response:
        """Have it never used."""
        parsing.decode(request, VoucherVoiding)
        program = auth.caller(request).program
        at = clock.now(program)
        voucher = vouchers.void(_id(voucher_id), program=program, at=at)
        return Response(VoucherBody.of(voucher, at=at))


def _too_small(voucher: Voucher, basket: Decimal | None, program: Program) -> BasketTooSmall | None:
    try:
        vouchers.check_basket(voucher, basket, program=program)
    except BasketTooSmall as refusal:
        return refusal
    return None


def _answered(request: Request, used: VoucherUse, *, status: int = 200) -> Response:
    program = auth.caller(request).program
    body = VoucherUseBody.of(used, currency=program.currency, at=clock.now(program))
    return Response(body, status=status)


def _owner(request: Request, member: MemberReference | None) -> UUID | None:
    if member is None:
        return None
    return identified(member, program=auth.caller(request).program).pk


def _slowed_down(request: Request, member_id: UUID | None) -> AbstractContextManager[None]:
    limits = {auth.caller(request).counted_as: guessing.WRONG_BY_CREDENTIAL}
    if member_id:
        limits[f"member:{member_id}"] = guessing.WRONG_BY_MEMBER
    return guessing.slowed_down(limits)


def _id(text: str) -> UUID:
    voucher_id = find_id(text)
    if voucher_id is None:
        raise UnknownVoucher(_("There is no voucher {id}: it is named by its id here.").format(id=text))
    return voucher_id
