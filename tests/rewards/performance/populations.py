"""Members whom chance put into groups, as the sums that the database gives of them."""

from collections.abc import Sequence
from decimal import Decimal
from operator import mul

from rewards.performance.groups import Group


def group(
    key: str, sales: Sequence[float], before: Sequence[float] | None = None, *, share: float = 0.5
) -> Group:
    """A group of members who bought for these amounts, each counted in cents."""
    bought = [round(float(amount) * 100) for amount in sales]
    earlier = [round(float(amount) * 100) for amount in before] if before else [0] * len(bought)
    return Group(
        key=key,
        share=share,
        members=len(bought),
        buyers=sum(amount > 0 for amount in bought),
        sales=Decimal(sum(bought)) / 100,
        sales_squares=Decimal(sum(a * a for a in bought)) / 10_000,
        before=Decimal(sum(earlier)) / 100,
        before_squares=Decimal(sum(b * b for b in earlier)) / 10_000,
        products=Decimal(sum(map(mul, bought, earlier))) / 10_000,
    )
