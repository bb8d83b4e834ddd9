"""What the API takes and answers about vouchers, as schemas."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from msgspec import Meta, Struct

from loyalty.core.clock import Moment
from loyalty.core.codes import Code
from members.references import MemberReference
from rewards.api.bodies import BASKET
from rewards.api.catalogue import DiscountBody
from rewards.api.redemption_bodies import status_of
from rewards.deciding.activities import Money
from rewards.models import Voucher, VoucherUse
from rewards.redeeming import BasketTooSmall
from rewards.redeeming.vouchers import VoucherNotUsable

VoucherCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=60,
        description="As typed or scanned; blanks and case do not count, unless it is a third party's code",
    ),
]
Purchase = Annotated[Code, Meta(description="Your number of the receipt or order")]
Owner = Annotated[
    MemberReference | None, Meta(description="If it is known: the voucher then has to be this member's")
]


class VoucherCheck(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which voucher, and who shows it."""

    code: VoucherCode
    member: Owner = None
    basket: Annotated[Money | None, Meta(description=BASKET)] = None


class VoucherUsage(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which voucher is used for which purchase, and what it takes off."""

    code: VoucherCode
    external_id: Purchase
    amount: Annotated[Money | None, Meta(description="The discount that it gave, if you know it")] = None
    member: Owner = None
    basket: Annotated[Money | None, Meta(description=BASKET)] = None


class VoucherRollback(Struct, frozen=True, forbid_unknown_fields=True):
    """Which voucher was used for which purchase that did not come to pass."""

    code: VoucherCode
    external_id: Purchase


class VoucherVoiding(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing more has to be said."""


class VoucherBody(Struct, frozen=True, kw_only=True):
    """A voucher, without its code: that is told to whoever redeemed the reward."""

    id: UUID
    code_ends_with: Annotated[str, Meta(description="The last four characters of its code")]
    redemption_id: UUID
    member_id: UUID
    reward: Annotated[str, Meta(description="Key of the reward")]
    reward_name: str
    discount: Annotated[
        DiscountBody | None, Meta(description="What it takes off a basket; null: it is no discount")
    ]
    status: Literal["issued", "used", "void", "expired"]
    uses: Annotated[int, Meta(description="How often it was used")]
    uses_allowed: int
    expires_at: Moment | None

    @classmethod
    def of(cls, voucher: Voucher, *, at: datetime) -> Self:
        redemption = voucher.redemption
        return cls(
            id=voucher.pk,
            code_ends_with=voucher.code[-4:],
            redemption_id=redemption.pk,
            member_id=redemption.member_id,
            reward=redemption.reward.key,
            reward_name=redemption.reward.name,
            discount=DiscountBody.of(redemption.reward),
            status=status_of(voucher, at=at),
            uses=voucher.uses,
            uses_allowed=voucher.uses_allowed,
            expires_at=voucher.expires_at,
        )


class VoucherList(Struct, frozen=True):
    """Vouchers, newest first."""

    data: tuple[VoucherBody, ...]
    next: str | None
    previous: str | None


class VoucherChecked(Struct, frozen=True, kw_only=True):
    """Whether the voucher can be used now, and why not."""

    is_usable: bool
    reason: Annotated[
        Literal["used", "reserved", "void", "expired", "member_blocked", "basket_too_small"] | None,
        Meta(description="If it cannot be used; reserved: for a checkout"),
    ]
    detail: Annotated[str, Meta(description="The same in words")]
    basket_missing: Annotated[
        Money | None, Meta(description="What the basket lacks of the reward's minimum; null: nothing")
    ]
    voucher: VoucherBody

    @classmethod
    def of(
        cls, voucher: Voucher, obstacle: VoucherNotUsable | BasketTooSmall | None, *, at: datetime
    ) -> Self:
        lacks = obstacle.extra["missing"] if isinstance(obstacle, BasketTooSmall) else None
        return cls(
            is_usable=obstacle is None,
            reason=obstacle.extra.get("reason", obstacle.code) if obstacle else None,
            detail=obstacle.detail if obstacle else "",
            basket_missing=Money(**lacks) if lacks else None,
            voucher=VoucherBody.of(voucher, at=at),
        )


class VoucherUseBody(Struct, frozen=True, kw_only=True):
    """One use of a voucher, and the voucher as it is after it."""

    id: UUID
    external_id: str
    amount: Annotated[Money | None, Meta(description="The discount, if it was told")]
    used_at: Moment
    rolled_back_at: Moment | None
    voucher: VoucherBody

    @classmethod
    def of(cls, used: VoucherUse, *, currency: str, at: datetime) -> Self:
        amount = None if used.amount is None else Money(f"{used.amount:.2f}", currency)
        return cls(
            id=used.pk,
            external_id=used.external_id,
            amount=amount,
            used_at=used.used_at,
            rolled_back_at=used.rolled_back_at,
            voucher=VoucherBody.of(used.voucher, at=at),
        )
