"""A member's redemptions and vouchers: the lists of all of them, about one member."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, filters, pagination, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.errors import NotFound
from members import references
from members.api.views import REFERENCE, find
from rewards.api import redemption_docs, redemptions, voucher_docs, vouchers
from rewards.api.redemption_bodies import RedemptionList
from rewards.api.redemption_filters import RedemptionFilter, VoucherFilter
from rewards.api.voucher_bodies import VoucherBody, VoucherList
from rewards.models import Redemption, Voucher


class MemberRedemptionFilter(RedemptionFilter):
    member = None  # type: ignore[assignment]  # how django-filter takes a filter away


class MemberVoucherFilter(VoucherFilter):
    member = None  # type: ignore[assignment]  # how django-filter takes a filter away


class MemberRedemptionsView(PartnerView):
    scopes: ClassVar = {"get": redemptions.MAY_READ}

    @operation(
        id="list_member_redemptions",
        tag="Members",
        summary="List a member's redemptions, newest first",
        description="""
        What the member has bought with points or was given. The codes of its vouchers are told to those who
        have the scope `redemptions:write`: for the wallet of an app, which shows them to the member alone.
        """,
        parameters=(REFERENCE, *filters.parameters(MemberRedemptionFilter), *pagination.PARAMETERS),
        answer=RedemptionList,
        example=redemption_docs.LISTED,
        refuses=(NotFound, pagination.InvalidCursor, pagination.InvalidFilter),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        member = find(program, references.read(reference))
        of_member = Redemption.objects.of(program).filter(member=member)
        rows, given = filters.apply(request, MemberRedemptionFilter, of_member)
        rows = rows.select_related("reward", "wallet_type", "voucher")
        page = pagination.paginate(request, rows, filters=given, by=("redeemed_at", "id"))
        data = tuple(redemptions.shown(request, redemption) for redemption in page.rows)
        return rendering.answer(RedemptionList(data, page.next, page.previous))


class MemberVouchersView(PartnerView):
    scopes: ClassVar = {"get": vouchers.MAY_READ}

    @operation(
        id="list_member_vouchers",
        tag="Members",
        summary="List a member's vouchers, newest first",
        description="""
        The vouchers of a member and what is left of each, without their codes: those are told with the
        redemption that gave them.
        """,
        parameters=(REFERENCE, *filters.parameters(MemberVoucherFilter), *pagination.PARAMETERS),
        answer=VoucherList,
        example=voucher_docs.LISTED,
        refuses=(NotFound, pagination.InvalidCursor, pagination.InvalidFilter),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        member = find(program, references.read(reference))
        of_member = Voucher.objects.of(program).filter(redemption__member=member)
        rows, given = filters.apply(request, MemberVoucherFilter, of_member)
        page = pagination.paginate(request, rows.select_related("redemption__reward"), filters=given)
        at = clock.now(program)
        data = tuple(VoucherBody.of(voucher, at=at) for voucher in page.rows)
        return rendering.answer(VoucherList(data, page.next, page.previous))
