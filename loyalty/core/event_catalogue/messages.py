"""
What a message of an event looks like: its JSON Schema, and a sample.

Partners must take fields that they do not know; so the schemas allow them, and only what is
required is promised.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from loyalty.core.event_catalogue.event_kinds import KINDS, EventKind
from loyalty.core.event_catalogue.fields import FIELDS
from loyalty.core.events import TYPES

SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"


def kinds() -> Iterator[EventKind]:
    """All types of events, in the order in which `events.TYPES` names them."""
    return (KINDS[name] for name in TYPES)


def schema(kind: EventKind) -> dict[str, Any]:
    """The JSON Schema of a message: what webhooks send and the feed lists."""
    return {
        "$schema": SCHEMA,
        "title": kind.type,
        "description": str(kind.when),
        "type": "object",
        "properties": {
            "type": {"const": kind.type},
            "timestamp": {"type": "string", "format": "date-time"},
            "sequence": {"type": "integer", "minimum": 1},
            "is_truncated": {"type": "boolean"},
            "data": {
                "type": "object",
                "properties": {name: _described(name) for name in (*kind.fields, "is_sample")},
                "required": [name for name in kind.fields if name not in kind.at_times],
            },
        },
        "required": ["type", "timestamp", "sequence", "data"],
    }


def _described(name: str) -> dict[str, Any]:
    field = FIELDS[name]
    return {**field.schema, "description": str(field.meaning)}


def sample_data(kind: EventKind) -> dict[str, Any]:
    """Made-up data with every field that such an event can have."""
    return {name: FIELDS[name].sample for name in kind.fields}


def sample(kind: EventKind, *, at: datetime) -> dict[str, Any]:
    """A made-up message."""
    return {"type": kind.type, "timestamp": at, "sequence": 4_211, "data": sample_data(kind)}
