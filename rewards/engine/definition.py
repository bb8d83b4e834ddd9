"""A campaign's definition, read from JSON: trigger, conditions, effects and schedule."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import msgspec

from rewards.engine import conditions, effects
from rewards.engine.catalogue import SCOPES
from rewards.engine.problems import InvalidDefinition, Place, Problem, shown
from rewards.engine.timing import EVENT_TYPE

TRIGGERS = ("sale", "event")


class Trigger(msgspec.Struct, frozen=True):
    """What a campaign listens to: sales, or custom events of one type."""

    kind: str
    event_type: str = ""


class Definition(msgspec.Struct, frozen=True):
    """A valid definition. The schedule is in UTC, its end exclusive; None is an open end."""

    trigger: Trigger
    conditions: conditions.Node | None
    effects: tuple[effects.Effect, ...]
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def parse(raw: object, *, wallet_types: Collection[str] | None = None) -> Definition:
    """
    The definition that the JSON says.

    :param wallet_types: the keys that effects may name; None does not look
    :raises InvalidDefinition: with everything that is wrong
    """
    place = Place()
    definition = _read(raw, place)
    if definition is not None and wallet_types is not None:
        _check_wallet_types(definition, wallet_types, place)
    if definition is None or place.problems:
        raise InvalidDefinition(tuple(place.problems))
    return definition


def problems(raw: object, *, wallet_types: Collection[str] | None = None) -> tuple[Problem, ...]:
    """Everything that is wrong with a definition; empty if it can be run."""
    try:
        parse(raw, wallet_types=wallet_types)
    except InvalidDefinition as invalid:
        return invalid.problems
    return ()


def _read(raw: object, place: Place) -> Definition | None:
    found = place.mapping(raw, keys=("trigger", "conditions", "effects", "schedule"))
    if found is None:
        return None
    trigger = _trigger(found.get("trigger"), place / "trigger")
    scope = SCOPES["sale" if trigger is None else trigger.kind]
    tree = conditions.parse(found.get("conditions"), scope=scope, place=place / "conditions")
    given = effects.parse(
        found.get("effects"), trigger=trigger.kind if trigger else "", place=place / "effects"
    )
    starts_at, ends_at = _schedule(found.get("schedule"), place / "schedule")
    return None if trigger is None else Definition(trigger, tree, given, starts_at, ends_at)


def _trigger(raw: object, place: Place) -> Trigger | None:
    found = place.mapping(raw, keys=("kind", "event_type"))
    if found is None:
        return None
    kind, event_type = found.get("kind"), found.get("event_type", "")
    if kind not in TRIGGERS:
        return (place / "kind").refuse("not_a_choice", found=shown(kind), choices=", ".join(TRIGGERS))
    if kind == "event" and not (isinstance(event_type, str) and EVENT_TYPE.match(event_type)):
        return (place / "event_type").refuse("not_an_event_type", found=shown(event_type))
    if kind == "sale" and event_type:
        return (place / "event_type").refuse("a_sale_has_no_event_type")
    return Trigger(kind, event_type)


def _schedule(raw: object, place: Place) -> tuple[datetime | None, datetime | None]:
    found = None if raw is None else place.mapping(raw, keys=("starts_at", "ends_at"))
    if found is None:
        return None, None
    starts_at = _instant(found.get("starts_at"), place / "starts_at")
    ends_at = _instant(found.get("ends_at"), place / "ends_at")
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        (place / "ends_at").refuse("ends_before_it_starts")
    return starts_at, ends_at


def _instant(raw: object, place: Place) -> datetime | None:
    if raw is None:
        return None
    try:
        moment = datetime.fromisoformat(raw) if isinstance(raw, str) else None
        if moment is not None and moment.utcoffset() is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return place.refuse("not_an_instant", found=shown(raw))


def _check_wallet_types(definition: Definition, wallet_types: Collection[str], place: Place) -> None:
    for index, effect in enumerate(definition.effects):
        if effect.wallet_type not in wallet_types:
            at = place / "effects" / index / "wallet_type"
            at.refuse("unknown_wallet_type", found=shown(effect.wallet_type), known=", ".join(wallet_types))
