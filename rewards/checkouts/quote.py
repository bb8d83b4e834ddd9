"""What a basket costs and what is applied to it, as it is stored with the checkout and told to partners."""

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from rewards.deciding.activities import Money

_BROUGHT = "Of the points, those that others of the household added: they go back if it comes to nothing"
_ID_OF_HOLD = "Of the hold that reserves them; it ends with the checkout"


class PricedLine(Struct, frozen=True, kw_only=True):
    """A line of the basket: `amount` as the shop sells it, and what of that is left to pay."""

    id: str
    sku: str
    quantity: str
    amount: Money
    discount: Annotated[Money, Meta(description="Taken off by rewards and vouchers")]
    paid_with_points: Money
    total: Annotated[Money, Meta(description="Left to pay in money")]


class PointsApplied(Struct, frozen=True, kw_only=True):
    """Points that pay: the fewest that pay this amount, reserved for this checkout."""

    wallet_type: str
    points: int
    amount: Money
    lines: Annotated[dict[str, int], Meta(description="Points by line")]
    hold_id: Annotated[UUID, Meta(description=_ID_OF_HOLD)]
    brought: Annotated[int, Meta(description=_BROUGHT)] = 0


class Reserved(Struct, frozen=True, kw_only=True):
    """A hold of points, or a redemption, that is kept for a checkout."""

    id: UUID
    points: int
    brought: int


class RewardApplied(Struct, frozen=True, kw_only=True):
    """A reward that is bought with points, reserved for this checkout, and what it takes off."""

    reward: Annotated[str, Meta(description="Key of the reward")]
    wallet_type: str
    points: Annotated[int, Meta(description="What it costs the member")]
    discount: Annotated[Money, Meta(description="0.00 for what is no discount: it has a voucher then")]
    redemption_id: UUID
    brought: Annotated[int, Meta(description=_BROUGHT)] = 0


class VoucherApplied(Struct, frozen=True, kw_only=True):
    """A voucher of which one use is reserved for this checkout, and what it takes off."""

    voucher_id: UUID
    code: str
    reward: Annotated[str, Meta(description="Key of the reward that it is of")]
    discount: Annotated[Money, Meta(description="0.00 for what is no discount")]


class PointsOption(Struct, frozen=True, kw_only=True):
    """Points of a kind that could pay for this basket: what a shop offers the member."""

    wallet_type: str
    name: str
    available: Annotated[int, Meta(description="With those that are reserved for this checkout")]
    points: Annotated[int, Meta(description="The most that can be used here")]
    amount: Annotated[Money, Meta(description="What these points would pay")]


class Quote(Struct, frozen=True, kw_only=True):
    """All of it. `earns` is the preview of what the member earns with it."""

    lines: tuple[PricedLine, ...]
    subtotal: Money
    discount: Money
    paid_with_points: Money
    total: Money
    points: tuple[PointsApplied, ...] = ()
    rewards: tuple[RewardApplied, ...] = ()
    vouchers: tuple[VoucherApplied, ...] = ()
    options: tuple[PointsOption, ...] = ()
    earns: dict[str, Any] = {}

    @property
    def is_of_household(self) -> bool:
        """Whether others of the household have added points."""
        return any(one.brought for one in self.points) or any(one.brought for one in self.rewards)
