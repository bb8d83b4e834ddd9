"""Two groups compared: a difference, its interval, and what could have been seen. See Note [Uplift]."""

from dataclasses import dataclass
from math import inf, sqrt
from typing import Final

from rewards.performance.distributions import NORMAL, student_quantile, student_tail
from rewards.performance.groups import Sample

LEVEL: Final = 0.95
POWER: Final = 0.8


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float

    @property
    def has_zero(self) -> bool:
        return self.low <= 0 <= self.high

    def times(self, factor: float) -> "Interval":
        """:param factor: not below zero"""
        return Interval(self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    How much more the one group's mean is than the other's.

    `relative` is that as a share of the other's, with Fieller's interval, or None where the other
    mean is too close to zero to be divided by. `detectable` is the smallest true difference that
    such groups would show in four cases of five. `p_value` and the intervals allow for the number of
    comparisons that were made.
    """

    difference: float
    interval: Interval
    relative: float | None
    relative_interval: Interval | None
    p_value: float
    detectable: float
    detectable_share: float | None

    @property
    def is_sure(self) -> bool:
        """Whether the interval has no zero in it."""
        return not self.interval.has_zero


def compare(one: Sample, other: Sample, *, comparisons: int = 1) -> Comparison:
    """
    Welch's t-test of two independent means, with an interval of 95 %.

    :param comparisons: how many are made beside each other, which have to share the 5 %
    """
    difference = one.mean - other.mean
    error = sqrt(one.variance + other.variance)
    freedom = _freedom(one, other)
    quantile = student_quantile(1 - (1 - LEVEL) / comparisons, freedom=freedom)
    relative = _ratio(one, other, quantile)
    detectable = (quantile + NORMAL.inv_cdf(POWER)) * error
    return Comparison(
        difference=difference,
        interval=Interval(difference - quantile * error, difference + quantile * error),
        relative=difference / other.mean if relative else None,
        relative_interval=relative,
        p_value=min(1.0, comparisons * _p_value(difference, error, freedom)),
        detectable=detectable,
        detectable_share=detectable / other.mean if other.mean > 0 else None,
    )


def _freedom(one: Sample, other: Sample) -> float:
    """Degrees of freedom by Welch and Satterthwaite."""
    parts = [(s.variance, s.members - 1) for s in (one, other) if s.members > 1]
    spread = sum(variance * variance / freedom for variance, freedom in parts)
    total = sum(variance for variance, _freedom in parts)
    return max(total * total / spread, 1.0) if spread else float(max(one.members + other.members - 2, 1))


def _p_value(difference: float, error: float, freedom: float) -> float:
    if not error:
        return 1.0 if not difference else 0.0
    return student_tail(difference / error, freedom=freedom)


def _ratio(one: Sample, other: Sample, quantile: float) -> Interval | None:
    """Fieller's interval of one mean divided by the other, less one; None if it has no ends."""
    squared = quantile * quantile
    base = other.mean * other.mean - squared * other.variance
    if other.mean <= 0 or base <= 0:
        return None
    product = one.mean * other.mean
    under_root = product * product - base * (one.mean * one.mean - squared * one.variance)
    reach = sqrt(max(under_root, 0.0))
    return Interval((product - reach) / base - 1, (product + reach) / base - 1)


def members_needed(*, detectable: float, members: int, wanted: float) -> float:
    """About how many members it takes to see a wanted difference, if so many show the detectable one."""
    return members * (detectable / wanted) ** 2 if wanted > 0 else inf
