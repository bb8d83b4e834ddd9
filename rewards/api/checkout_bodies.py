"""What the API answers for checkouts, as schemas."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from loyalty.core.clock import Moment
from rewards.api.bodies import TransactionResult
from rewards.api.preview import PreviewBody
from rewards.checkouts.confirming import Payment
from rewards.checkouts.quote import PointsApplied, PointsOption, PricedLine, RewardApplied, VoucherApplied
from rewards.deciding.activities import Money
from rewards.models import Checkout, CheckoutStatus

Status = Annotated[
    Literal["open", "confirmed", "abandoned", "expired"],
    Meta(description="expired: its time was over, and everything is free again"),
]


class CheckoutBody(Struct, frozen=True, kw_only=True):
    """A basket on its way to being paid: prices, what is applied, and what is reserved until when."""

    id: UUID
    status: Status
    member_id: UUID
    opened_at: Moment
    expires_at: Moment
    closed_at: Moment | None
    lines: tuple[PricedLine, ...]
    subtotal: Annotated[Money, Meta(description="Of all lines, as the shop sells them")]
    discount: Annotated[Money, Meta(description="Taken off by rewards and vouchers")]
    paid_with_points: Money
    total: Annotated[Money, Meta(description="To be paid in money")]
    points: Annotated[tuple[PointsApplied, ...], Meta(description="Points that pay")]
    rewards: Annotated[tuple[RewardApplied, ...], Meta(description="In the order in which you sent them")]
    vouchers: Annotated[tuple[VoucherApplied, ...], Meta(description="In the order in which you sent them")]
    options: Annotated[
        tuple[PointsOption, ...], Meta(description="What each kind of points could pay, if no other did")
    ]
    earns: Annotated[PreviewBody, Meta(description="What the member would earn, by when it was last priced")]
    payments: Annotated[tuple[Payment, ...], Meta(description="Once it is confirmed")]
    transaction: Annotated[TransactionResult | None, Meta(description="The sale, once it is confirmed")]

    @classmethod
    def of(cls, checkout: Checkout, *, at: datetime) -> Self:
        """As it is at that moment: a checkout is over when its time is, whether or not a job came by."""
        told = {
            "id": checkout.pk,
            "status": _status(checkout, at),
            "member_id": checkout.member_id,
            "opened_at": checkout.opened_at,
            "expires_at": checkout.expires_at,
            "closed_at": checkout.closed_at,
            **checkout.quote,
            "payments": checkout.payments,
            "transaction": checkout.receipt,
        }
        return msgspec.convert(told, cls)


class ListedCheckout(Struct, frozen=True, kw_only=True):
    """A checkout in a list: without its basket, which is read by its id."""

    id: UUID
    status: Status
    member_id: UUID
    source: Annotated[str, Meta(description="Key of the partner that opened it")]
    opened_at: Moment
    expires_at: Moment
    closed_at: Moment | None
    total: Annotated[Money, Meta(description="To be paid in money")]
    external_id: Annotated[str | None, Meta(description="Number of the receipt or order, once it is paid")]
    transaction_id: Annotated[UUID | None, Meta(description="Of the sale, once it is paid")]

    @classmethod
    def of(cls, checkout: Checkout, *, currency: str, at: datetime) -> Self:
        """As it is at that moment."""
        return cls(
            id=checkout.pk,
            status=_status(checkout, at),
            member_id=checkout.member_id,
            source=checkout.source,
            opened_at=checkout.opened_at,
            expires_at=checkout.expires_at,
            closed_at=checkout.closed_at,
            total=Money(f"{checkout.total:.2f}", currency),
            external_id=checkout.paid_external_id or None,
            transaction_id=checkout.sale_id,
        )


class CheckoutList(Struct, frozen=True):
    """Some checkouts, the newest first."""

    data: tuple[ListedCheckout, ...]
    next: str | None
    previous: str | None


def _status(checkout: Checkout, at: datetime) -> Any:
    return CheckoutStatus.EXPIRED.value if checkout.is_overdue(at) else str(checkout.status)
