"""A tree of conditions as a condition of SQL. See Note [Two compilers]."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from rewards.audience import attributes
from rewards.audience.comparing import compared
from rewards.audience.facts import COUNTED, MEMBER
from rewards.audience.statement import Statement
from rewards.engine.assignment import PARTS
from rewards.engine.audience import Audience
from rewards.engine.conditions import Leaf, Node

_TYPES: Final = {
    "text": "text",
    "number": "bigint",
    "money": "numeric",
    "decimal": "numeric",
    "boolean": "boolean",
}


def condition(node: Node | None, s: Statement) -> str:
    """The condition that the tree's members meet: true for them, false or NULL for all others."""
    if node is None:
        return "true"
    if isinstance(node, Leaf):
        return f"({_leaf(node, s)})"
    children = [condition(child, s) for child in node.children]
    if node.kind == "all":
        return f"({' AND '.join(children)})"
    either = f"({' OR '.join(children)})"
    return either if node.kind == "any" else f"({either} IS NOT TRUE)"


def _leaf(leaf: Leaf, s: Statement) -> str:
    fact = leaf.fact
    if fact.key == "member.segments":
        return _in_segments(leaf, s)
    if fact.attribute:
        value = f"(m.attributes -> {s.give(fact.attribute, 'text')})"
        return attributes.condition(value, leaf, s)
    value = COUNTED[fact.key](s, fact.days) if fact.days else MEMBER[fact.key](s)
    return compared(value, leaf.operator, leaf.operand, kind=_TYPES[fact.type], s=s)


def _in_segments(leaf: Leaf, s: Statement) -> str:
    """By ids that are known by now: each member is one look-up, wherever in the tree it stands."""
    known = _known(leaf.operand, s)
    if leaf.operator == "has_all":
        if len(known) < len(leaf.operand):
            return "false"
        return " AND ".join(is_in([segment_id], s) for segment_id in known)
    return is_in(known, s) if leaf.operator == "has_any" else f"NOT {is_in(known, s)}"


def _known(keys: Collection[str], s: Statement) -> list[UUID]:
    return [s.segments[key] for key in keys if key in s.segments]


def is_in(segment_ids: list[UUID], s: Statement) -> str:
    """In at least one of these segments."""
    return (
        "EXISTS (SELECT FROM members_segmentmember AS place WHERE place.member_id = m.id"
        f" AND place.segment_id = ANY({s.give(segment_ids, 'uuid[]')}))"
    )


def of_audience(audience: Audience, s: Statement) -> str:
    """Whom a campaign is for, held out or not."""
    asked = ["true"]
    if audience.segments:
        asked.append(is_in(_known(audience.segments, s), s))
    if audience.not_segments:
        asked.append(f"NOT {is_in(_known(audience.not_segments, s), s)}")
    if audience.tiers:
        asked.append(f"{MEMBER['member.tier'](s)} = ANY({s.give(sorted(audience.tiers), 'text[]')})")
    return " AND ".join(asked)


def part(purpose: str, campaign_key: str, s: Statement) -> str:
    """As `rewards.engine.assignment.part` has it, from 0 to 9,999."""
    told = f"convert_to({s.give(f'{purpose}:{campaign_key}:', 'text')} || m.id::text, 'UTF8')"
    return f"(('x' || left(encode(sha256({told}), 'hex'), 8))::bit(32)::bigint % {PARTS})"
