"""
Definitions of campaigns as rows of a form: what fits into rows, and rows back into a definition.

A definition fits if it says "all of these" or "any of these" and nothing deeper, and if the rows say
exactly what it said: whatever would come back as something else is left alone.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from rewards import dates_drafting
from rewards.engine.catalogue import FAMILIES, SCOPES
from rewards.engine.fact import Fact

Row = dict[str, str]

MANY: Final = ("in", "not_in", "has_any", "has_all", "has_none")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}\Z", re.ASCII)
_TRUTH: Final = {"yes": True, "no": False, "true": True, "false": False}
_EFFECT_FIELDS: Final = {
    "points_per_unit": ("points", "per"),
    "fixed_points": ("points",),
    "multiplier": ("factor",),
}


def rows(definition: Mapping[str, Any]) -> dict[str, Any] | None:
    """The definition as what a form shows, or None if it does not fit into rows."""
    try:
        found = _rows(definition)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    fits = found["match"] in ("all", "any") and assembled(found) == _plain(definition)
    return found if fits else None


def _rows(definition: Mapping[str, Any]) -> dict[str, Any]:
    tree, trigger, schedule = (
        definition.get("conditions") or {},
        definition["trigger"],
        definition.get("schedule") or {},
    )
    match, leaves = next(iter(tree.items()), ("all", []))
    return {
        "trigger": trigger["kind"],
        "event_type": trigger.get("event_type", ""),
        "match": match,
        "conditions": [_condition_row(leaf) for leaf in leaves],
        "effects": [_effect_row(effect) for effect in definition["effects"]],
        **dates_drafting.rows(definition["effects"]),
        "starts_at": schedule.get("starts_at"),
        "ends_at": schedule.get("ends_at"),
    }


def _condition_row(leaf: Mapping[str, Any]) -> Row:
    family = next((family for family in FAMILIES if leaf["fact"].startswith(f"{family}.")), "")
    return {
        "fact": family or leaf["fact"],
        "name": leaf["fact"].removeprefix(f"{family}.") if family else "",
        "operator": leaf["operator"],
        "value": _shown(leaf["value"]),
    }


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _effect_row(effect: Mapping[str, Any]) -> Row:
    fields = _EFFECT_FIELDS[effect["kind"]]
    shown = {field: str(effect[field]) for field in fields}
    return {"kind": effect["kind"], "wallet_type": effect["wallet_type"], **shown}


def _plain(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The definition with everything said that it may leave out."""
    schedule = definition.get("schedule") or {}
    moments = {key: schedule.get(key) for key in {"starts_at", "ends_at", *schedule}}
    conditions = definition.get("conditions")
    if conditions in ({"all": []}, {"any": []}):
        conditions = None
    return {**definition, "conditions": conditions, "schedule": moments}


def assembled(found: Mapping[str, Any]) -> dict[str, Any]:
    """
    The definition that the rows say.

    A value that cannot be read stays as it was typed, for the check to name it.
    """
    trigger = {"kind": found["trigger"]}
    if found["trigger"] == "event":
        trigger["event_type"] = found["event_type"]
    leaves = [_leaf(row) for row in found["conditions"]]
    dates = dates_drafting.blocks(found)
    return {
        "trigger": trigger,
        "conditions": {found["match"]: leaves} if leaves else None,
        "effects": [{**_effect(row), **dates} for row in found["effects"]],
        "schedule": {"starts_at": found["starts_at"], "ends_at": found["ends_at"]},
    }


def _leaf(row: Mapping[str, str]) -> dict[str, Any]:
    key = f"{row['fact']}.{row['name']}" if row["fact"] in FAMILIES else row["fact"]
    return {
        "fact": key,
        "operator": row["operator"],
        "value": _value(row["value"], find(key), row["operator"]),
    }


def _value(text: str, fact: Fact | None, operator: str) -> Any:
    kind = fact.type if fact else "text"
    if operator == "known":
        return _TRUTH.get(text.strip().lower(), text.strip())
    if operator in MANY or operator == "between":
        return [_one(part, kind) for part in text.split(",") if part.strip()]
    return _one(text, kind)


def _one(text: str, kind: str) -> Any:
    text = text.strip()
    if kind == "boolean":
        return _TRUTH.get(text.lower(), text)
    if kind == "choice":
        return text.lower()
    return int(text) if kind in ("number", "attribute") and _INTEGER.match(text) else text


def _effect(row: Mapping[str, str]) -> dict[str, Any]:
    fields = {field: row.get(field, "").strip() for field in _EFFECT_FIELDS.get(row["kind"], ())}
    effect: dict[str, Any] = {"kind": row["kind"], "wallet_type": row["wallet_type"], **fields}
    if row["kind"] == "fixed_points" and _INTEGER.match(effect["points"]):
        effect["points"] = int(effect["points"])
    return effect


def find(key: str) -> Fact | None:
    """The fact of that key, whatever the trigger."""
    found = (scope.find(key) for scope in (SCOPES["sale"], SCOPES["event"]))
    return next(filter(None, found), None)


def facts() -> Iterable[Fact]:
    """The facts that rows can ask about, without those whose names a program makes up."""
    return SCOPES["sale"].facts()
