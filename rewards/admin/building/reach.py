"""How many members a campaign can reach, as far as that can be said before anything happens."""

from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import orjson
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
    return None if place.problems else _counts(program, _about_members(tree), whom, at=at)


def of_tree(tree: Any, program: Program, *, at: datetime) -> dict[str, int] | None:
    """Active members who meet conditions over members; None if they cannot be read yet."""
    place = Place()
    node = conditions.parse(tree, scope=SCOPES["member"], place=place)
    return None if place.problems else _counts(program, node, EVERYONE, at=at)


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


def _counts(program: Program, node: Node | None, whom: Audience, *, at: datetime) -> dict[str, int] | None:
    try:
        total = _counted(program, None, EVERYONE, at=at)
        if node is None and whom.is_everyone:
            return {"count": total, "of": total}
        return {"count": _counted(program, node, whom, at=at), "of": total}
    except TooManyToCount:
        return None


def _counted(program: Program, node: Node | None, whom: Audience, *, at: datetime) -> int:
    """Counted once a minute at most, however often somebody asks while they type."""
    statement, parameters = members.selection(program, node, at=at, columns="count(*)", audience=whom)
    said = orjson.dumps([statement, parameters[1:]], default=str)
    key = f"reach:{program.pk}:{at:%Y%m%d}:{sha256(said).hexdigest()}"
    found = cache.get(key)
    if found is None:
        ((found,),) = members.bounded(statement, parameters)
        cache.set(key, found, timeout=KEPT_SECONDS)
    return int(found)
