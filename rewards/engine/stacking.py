"""How campaigns that match the same activity go together, and where only one of them gives."""

from __future__ import annotations

import msgspec

from rewards.engine.operands import read_between, read_key
from rewards.engine.problems import Place, shown

PRIORITY_AT_MOST = 1_000
BEST, FIRST = "best", "first"


class Stacking(msgspec.Struct, frozen=True):
    """
    Higher `priority` comes first. Of the campaigns of a `group` that match, one gives.

    That is the one that gives most points, or the first (`chooses_first`); empty is no group.
    """

    priority: int = 0
    group: str = ""
    chooses_first: bool = False


ALONE = Stacking()


def parse(raw: object, place: Place) -> Stacking:
    """What the JSON says; what is wrong with it is noted at the place."""
    found = None if raw is None else place.mapping(raw, keys=("priority", "group", "choose"))
    if found is None:
        return ALONE
    priority = found.get("priority")
    if priority is not None:
        priority = read_between(priority, 0, PRIORITY_AT_MOST, place / "priority")
    group = found.get("group") or ""
    if group:
        group = read_key(group, place / "group")
    choose = found.get("choose", BEST)
    if choose not in (BEST, FIRST):
        (place / "choose").refuse("not_a_choice", found=shown(choose), choices=f"{BEST}, {FIRST}")
    return Stacking(priority or 0, group or "", choose == FIRST)
