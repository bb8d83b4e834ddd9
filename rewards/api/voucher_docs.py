"""What the docs say about vouchers."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter

from loyalty.core.api import filters, pagination
from loyalty.core.api.schema import operation
from members.references import UnknownMember
from rewards.api import examples
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
from rewards.redeeming import BasketTooSmall
from rewards.redeeming.guessing import TooManyVoucherCodes
from rewards.redeeming.vouchers import (
    UnknownVoucher,
    UnknownVoucherUse,
    VoucherNotUsable,
    VoucherUsedOtherwise,
)

VOUCHER_ID: Final = OpenApiParameter(
    "voucher_id",
    {"type": "string", "format": "uuid"},
    location=OpenApiParameter.PATH,
    description="The `id` of the voucher (not its code).",
)
_VOUCHER: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-a1b2c3d4e5f6",
    "code_ends_with": "2MXT",
    "redemption_id": "01976c1e-5d7a-7000-8000-90ab2c4d6e8f",
    "member_id": examples.MEMBER_ID,
    "reward": "free-coffee",
    "reward_name": "Free coffee",
    "discount": {
        "kind": "free_product",
        "amount": None,
        "percent": None,
        "sku": "coffee",
        "maximum": None,
        "minimum_basket": None,
    },
    "status": "issued",
    "uses": 0,
    "uses_allowed": 1,
    "expires_at": "2026-08-30T12:00:00Z",
}
LISTED: Final = {"data": [_VOUCHER], "next": None, "previous": None}
_CODE: Final = {"code": "7KQ4-WZ9P-2MXT"}
_USE: Final = {**_CODE, "external_id": examples.SALE["external_id"]}
_OFF: Final = {"amount": "2.80", "currency": "EUR"}
_USED: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-b7c8d9e0f1a2",
    "external_id": examples.SALE["external_id"],
    "amount": _OFF,
    "used_at": "2026-06-10T12:00:00Z",
    "rolled_back_at": None,
    "voucher": {**_VOUCHER, "status": "used", "uses": 1},
}

check_voucher = operation(
    id="check_voucher",
    tag="Vouchers",
    summary="Check a voucher",
    description="""
    Whether a voucher could be used now, and what it is for. Changes nothing and keeps nothing: somebody
    else may still use it before you do. Name the member if you know who shows it; a voucher of somebody
    else is then unknown. With `basket`, it is also looked at whether that is large enough.

    Wrong codes are counted by API key and by member: after many of them, all codes are refused for a
    quarter of an hour.
    """,
    changes=False,
    takes=VoucherCheck,
    takes_example=_CODE,
    answer=VoucherChecked,
    example={"is_usable": True, "reason": None, "detail": "", "basket_missing": None, "voucher": _VOUCHER},
    refuses=(UnknownVoucher, UnknownMember, TooManyVoucherCodes),
)

use_voucher = operation(
    id="use_voucher",
    tag="Vouchers",
    summary="Use a voucher",
    description="""
    Uses a voucher once for a purchase, which you name by your own number. The same purchase once more,
    under whatever Idempotency-Key, is answered with the first use. Publishes `voucher.used`.

    If the purchase does not come to pass, roll the use back.
    """,
    takes=VoucherUsage,
    takes_example={**_USE, "amount": _OFF},
    answer=VoucherUseBody,
    status=201,
    example=_USED,
    refuses=(
        UnknownVoucher,
        UnknownMember,
        TooManyVoucherCodes,
        VoucherNotUsable,
        VoucherUsedOtherwise,
        BasketTooSmall,
    ),
)

roll_back_voucher = operation(
    id="roll_back_voucher",
    tag="Vouchers",
    summary="Roll the use of a voucher back",
    description="""
    Undoes your use of a voucher for a purchase that did not come to pass; the voucher can be used again
    until it expires, unless its redemption was returned: then it is void. A use that was rolled back
    already is answered as it is. Publishes
    `voucher.rolled_back`.
    """,
    takes=VoucherRollback,
    takes_example=_USE,
    answer=VoucherUseBody,
    example={**_USED, "rolled_back_at": "2026-06-10T12:05:00Z", "voucher": _VOUCHER},
    refuses=(UnknownVoucher, UnknownVoucherUse, TooManyVoucherCodes),
)

void_voucher = operation(
    id="void_voucher",
    tag="Vouchers",
    summary="Make a voucher void",
    description="""
    What is left of the voucher can never be used. The member keeps neither it nor the points: to give
    those back, cancel or return the redemption instead, which makes its voucher void too. One that is
    void already is answered as it is. Publishes `voucher.voided`.
    """,
    parameters=(VOUCHER_ID,),
    takes=VoucherVoiding,
    takes_example={},
    answer=VoucherBody,
    example={**_VOUCHER, "status": "void"},
    refuses=(UnknownVoucher, VoucherNotUsable),
)

read_voucher = operation(
    id="read_voucher",
    tag="Vouchers",
    summary="Read a voucher",
    description="A voucher as it is now, by its id. Its code is in its redemption only.",
    parameters=(VOUCHER_ID,),
    answer=VoucherBody,
    example=_VOUCHER,
    refuses=(UnknownVoucher,),
)

list_vouchers = operation(
    id="list_vouchers",
    tag="Vouchers",
    summary="List vouchers, newest first",
    description="""
    Vouchers of the program, without their codes. One whose time is over shows as `expired`; the filter
    `status` finds it by what it was until then.
    """,
    parameters=(*filters.parameters(VoucherFilter), *pagination.PARAMETERS),
    answer=VoucherList,
    example=LISTED,
    refuses=(pagination.InvalidCursor, pagination.InvalidFilter),
)
