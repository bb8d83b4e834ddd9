"""Quantiles and tails against printed tables, and against the densities integrated in another way."""

from collections.abc import Callable
from math import exp, lgamma, log, pi

import pytest

from rewards.performance.distributions import chi_square_tail, student_quantile, student_tail


def integrated(density: Callable[[float], float], low: float, high: float, steps: int = 20_000) -> float:
    """By Simpson's rule."""
    width = (high - low) / steps
    inner = sum((4 if n % 2 else 2) * density(low + n * width) for n in range(1, steps))
    return (density(low) + inner + density(high)) * width / 3


class TestStudent:
    @pytest.mark.parametrize(
        ("level", "freedom", "printed"),
        [
            (0.95, 1, 12.706205),
            (0.95, 5, 2.570582),
            (0.95, 10, 2.228139),
            (0.99, 30, 2.749996),
            (0.95, 100, 1.983972),
            (0.90, 2, 2.919986),
        ],
    )
    def test_quantiles_are_those_of_the_tables(self, level: float, freedom: int, printed: float):
        assert student_quantile(level, freedom=freedom) == pytest.approx(printed, abs=1e-6)

    def test_is_the_normal_distribution_for_millions(self):
        assert student_quantile(0.95, freedom=5e6) == pytest.approx(1.959964, abs=2e-6)

    @pytest.mark.parametrize("freedom", [2.5, 7.3, 61.0, 1234.5])
    @pytest.mark.parametrize("value", [0.1, 1.0, 2.5])
    def test_the_tails_are_what_the_density_leaves(self, freedom: float, value: float):
        def density(t: float) -> float:
            front = lgamma((freedom + 1) / 2) - lgamma(freedom / 2) - log(freedom * pi) / 2
            return exp(front - (freedom + 1) / 2 * log(1 + t * t / freedom))

        assert student_tail(value, freedom=freedom) == pytest.approx(
            1 - 2 * integrated(density, 0, value), abs=1e-9
        )

    def test_nothing_lies_beyond_zero_by_chance(self):
        assert student_tail(0.0, freedom=3) == 1.0


class TestChiSquare:
    @pytest.mark.parametrize(
        ("value", "freedom", "printed"),
        [(3.841459, 1, 0.05), (11.070498, 5, 0.05), (13.815511, 2, 0.001), (0.102587, 2, 0.95)],
    )
    def test_tails_are_those_of_the_tables(self, value: float, freedom: int, printed: float):
        assert chi_square_tail(value, freedom=freedom) == pytest.approx(printed, abs=1e-6)

    def test_two_degrees_are_an_exponential(self):
        assert chi_square_tail(7.0, freedom=2) == pytest.approx(exp(-3.5), rel=1e-12)
        assert chi_square_tail(0.5, freedom=2) == pytest.approx(exp(-0.25), rel=1e-12)

    def test_no_difference_is_no_surprise(self):
        assert chi_square_tail(0.0, freedom=1) == 1.0
