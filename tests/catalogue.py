"""What is published is what the catalogue of events says, no more and no less."""

from functools import cache
from typing import Any

import jsonschema
from django.db import connection

from loyalty.core import event_catalogue
from loyalty.core.models import Event


def strictly(kind: event_catalogue.EventKind) -> dict[str, Any]:
    """The schema of a type, with no field besides those that it names."""
    schema = event_catalogue.schema(kind)
    schema["properties"]["data"]["additionalProperties"] = False
    return schema


@cache
def _validator(event_type: str) -> jsonschema.Draft202012Validator:
    schema = strictly(event_catalogue.KINDS[event_type])
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def fault_of(event: Event) -> str:
    """What is not as the catalogue says; empty if nothing is."""
    about = {"member_id": str(event.member_id)} if event.member_id else {}
    message = {
        "type": event.type,
        "timestamp": event.occurred_at.isoformat(),
        "sequence": event.number,
        "data": {**about, **event.data},
    }
    try:
        _validator(event.type).validate(message)
    except jsonschema.ValidationError as error:
        return f"{event.type}: {error.message}"
    return ""


def faults() -> list[str]:
    """Of all events that there are now; none if the test has lost its transaction."""
    if connection.needs_rollback:
        return []
    return [
        fault for event in Event.objects.filter(type__in=event_catalogue.KINDS) if (fault := fault_of(event))
    ]
