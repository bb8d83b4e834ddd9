"""The catalogue of events as a page of the docs."""

import json
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from loyalty.core import event_catalogue
from loyalty.core.event_catalogue import FIELDS, EventKind

AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
INTRODUCTION = """\
# Events

What the program tells by webhook and feed. `GET /v1/event-catalogue` has the same with a JSON Schema for
each type. This page is written by `manage.py event_catalogue > docs/partners/events.md`.

A message is `{"type", "timestamp", "sequence", "data"}`: `timestamp` is when it happened, by the program's
clock; `sequence` grows with each event of a member. Each can come more than once (the same `webhook-id`), and
a late one after a newer one: go by `sequence`. Skip types that you do not know, and take fields that are not
named here. What is in **bold** is always there. No event has personal data: read the member for it.
"""


class Command(BaseCommand):
    help = "Writes the catalogue of events as Markdown."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(page(), ending="")


def page() -> str:
    rows = "\n".join(_row(kind) for kind in event_catalogue.kinds())
    fields = "\n".join(f"| `{name}` | {field.meaning} |" for name, field in sorted(FIELDS.items()))
    sample = event_catalogue.sample(event_catalogue.KINDS["points.earned"], at=AT)
    shown = json.dumps(sample | {"timestamp": "2026-06-01T12:00:00Z"}, indent=2)
    return (
        f"{INTRODUCTION}\n```json\n{shown}\n```\n\n"
        f"## Types\n\n| type | when | data |\n|---|---|---|\n{rows}\n\n"
        f"## Fields\n\n| field | what it means |\n|---|---|\n{fields}\n"
    )


def _row(kind: EventKind) -> str:
    always = [f"**`{name}`**" for name in kind.fields if name not in kind.at_times]
    at_times = [f"`{name}`" for name in kind.at_times]
    return f"| `{kind.type}` | {kind.when} | {', '.join([*always, *at_times])} |"
