"""
Quantiles and tails of Student's t and chi-square.

By the continued fractions of Numerical Recipes (3rd ed., 6.2 and 6.4); Python has only the normal
distribution, and a package for these two would be larger than the product.
"""

from collections.abc import Callable, Iterator
from math import exp, lgamma, log, log1p
from statistics import NormalDist
from typing import Final

_TINY: Final = 1e-300
_PRECISE: Final = 1e-15
_MOST_TERMS: Final = 100_000

NORMAL: Final = NormalDist()


def student_tail(value: float, *, freedom: float) -> float:
    """The chance of a t further from zero than this value, on either side."""
    if value == 0:
        return 1.0
    return incomplete_beta(freedom / (freedom + value * value), freedom / 2, 0.5)


def student_quantile(level: float, *, freedom: float) -> float:
    """The t that such a share of all values is not further from zero than: 1.96 for 0.95 and many."""
    outside = 1 - level
    high = 2.0
    while student_tail(high, freedom=freedom) > outside:
        high *= 2
    return _found(lambda value: student_tail(value, freedom=freedom) - outside, 0.0, high)


def chi_square_tail(value: float, *, freedom: int) -> float:
    """The chance of a chi-square of at least this value."""
    if value <= 0:
        return 1.0
    return _upper_gamma(freedom / 2, value / 2)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), the regularized incomplete beta function."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    # 1 − x is exact enough for x near one only by itself; the logarithm is not.
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(_beta_terms(x, a, b)) / a
    return 1 - front * _fraction(_beta_terms(1 - x, b, a)) / b


def _beta_terms(x: float, a: float, b: float) -> Iterator[tuple[float, float]]:
    yield 1.0, 1.0
    for m in range(_MOST_TERMS):
        if m:
            yield m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), 1.0
        yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1.0


def _upper_gamma(a: float, x: float) -> float:
    """Q(a, x), the regularized upper incomplete gamma function."""
    front = exp(a * log(x) - x - lgamma(a))
    if x >= a + 1:
        return front * _fraction(_gamma_terms(a, x))
    term = total = 1 / a
    for n in range(1, _MOST_TERMS):
        term *= x / (a + n)
        total += term
        if term < total * _PRECISE:
            break
    return 1 - front * total


def _gamma_terms(a: float, x: float) -> Iterator[tuple[float, float]]:
    yield 1.0, x + 1 - a
    for n in range(1, _MOST_TERMS):
        yield -n * (n - a), x + 2 * n + 1 - a


def _fraction(terms: Iterator[tuple[float, float]]) -> float:
    """a₁ / (b₁ + a₂ / (b₂ + …)) by Lentz's method, as far as it still moves."""
    value, numerator, denominator = _TINY, _TINY, 0.0
    for a, b in terms:
        denominator = 1 / ((b + a * denominator) or _TINY)
        numerator = (b + a / numerator) or _TINY
        moved = numerator * denominator
        value *= moved
        if abs(moved - 1) < _PRECISE:
            break
    return value


def _found(falls: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is zero, by halving: sure, and precise after 60 steps."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falls(middle) > 0 else (low, middle)
    return (low + high) / 2
