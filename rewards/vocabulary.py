"""What a program calls the tiers and segments that its rules name by their keys."""

from loyalty.core.models import Program
from members.models import Segment, Tier


def named(program: Program) -> dict[tuple[str, str], str]:
    """
    The names of tiers and segments, as ("segment", key): for texts such as “not in segment Coffee lovers”.

    Of tiers, those of the first ladder win, which is the one that conditions compare with. Two queries.
    """
    tiers = Tier.objects.filter(ladder__program=program).order_by("-ladder__key", "pk")
    segments = Segment.objects.of(program).values_list("key", "name")
    return {
        **{("tier", key): name for key, name in tiers.values_list("key", "name")},
        **{("segment", key): name for key, name in segments},
    }
