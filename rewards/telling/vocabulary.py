"""What a program calls the things that its rules name by their keys."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import ngettext

from loyalty.core.models import Program
from members.models import Segment, Tier, WalletType
from rewards.engine.reasons import Reason
from rewards.models import Badge, Campaign, Challenge, PrizeDraw, Reward

type Names = dict[tuple[str, str], str]

# Of tiers, those of the first ladder win, which is the one that conditions compare with: they come last.
_NAMED: Final[dict[str, tuple[QuerySet[Any], str]]] = {
    "tier": (Tier.objects.order_by("-ladder__key", "pk"), "ladder__program"),
    "segment": (Segment.objects.all(), "program"),
    "campaign": (Campaign.objects.all(), "program"),
    "wallet_type": (WalletType.objects.all(), "program"),
    "reward": (Reward.objects.all(), "program"),
    "badge": (Badge.objects.all(), "program"),
    "challenge": (Challenge.objects.all(), "program"),
    "draw": (PrizeDraw.objects.all(), "program"),
}


def named(program: Program, wanted: Iterable[tuple[str, str]]) -> Names:
    """
    The names of these, by kind and key, as far as there are any.

    One query for each kind; what was looked up stays with the program object.
    """
    known: Names = program.__dict__.setdefault("_names", {})
    missing: defaultdict[str, set[str]] = defaultdict(set)
    for kind, key in wanted:
        if (kind, key) not in known and kind in _NAMED:
            missing[kind].add(key)
    for kind, keys in missing.items():
        known |= {(kind, key): key for key in keys} | _look_up(program, kind, keys)
    return known


def looked_up(program_id: UUID, wanted: Iterable[tuple[str, str]]) -> Names:
    """The same of what is kept longer than a program object: nothing is remembered, and no key given back."""
    by_kind: defaultdict[str, set[str]] = defaultdict(set)
    for kind, key in wanted:
        if kind in _NAMED:
            by_kind[kind].add(key)
    found: Names = {}
    for kind, keys in by_kind.items():
        found |= _look_up(program_id, kind, keys)
    return found


def _look_up(program: Program | UUID, kind: str, keys: Collection[str]) -> Names:
    rows, owner = _NAMED[kind]
    found = rows.filter(**{owner: program}, key__in=keys).values_list("key", "name")
    return {(kind, key): name for key, name in found}


def spoken(reason: Reason, *, program: Program) -> str:
    """What the engine says, in words and with the program's own names."""
    keys = reason.keys()
    return (reason.named(named(program, keys)) if keys else reason).text(ngettext)
