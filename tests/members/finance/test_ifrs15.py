"""The arithmetic of IFRS 15 for points: the standard's own example, and its edges. No database."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.finance.ifrs15 import Use, allocate, recognise

MONEY = st.decimals(min_value=0, max_value=10**9, places=2)
COUNTS = st.integers(0, 10**6).map(Decimal)


def euros(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1)))


def whole(*amounts: Decimal) -> tuple[int, ...]:
    """Amounts without cents, exactly."""
    assert all(amount == int(amount) for amount in amounts)
    return tuple(int(amount) for amount in amounts)


class TestExample52:
    """Illustrative example 52 of the standard: a customer loyalty programme."""

    def test_splits_the_sale(self):
        split = allocate(
            price=Decimal(100_000), goods_alone=Decimal(100_000), points_alone=9_500 * Decimal(1)
        )

        assert (euros(split.goods), euros(split.points)) == (91_324, 8_676)

    def test_recognises_points_as_they_are_used(self):
        split = allocate(price=Decimal(100_000), goods_alone=Decimal(100_000), points_alone=Decimal(9_500))

        first, second = recognise(
            [
                Use(allocated=split.points, used=Decimal(4_500), expected=Decimal(9_500)),
                Use(allocated=split.points, used=Decimal(8_500), expected=Decimal(9_700)),
            ]
        )

        assert (euros(first.revenue), euros(first.liability)) == (4_110, 4_566)
        assert (euros(second.revenue), euros(second.liability)) == (3_493, 1_073)
        # 4,500 of 9,700 instead of 9,500: what was too much is taken back at once.
        assert (euros(first.catch_up), euros(second.catch_up)) == (0, -85)


class TestAllocate:
    def test_points_that_nobody_is_expected_to_use_get_nothing(self):
        split = allocate(price=Decimal(100), goods_alone=Decimal(100), points_alone=Decimal(0))

        assert whole(split.goods, split.points) == (100, 0)

    def test_a_price_of_nothing_is_split_into_nothing(self):
        split = allocate(price=Decimal(0), goods_alone=Decimal(0), points_alone=Decimal(5))

        assert whole(split.goods, split.points) == (0, 0)

    @pytest.mark.parametrize("wrong", ["price", "goods_alone", "points_alone"])
    def test_refuses_less_than_nothing(self, wrong: str):
        amounts = dict.fromkeys(("price", "goods_alone", "points_alone"), Decimal(1))

        with pytest.raises(ValueError, match="not less than nothing"):
            allocate(**amounts | {wrong: Decimal(-1)})

    @given(price=MONEY, goods=MONEY, points=MONEY)
    def test_parts_make_up_the_price(self, price: Decimal, goods: Decimal, points: Decimal):
        split = allocate(price=price, goods_alone=goods, points_alone=points)

        assert split.goods + split.points == price
        assert -Decimal("1e-12") <= split.points <= price


class TestRecognise:
    def test_all_used_is_all_revenue(self):
        (only,) = recognise([Use(Decimal(100), used=Decimal(50), expected=Decimal(50))])

        assert whole(only.revenue, only.liability) == (100, 0)

    def test_nothing_expected_any_more_leaves_no_liability(self):
        first, second = recognise(
            [
                Use(Decimal(100), used=Decimal(10), expected=Decimal(40)),
                Use(Decimal(100), used=Decimal(10), expected=Decimal(0)),
            ]
        )

        assert whole(first.revenue, first.liability) == (25, 75)
        assert whole(second.revenue, second.catch_up, second.liability) == (75, 75, 0)

    def test_more_used_than_expected_is_no_more_than_all(self):
        (only,) = recognise([Use(Decimal(100), used=Decimal(60), expected=Decimal(50))])

        assert whole(only.revenue, only.liability) == (100, 0)

    def test_an_undone_redemption_takes_its_revenue_back(self):
        _first, second = recognise(
            [
                Use(Decimal(100), used=Decimal(20), expected=Decimal(40)),
                Use(Decimal(100), used=Decimal(10), expected=Decimal(40)),
            ]
        )

        assert whole(second.revenue, second.catch_up, second.liability) == (-25, 0, 75)

    @given(allocated=MONEY, uses=st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=8))
    def test_revenue_and_liability_make_up_what_was_deferred(
        self, allocated: Decimal, uses: list[tuple[Decimal, Decimal]]
    ):
        periods = list(recognise([Use(allocated, used, expected) for used, expected in uses]))

        last = periods[-1]
        assert last.so_far + last.liability == allocated
        assert abs(sum(one.revenue for one in periods) - last.so_far) < Decimal("1e-9")
        assert all(0 <= one.liability <= allocated for one in periods)
