"""From a priced basket to what a partner is told of it."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from loyalty.core.models import Program
from members import terms
from rewards.checkouts.contents import CheckoutContents, priced
from rewards.checkouts.offered import payable
from rewards.checkouts.pricing import Paid, Priced, Taken, most_points
from rewards.checkouts.quote import (
    PointsApplied,
    PointsOption,
    PricedLine,
    Quote,
    Reserved,
    RewardApplied,
    VoucherApplied,
)
from rewards.journeys.returns.goods import cents
from rewards.models import Reward, Voucher


class Applied(Struct, frozen=True, kw_only=True):
    """
    What is reserved, as it was asked for: holds of the points, redemptions, vouchers.

    Discounts of the rewards come first, those of the vouchers after them.
    """

    holds: Sequence[Reserved]
    rewards: Sequence[Reward]
    redemptions: Sequence[Reserved]
    vouchers: Sequence[Voucher]
    free: Mapping[str, int]
    """Points by kind that the member has, with those that are reserved here."""


def quoted(contents: CheckoutContents, found: Priced, applied: Applied, *, program: Program) -> Quote:
    return Quote(
        lines=tuple(_lines(contents, found, program)),
        subtotal=priced(found.subtotal, program),
        discount=priced(found.discounted, program),
        paid_with_points=priced(found.paid, program),
        total=priced(found.total, program),
        points=tuple(
            PointsApplied(
                wallet_type=wanted.wallet_type,
                points=paid.points,
                amount=priced(paid.cents, program),
                lines=paid.points_by_line,
                hold_id=hold.id,
                brought=hold.brought,
            )
            for wanted, paid, hold in zip(contents.points, found.payments, applied.holds, strict=True)
        ),
        rewards=tuple(
            RewardApplied(
                reward=reward.key,
                wallet_type=reward.wallet_type.key,
                points=redemption.points,
                discount=priced(taken.cents, program),
                redemption_id=redemption.id,
                brought=redemption.brought,
            )
            for reward, taken, redemption in zip(
                applied.rewards, found.discounts, applied.redemptions, strict=False
            )
        ),
        vouchers=tuple(
            VoucherApplied(
                voucher_id=voucher.pk,
                code=voucher.code,
                reward=voucher.redemption.reward.key,
                discount=priced(taken.cents, program),
            )
            for voucher, taken in zip(applied.vouchers, found.discounts[len(applied.rewards) :], strict=True)
        ),
        options=tuple(_options(found, applied, program)),
    )


def _lines(contents: CheckoutContents, found: Priced, program: Program) -> Iterator[PricedLine]:
    for line in contents.lines:
        yield PricedLine(
            id=line.id,
            sku=line.sku,
            quantity=line.quantity,
            amount=priced(cents(line.amount.value), program),
            discount=priced(_of_line(line.id, found.discounts), program),
            paid_with_points=priced(_of_line(line.id, found.payments), program),
            total=priced(found.left[line.id], program),
        )


def _of_line(line_id: str, parts: Sequence[Taken] | Sequence[Paid]) -> int:
    return sum(part.by_line.get(line_id, 0) for part in parts)


def _options(found: Priced, applied: Applied, program: Program) -> Iterator[PointsOption]:
    """What each kind of points could pay, if no other did; rewards have their points before."""
    due = found.subtotal - found.discounted
    for kind, rate in payable(program):
        bought = zip(applied.rewards, applied.redemptions, strict=True)
        spent = sum(one.points for reward, one in bought if reward.wallet_type_id == kind.id)
        available = max(0, applied.free.get(kind.key, 0) - spent)
        points = most_points(rate, cents=due, available=available)
        yield PointsOption(
            wallet_type=kind.key,
            name=kind.name,
            available=available,
            points=points,
            amount=priced(rate.worth(points), program),
        )


def kind_keys(program: Program) -> dict[UUID, str]:
    return {kind.id: kind.key for kind in terms.of(program).wallet_types.values()}
