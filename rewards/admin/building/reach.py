"""How many members a campaign can reach, as far as that can be said before anything happens."""

import json
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from django.core.cache import cache

from loyalty.core.models import Program
from rewards.audience import members
from rewards.audience.members import TooManyToCount
from rewards.engine import audience, conditions
from rewards.engine.audience import EVERYONE, Audience
from rewards.engine.catalogue import SCOPES
from rewards.engine.conditions import Group, Node, leaves
from rewards.engine.problems import Place

KEPT_SECONDS: Final = 60
_OF_MEMBERS: Final = SCOPES["member"].prefixes


def of_campaign(definition: Any, program: Program, *, at: datetime) -> dict[str, int] | None:
    """
    Active members of the audience who meet what is asked of members alone, and all active members.

    None if the audience cannot be read yet, or if counting takes longer than a page may wait.
    """
    found = definition if isinstance(definition, dict) else {}
    place = Place()
    whom = audience.parse(found.get("audience"), place / "audience")
    tree = conditions.parse(found.get("conditions"), scope=SCOPES[_scope(found)], place=Place())
    if place.problems:
        return None
    said = [found.get("audience"), found.get("conditions")]
    return _counts(program, _about_members(tree), whom, said=said, at=at)


def of_tree(tree: Any, program: Program, *, at: datetime) -> dict[str, int] | None:
    """Active members who meet conditions over members; None if they cannot be read yet."""
    place = Place()
    node = conditions.parse(tree, scope=SCOPES["member"], place=place)
    return None if place.problems else _counts(program, node, EVERYONE, said=tree, at=at)


def _scope(definition: dict[str, Any]) -> str:
    trigger = definition.get("trigger")
    return "sale" if isinstance(trigger, dict) and trigger.get("kind") == "sale" else "event"


def _about_members(tree: Node | None) -> Node | None:
    """What of the tree must hold whatever happens: the parts of an “all” that look at members alone."""
    if tree is None:
        return None
    parts = tree.children if isinstance(tree, Group) and tree.kind == "all" else (tree,)
    kept = tuple(
        part for part in parts if all(leaf.fact.key.startswith(_OF_MEMBERS) for leaf in leaves(part))
    )
    return Group("all", kept) if kept else None


def _counts(
    program: Program, node: Node | None, whom: Audience, *, said: Any, at: datetime
) -> dict[str, int] | None:
    try:
        total = _kept(program, None, lambda: members.count(program, None, at=at))
        if node is None and whom.is_everyone:
            return {"count": total, "of": total}
        found = _kept(program, said, lambda: members.count(program, node, at=at, audience=whom))
    except TooManyToCount:
        return None
    return {"count": found, "of": total}


def _kept(program: Program, said: Any, count: Callable[[], int]) -> int:
    """Counted once a minute at most, however often it is asked for while somebody types."""
    digest = sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return int(cache.get_or_set(f"reach:{program.pk}:{digest}", count, timeout=KEPT_SECONDS) or 0)
