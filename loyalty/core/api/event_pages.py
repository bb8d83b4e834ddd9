"""The catalogue of events as a page: each type with its fields and a sample."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise

from loyalty.core import event_catalogue
from loyalty.core.api import docs_frame
from loyalty.core.api.docs_frame import Place
from loyalty.core.event_catalogue import FIELDS, EventKind

AT: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str
    is_always_there: bool
    about: str | Promise


@docs_frame.only_read
def index(request: HttpRequest) -> HttpResponse:
    kinds = sorted(event_catalogue.kinds(), key=_topic)
    groups = {topic: list(map(_told, those)) for topic, those in groupby(kinds, key=_topic)}
    places = [Place(f"about-{topic}", topic.capitalize()) for topic in groups]
    return render(request, "api/events.html", {"groups": groups, "places": places})


def _topic(kind: EventKind) -> str:
    return kind.type.partition(".")[0]


def _told(kind: EventKind) -> dict[str, Any]:
    sample = orjson.dumps(event_catalogue.sample(kind, at=AT), option=orjson.OPT_INDENT_2).decode()
    return {"kind": kind, "fields": list(_fields(kind)), "sample": sample}


def _fields(kind: EventKind) -> Iterator[Field]:
    for name in kind.fields:
        known = FIELDS[name]
        form = str(known.schema.get("format") or known.schema.get("type", ""))
        yield Field(
            name,
            {"date-time": "moment", "uuid": "id"}.get(form, form),
            name not in kind.at_times,
            known.meaning,
        )
