"""
When a campaign's points can be spent and when they are gone, as rows of a form.

The form says it once for the campaign; in the definition each effect says it for itself. What says
different things for different effects does not fit into the form.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

Row = dict[str, str]

_INTEGER: Final = re.compile(r"[0-9]{1,9}\Z", re.ASCII)
EXPIRY: Final[dict[str, tuple[str, ...]]] = {
    "never": (),
    "days": ("number",),
    "months": ("number",),
    "end_of_month": ("number",),
    "end_of_quarter": ("number",),
    "end_of_year": ("number",),
    "fixed_date": ("date",),
}
"""The rules, with what each of them needs to know."""
PENDING: Final[dict[str, tuple[str, ...]]] = {
    "days": ("days",),
    "until": ("until",),
    "event": ("event", "cancel_after_days"),
}


def rows(effects: Sequence[Mapping[str, Any]]) -> dict[str, Row]:
    """
    What the effects say of their points' dates; empty kinds where they leave it to the kind of points.

    :raises ValueError: if they do not all say the same
    """
    said = [(effect.get("expiry"), effect.get("pending")) for effect in effects]
    if any(one != said[0] for one in said):
        raise ValueError("each effect has dates of its own")
    expiry, pending = said[0] if said else (None, None)
    return {"expiry": _expiry_row(expiry), "pending": _pending_row(pending)}


def _expiry_row(block: Mapping[str, Any] | None) -> Row:
    if block is None:
        return {"kind": ""}
    return {"kind": block["rule"], **{name: str(block[name]) for name in block if name != "rule"}}


def _pending_row(block: Mapping[str, Any] | None) -> Row:
    if block is None:
        return {"kind": ""}
    kind = next(kind for kind in PENDING if kind in block)
    return {"kind": kind, **{name: str(value) for name, value in block.items()}}


def blocks(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What each effect gets to say; a number that cannot be read stays as it was typed."""
    said = {}
    expiry, pending = found.get("expiry") or {}, found.get("pending") or {}
    if kind := expiry.get("kind"):
        said["expiry"] = {"rule": kind, **_values(expiry, EXPIRY[kind])}
    if kind := pending.get("kind"):
        said["pending"] = _values(pending, PENDING[kind])
    return said


def _values(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    texts = {name: str(row.get(name) or "").strip() for name in names}
    return {name: int(text) if _INTEGER.match(text) else text for name, text in texts.items()}
