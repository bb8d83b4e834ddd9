"""What the API takes and answers about redemptions, as schemas."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from msgspec import Meta, Struct

from loyalty.core.clock import Moment
from loyalty.core.codes import OptionalCode
from members.pooling import FromHousehold
from members.references import MemberReference
from rewards.api.bodies import BASKET
from rewards.deciding.activities import Money
from rewards.models import Redemption, RedemptionStatus, Voucher, VoucherStatus
from rewards.redeeming import DEFAULT_LIFE, LONGEST_LIFE

RewardKey = Annotated[str, Meta(min_length=1, max_length=40, description="Key of the reward")]
Reason = Annotated[str, Meta(max_length=200, description="For people at work; members do not see it")]
Seconds = Annotated[
    int,
    Meta(
        ge=1,
        le=int(LONGEST_LIFE.total_seconds()),
        description="After so many seconds it is over by itself; a week at most",
    ),
]


class RedemptionHold(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who reserves which reward, and for how long."""

    member: MemberReference
    reward: RewardKey
    lives_for_seconds: Seconds = int(DEFAULT_LIFE.total_seconds())
    basket: Annotated[Money | None, Meta(description=BASKET)] = None
    from_household: FromHousehold = False


class RedemptionConfirmation(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """That the member takes what is reserved."""

    is_handed_over: Annotated[
        bool, Meta(description="The member has got it already: it is fulfilled, and no voucher is issued")
    ] = False


class RedemptionCancellation(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Why it is cancelled, if that is to be known."""

    reason: Reason = ""


class RedemptionFulfilment(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How to find what was sent, if it was."""

    tracking: Annotated[OptionalCode, Meta(description="A parcel number, an order")] = ""


class RedemptionReturn(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Why it came back, if that is to be known."""

    reason: Reason = ""


class RedemptionVoucher(Struct, frozen=True, kw_only=True):
    """The voucher that a redemption gave. Its code is worth money: show it to the member alone."""

    id: UUID
    code: Annotated[str | None, Meta(description="Null for credentials without `redemptions:write`")]
    status: Literal["issued", "used", "void", "expired"]
    uses: Annotated[int, Meta(description="How often it was used")]
    uses_allowed: int
    expires_at: Moment | None

    @classmethod
    def of(cls, voucher: Voucher, *, at: datetime, tells_code: bool) -> Self:
        return cls(
            id=voucher.pk,
            code=voucher.code if tells_code else None,
            status=status_of(voucher, at=at),
            uses=voucher.uses,
            uses_allowed=voucher.uses_allowed,
            expires_at=voucher.expires_at,
        )


def status_of(voucher: Voucher, *, at: datetime) -> Literal["issued", "used", "void", "expired"]:
    """Its status at that moment: what is left of it ends with its time."""
    if voucher.status == VoucherStatus.ISSUED and voucher.is_expired(at):
        return "expired"
    return voucher.status  # type: ignore[return-value]  # the column's choices


class RedemptionBody(Struct, frozen=True, kw_only=True):
    """One purchase of a reward, as it stands now."""

    id: UUID
    member_id: UUID
    reward: Annotated[str, Meta(description="Key of the reward")]
    reward_name: str
    wallet_type: Annotated[str | None, Meta(description="Key of the kind of points; null: it was a gift")]
    points: Annotated[int, Meta(description="What it costs; 0: a campaign gave it")]
    status: Annotated[
        Literal["held", "confirmed", "fulfilled", "cancelled", "expired", "returned"],
        Meta(description="The last three are final: points, piece and place under the limit are back"),
    ]
    transaction_id: Annotated[UUID | None, Meta(description="What a campaign gave it for")]
    redeemed_at: Annotated[Moment, Meta(description="When it was asked for, reserved or not")]
    expires_at: Annotated[Moment | None, Meta(description="Of a reservation: when it is over by itself")]
    confirmed_at: Moment | None
    fulfilled_at: Moment | None
    ended_at: Annotated[Moment | None, Meta(description="When it was cancelled, expired or came back")]
    reason: Annotated[str, Meta(description="Why it was cancelled or returned")]
    tracking: str
    voucher: RedemptionVoucher | None

    @classmethod
    def of(cls, redemption: Redemption, *, at: datetime, tells_code: bool) -> Self:
        """
        As it is at that moment: a reservation is over when its time is, whether or not a job came by.

        `tells_code`: whether the caller may know the voucher's code.
        """
        voucher = getattr(redemption, "voucher", None)
        is_over = redemption.is_overdue(at)
        return cls(
            id=redemption.pk,
            member_id=redemption.member_id,
            reward=redemption.reward.key,
            reward_name=redemption.reward.name,
            wallet_type=redemption.wallet_type.key if redemption.wallet_type else None,
            points=redemption.points,
            status=RedemptionStatus.EXPIRED.value if is_over else redemption.status,  # type: ignore[arg-type]
            transaction_id=redemption.activity_id,
            redeemed_at=redemption.redeemed_at,
            expires_at=redemption.expires_at,
            confirmed_at=redemption.confirmed_at or (None if redemption.hold_id else redemption.redeemed_at),
            fulfilled_at=redemption.fulfilled_at,
            ended_at=redemption.expires_at if is_over else redemption.ended_at,
            reason=redemption.reason,
            tracking=redemption.tracking,
            voucher=RedemptionVoucher.of(voucher, at=at, tells_code=tells_code) if voucher else None,
        )


class RedemptionList(Struct, frozen=True):
    """Redemptions, newest first."""

    data: tuple[RedemptionBody, ...]
    next: str | None
    previous: str | None
