from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from members.models import Member, WalletType
from rewards.models import Reward
from tests import factories
from tests.cast import Shop


@pytest.fixture
def _at_noon(noon: datetime) -> Iterator[None]:
    with time_machine.travel(noon, tick=False):
        yield


@pytest.fixture
def rate(points: WalletType) -> WalletType:
    """100 points pay a euro."""
    points.checkout_points, points.checkout_amount = 100, Decimal("1.00")
    points.save()
    return points


@pytest.fixture
def rich(ada: Member, rate: WalletType, shop: Shop) -> Shop:
    """Ada has 1,000 points, which pay 10 euros."""
    shop.program.refresh_from_db()
    shop.sells("receipt-1", "1000.00")
    return shop


def reward(shop: Shop, key: str, price: int, **discount: Any) -> Reward:
    points = WalletType.objects.get(program=shop.program, key="points")
    return factories.RewardFactory.create(
        program=shop.program, key=key, wallet_type=points, price=price, **discount
    )


@pytest.fixture
def five_off(rich: Shop) -> Reward:
    """500 points for 5 euros off."""
    return reward(rich, "five-off", 500, discount_kind="amount", discount_amount=Decimal(5))


@pytest.fixture
def coffee(rich: Shop) -> Reward:
    """A coffee for 200 points: no discount, but a voucher. Two are left."""
    return reward(rich, "coffee", 200, stock=2)
