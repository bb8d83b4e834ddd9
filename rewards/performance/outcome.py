"""What can be said of a comparison, and what of it is worth something. See Note [Uplift]."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import combinations
from math import ceil
from typing import Final

from rewards.performance import checks
from rewards.performance.comparing import Comparison, Interval, compare, members_needed
from rewards.performance.experiments import CONTROL
from rewards.performance.figures import Compared
from rewards.performance.groups import Group, foretold, joined, sample

ALL: Final = "all"
"""Everybody who takes part, whatever the variant, as one group."""
WORTH_SEEING: Final = 0.05
"""The effect for which it is said how many members it would take."""


class Verdict(StrEnum):
    """What a marketer is told first."""

    NO_GROUPS = "no_groups"
    MISMATCH = "mismatch"
    TOO_FEW = "too_few"
    MORE = "more"
    LESS = "less"
    NO_DIFFERENCE = "no_difference"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two groups compared, as they are and, in `plain`, without what was bought before."""

    one: Group
    other: Group
    comparison: Comparison
    plain: Comparison

    @property
    def verdict(self) -> Verdict:
        if not self.comparison.is_sure:
            return Verdict.NO_DIFFERENCE
        return Verdict.MORE if self.comparison.difference > 0 else Verdict.LESS

    @property
    def narrowed(self) -> float:
        """By what part looking at the time before has made the interval narrower."""
        plain = self.plain.interval.high - self.plain.interval.low
        shown = self.comparison.interval.high - self.comparison.interval.low
        return 1 - shown / plain if plain else 0.0


@dataclass(frozen=True, slots=True)
class Return:
    """
    What came of the points of one group, in money: sales that would not have been without them.

    `revenue` is for all members of the group together. Per point, and with a margin as `gain`: what
    is left of the margin on that revenue after the cost of the points, and as a share of the cost.
    """

    points: int
    cost: Decimal
    revenue: float
    revenue_interval: Interval
    per_point: float | None
    per_point_interval: Interval | None
    gain: float | None = None
    gain_interval: Interval | None = None
    on_cost: float | None = None
    on_cost_interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    All that the groups tell.

    `main` compares all who take part with the control group, `variants` each variant with it, and
    `pairs` the variants with each other; empty where there is nothing to compare.
    """

    verdict: Verdict
    groups: tuple[Group, ...]
    mismatch: float
    unlike_before: float
    main: Pair | None = None
    returned: Return | None = None
    variants: tuple[Pair, ...] = ()
    pairs: tuple[Pair, ...] = ()
    members_needed: int | None = None

    @property
    def is_mismatched(self) -> bool:
        return self.mismatch < checks.MISMATCH_BELOW

    @property
    def were_unlike(self) -> bool:
        return self.unlike_before < checks.UNLIKE_BELOW

    @property
    def best(self) -> Pair | None:
        """The surest difference among the pairs of variants, if any is sure."""
        sure = [pair for pair in self.pairs if pair.comparison.is_sure]
        return min(sure, key=lambda pair: pair.comparison.p_value, default=None)


def outcome(compared: Compared, *, margin: Decimal | None = None) -> Outcome:
    """
    What may be said of the groups' sales.

    :param margin: what is left of each unit of sales after what the goods cost, from 0 to 1
    """
    groups = compared.groups
    wrong = checks.mismatch(groups) if compared.is_experiment else 1.0
    enough = checks.are_enough(groups)
    unlike = checks.unlike_before(groups) if compared.is_experiment and enough else 1.0
    if not compared.is_experiment:
        return Outcome(Verdict.NO_GROUPS, groups, wrong, unlike)
    if wrong < checks.MISMATCH_BELOW:
        return Outcome(Verdict.MISMATCH, groups, wrong, unlike)
    if not enough:
        return Outcome(Verdict.TOO_FEW, groups, wrong, unlike)
    return _compared(compared, groups, wrong, unlike, margin)


def _compared(
    compared: Compared, groups: Sequence[Group], wrong: float, unlike: float, margin: Decimal | None
) -> Outcome:
    theta = foretold(groups)
    before = joined(groups, key=ALL).mean_before
    control = next((group for group in groups if group.key == CONTROL), None)
    others = [group for group in groups if group.key != CONTROL]

    def pair(one: Group, other: Group, *, comparisons: int = 1) -> Pair:
        shown, plain = (
            compare(
                sample(one, theta=t, before=before),
                sample(other, theta=t, before=before),
                comparisons=comparisons,
            )
            for t in (theta, 0.0)
        )
        return Pair(one, other, shown, plain)

    is_tested = len(others) > 1
    main = pair(joined(others, key=ALL) if is_tested else others[0], control) if control else None
    couples = list(combinations(others, 2))
    pairs = tuple(pair(one, other, comparisons=len(couples)) for one, other in couples)
    told = main or min(pairs, key=lambda found: found.comparison.p_value)
    return Outcome(
        verdict=told.verdict,
        groups=tuple(groups),
        mismatch=wrong,
        unlike_before=unlike,
        main=main,
        returned=_returned(main, compared, others, margin) if main else None,
        variants=tuple(pair(g, control, comparisons=len(others)) for g in others)
        if control and is_tested
        else (),
        pairs=pairs,
        members_needed=_members_needed(told, groups),
    )


def _members_needed(told: Pair, groups: Sequence[Group]) -> int | None:
    share = told.comparison.detectable_share
    if share is None or told.comparison.is_sure or share <= WORTH_SEEING:
        return None
    members = sum(group.members for group in groups)
    return ceil(members_needed(detectable=share, members=members, wanted=WORTH_SEEING))


def _returned(main: Pair, compared: Compared, others: Sequence[Group], margin: Decimal | None) -> Return:
    keys = [group.key for group in others]
    points, cost = compared.points_of(keys), compared.cost_of(keys)
    members = main.one.members
    revenue = main.comparison.difference * members
    interval = main.comparison.interval.times(members)
    found = Return(
        points=points,
        cost=cost,
        revenue=revenue,
        revenue_interval=interval,
        per_point=revenue / points if points else None,
        per_point_interval=interval.times(1 / points) if points else None,
    )
    return _with_margin(found, float(margin)) if margin is not None else found


def _with_margin(found: Return, margin: float) -> Return:
    cost = float(found.cost)

    def gain(revenue: float) -> float:
        return revenue * margin - cost

    low, high = gain(found.revenue_interval.low), gain(found.revenue_interval.high)
    return Return(
        points=found.points,
        cost=found.cost,
        revenue=found.revenue,
        revenue_interval=found.revenue_interval,
        per_point=found.per_point,
        per_point_interval=found.per_point_interval,
        gain=gain(found.revenue),
        gain_interval=Interval(low, high),
        on_cost=gain(found.revenue) / cost if cost else None,
        on_cost_interval=Interval(low / cost, high / cost) if cost else None,
    )
