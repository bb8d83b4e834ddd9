"""
Types of events that partners report: what the program has described of them, and whether an event is so.

Who reports a type that nobody has described reports it freely; of a described one, the attributes that
are declared have to be of their type. What is not declared is taken as it is.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Struct

from loyalty.core import events
from loyalty.core.errors import InvalidInput
from loyalty.core.models import Program
from members.models import AttributeKind, AttributeType, EventType
from rewards.deciding.activities import CustomEvent
from rewards.engine.facts import DATE, number_in
from rewards.engine.triggers import REPORTED, RESERVED

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
OURS: Final = (RESERVED | frozenset(events.TYPES)) - REPORTED
"""Names of what Regulars itself sees and tells."""


class Declared(Struct, frozen=True):
    """One attribute of a type of events."""

    name: str
    label: str
    kind: str
    choices: tuple[str, ...] = ()


class Described(Struct, frozen=True):
    """A type of events, with what is declared of it; `needed` must be there."""

    name: str
    label: str
    attributes: tuple[Declared, ...] = ()
    needed: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        """What the attributes of such an event must be, as a JSON Schema."""
        return {
            "$schema": DIALECT,
            "title": self.label,
            "type": "object",
            "properties": {one.name: _schema(one) for one in self.attributes},
            "required": list(self.needed),
            "additionalProperties": {"type": ["string", "integer", "boolean"]},
        }


BUILT_IN: Final = (
    Described(
        "code.entered",
        "Code entered",
        (Declared("code", "Code", AttributeKind.TEXT.value),),
        ("code",),
    ),
    Described(
        "store.checked_in",
        "Checked in at a store",
        (Declared("store", "Store", AttributeKind.TEXT.value),),
        ("store",),
    ),
)
"""Types that campaigns know by themselves."""

_KEPT: Final[dict[UUID, tuple[int, Mapping[str, Described]]]] = {}


def of(program: Program) -> Mapping[str, Described]:
    """The described types by name; from memory unless the program's `rules_revision` has moved."""
    kept = _KEPT.get(program.pk)
    if kept and kept[0] == program.rules_revision:
        return kept[1]
    found = {one.name: one for one in (*BUILT_IN, *_load(program))}
    _KEPT[program.pk] = (program.rules_revision, found)
    return found


def _load(program: Program) -> list[Described]:
    declared: defaultdict[UUID | None, list[Declared]] = defaultdict(list)
    rows = AttributeType.objects.of(program).filter(event_type__isnull=False).order_by("name")
    for row in rows:
        assert row.event_type_id is not None, "the filter says so"
        declared[row.event_type_id].append(Declared(row.name, row.label, row.type, tuple(row.choices)))
    types = EventType.objects.of(program).order_by("name")
    return [Described(known.name, known.label, tuple(declared[known.pk])) for known in types]


def check(event: CustomEvent, *, program: Program) -> None:
    """
    Refuse an event that cannot be what it says.

    :raises InvalidInput: if its type is Regulars' own, or an attribute is missing or of another type
    """
    if event.type in OURS:
        raise InvalidInput(
            _("“%(type)s” is what Regulars itself sees; nobody reports it.") % {"type": event.type},
            pointer="#/type",
        )
    described = of(program).get(event.type)
    if described is None:
        return
    for name in described.needed:
        if not (isinstance(text := event.attributes.get(name), str) and text.strip()):
            raise InvalidInput(
                _("An event “%(type)s” says which: a text in its attribute “%(name)s”.")
                % {"type": event.type, "name": name},
                pointer=f"#/attributes/{name}",
            )
    for one in described.attributes:
        if one.name in event.attributes:
            _check(one, event.attributes[one.name])


def _check(declared: Declared, value: Any) -> None:
    pointer = f"#/attributes/{declared.name}"
    wanted, fits = _KINDS[declared.kind]
    if not fits(value):
        raise InvalidInput(
            _("“%(name)s” is %(wanted)s.") % {"name": declared.name, "wanted": wanted}, pointer=pointer
        )
    if declared.choices and value not in declared.choices:
        choices = ", ".join(declared.choices)
        raise InvalidInput(
            _("“%(name)s” is one of: %(choices)s.") % {"name": declared.name, "choices": choices},
            pointer=pointer,
        )


def _is_date(value: Any) -> bool:
    with suppress(ValueError):
        return isinstance(value, str) and bool(DATE.match(value)) and date.fromisoformat(value) is not None
    return False


def _is_number(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or number_in(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_KINDS: Final[dict[str, tuple[Any, Callable[[Any], bool]]]] = {
    AttributeKind.TEXT.value: (gettext_lazy("a text"), _is_text),
    AttributeKind.SET.value: (gettext_lazy("a text"), _is_text),
    AttributeKind.NUMBER.value: (gettext_lazy("a whole number, or a decimal as a text"), _is_number),
    AttributeKind.DATE.value: (gettext_lazy("a date such as 2026-12-24"), _is_date),
    AttributeKind.BOOLEAN.value: (
        gettext_lazy("true or false"),
        lambda value: isinstance(value, bool),
    ),
}


def _schema(declared: Declared) -> dict[str, Any]:
    number = {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$"}
    shapes: dict[str, dict[str, Any]] = {
        AttributeKind.NUMBER.value: {"anyOf": [{"type": "integer"}, number]},
        AttributeKind.DATE.value: {"type": "string", "format": "date"},
        AttributeKind.BOOLEAN.value: {"type": "boolean"},
    }
    shape = shapes.get(declared.kind, {"type": "string", "maxLength": 200})
    choices = {"enum": list(declared.choices)} if declared.choices else {}
    return {"title": declared.label, **shape, **choices}
