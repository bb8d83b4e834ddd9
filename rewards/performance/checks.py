"""Whether a comparison may be believed: groups of the right sizes, alike before, and large enough."""

from collections.abc import Sequence
from typing import Final

from rewards.performance.comparing import compare
from rewards.performance.distributions import chi_square_tail
from rewards.performance.groups import Group, sample_before

MEMBERS_NEEDED: Final = 100
BUYERS_NEEDED: Final = 30
"""In each group; with fewer, means of purchases are not yet spread like the intervals say."""
MISMATCH_BELOW: Final = 0.001
"""As is usual for sample ratio mismatch: each look is a test, and a false alarm stops everything."""
UNLIKE_BELOW: Final = 0.01


def mismatch(groups: Sequence[Group]) -> float:
    """The chance that groups differ at least so much from the sizes that they should have; 1 if none do."""
    total = sum(group.members for group in groups)
    shares = sum(group.share for group in groups)
    if not total or len(groups) < 2 or shares <= 0:
        return 1.0
    expected = [total * group.share / shares for group in groups]
    surprise = sum(
        (group.members - wanted) ** 2 / wanted
        for group, wanted in zip(groups, expected, strict=True)
        if wanted
    )
    return chi_square_tail(surprise, freedom=len(groups) - 1)


def unlike_before(groups: Sequence[Group]) -> float:
    """
    The chance that means of what was bought before lie at least so far apart, if only chance parts them.

    Of all pairs with the first group the one that lies furthest apart, corrected for their number.
    """
    first, *others = groups
    pairs = [compare(sample_before(g), sample_before(first), comparisons=len(others)) for g in others]
    return min((pair.p_value for pair in pairs), default=1.0)


def are_enough(groups: Sequence[Group]) -> bool:
    return all(group.members >= MEMBERS_NEEDED and group.buyers >= BUYERS_NEEDED for group in groups)
