"""A campaign's definition, read from JSON: from its trigger to its schedule."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from rewards.engine import audience, conditions, effects, limits, schedule, stacking, triggers
from rewards.engine.assignment import PARTS, VARIANT, part
from rewards.engine.audience import EVERYONE, Audience
from rewards.engine.catalogue import SCOPES
from rewards.engine.conditions import leaves
from rewards.engine.effects import Effect
from rewards.engine.limits import Limits
from rewards.engine.operands import read_between, read_key
from rewards.engine.problems import InvalidDefinition, Place, Problem, shown
from rewards.engine.schedule import ALWAYS, Schedule
from rewards.engine.stacking import ALONE, Stacking
from rewards.engine.triggers import Trigger

VARIANTS_AT_LEAST, VARIANTS_AT_MOST = 2, 5
NAME_AT_MOST = 60
KEYS = ("trigger", "audience", "conditions", "effects", "limits", "stacking", "schedule")


class Variant(msgspec.Struct, frozen=True):
    """
    One of several ways in which a campaign gives, for `percent` of the members.

    `columns` are the places of its effects among all effects of the definition.
    """

    key: str
    name: str
    percent: int
    columns: tuple[int, ...]


class Definition(msgspec.Struct, frozen=True):
    """A valid definition. With variants, `effects` are those of all of them, one after the other."""

    trigger: Trigger
    conditions: conditions.Node | None
    effects: tuple[Effect, ...]
    schedule: Schedule = ALWAYS
    audience: Audience = EVERYONE
    variants: tuple[Variant, ...] = ()
    limits: Limits = limits.NONE
    stacking: Stacking = ALONE

    @property
    def starts_at(self) -> datetime | None:
        return self.schedule.starts_at

    @property
    def ends_at(self) -> datetime | None:
        return self.schedule.ends_at

    def variant_of(self, campaign_key: str, member_id: str) -> Variant | None:
        """The variant that a member gets, which stays the same; None if there is only one way."""
        if not self.variants:
            return None
        at = part(campaign_key, member_id, VARIANT)
        for variant in self.variants:
            at -= variant.percent * PARTS // 100
            if at < 0:
                return variant
        return self.variants[-1]

    @property
    def segments(self) -> frozenset[str]:
        """The segments that it looks at."""
        named = self.audience.segments | self.audience.not_segments
        asked = (leaf.operand for leaf in leaves(self.conditions) if leaf.fact.key == "member.segments")
        return named.union(*asked)

    @property
    def history(self) -> frozenset[str]:
        """What it asks of a member's history; see `rewards.engine.history`."""
        return frozenset(leaf.fact.asks for leaf in leaves(self.conditions) if leaf.fact.asks)


def parse(raw: object, *, wallet_types: Collection[str] | None = None) -> Definition:
    """
    The definition that the JSON says.

    :param wallet_types: the keys that effects may name; None does not look
    :raises InvalidDefinition: with everything that is wrong
    """
    place = Place()
    definition = _read(raw, place)
    if definition is not None and wallet_types is not None:
        _check_wallet_types(raw, wallet_types, place)
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
    found = place.mapping(raw, keys=KEYS)
    if found is None:
        return None
    trigger = triggers.parse(found.get("trigger"), place / "trigger")
    kind = "event" if trigger and trigger.kind != "sale" else "sale"
    tree = conditions.parse(found.get("conditions"), scope=SCOPES[kind], place=place / "conditions")
    given, variants = _given(found, kind, place)
    whom = audience.parse(found.get("audience"), place / "audience")
    bounds = limits.parse(found.get("limits"), place / "limits")
    if trigger is not None and trigger.kind == "code_entered" and not bounds.per_member:
        bounds = msgspec.structs.replace(bounds, per_member=(limits.ONCE_EVER,))
    goes_with = stacking.parse(found.get("stacking"), place / "stacking")
    when = schedule.parse(found.get("schedule"), place / "schedule")
    if trigger is None:
        return None
    return Definition(trigger, tree, given, when, whom, variants, bounds, goes_with)


def _given(
    found: Mapping[str, Any], kind: str, place: Place
) -> tuple[tuple[Effect, ...], tuple[Variant, ...]]:
    whom = found.get("audience")
    raw = whom.get("variants") if isinstance(whom, Mapping) else None
    if raw is None:
        return effects.parse(found.get("effects"), trigger=kind, place=place / "effects"), ()
    if found.get("effects"):
        (place / "effects").refuse("variants_have_the_effects")
    return _variants(raw, kind, place / "audience" / "variants")


def _variants(raw: object, kind: str, place: Place) -> tuple[tuple[Effect, ...], tuple[Variant, ...]]:
    items = place.items(raw, at_most=VARIANTS_AT_MOST, what="variant")
    if items is None:
        return (), ()
    given: list[Effect] = []
    variants: list[Variant] = []
    for index, item in enumerate(items):
        read = _variant(item, kind, place / index)
        if read is not None:
            variant, its_effects = read
            columns = tuple(range(len(given), len(given) + len(its_effects)))
            variants.append(msgspec.structs.replace(variant, columns=columns))
            given += its_effects
    if len(items) < VARIANTS_AT_LEAST:
        place.refuse("too_few_variants", least=VARIANTS_AT_LEAST)
    elif len(variants) == len(items):
        _check_variants(variants, place)
    return tuple(given), tuple(variants)


def _variant(raw: object, kind: str, place: Place) -> tuple[Variant, tuple[Effect, ...]] | None:
    found = place.mapping(raw, keys=("key", "name", "percent", "effects"))
    if found is None:
        return None
    key = read_key(found.get("key"), place / "key")
    percent = read_between(found.get("percent"), 1, 99, place / "percent")
    name = found.get("name", "")
    if not isinstance(name, str) or len(name) > NAME_AT_MOST:
        (place / "name").refuse("not_a_name", found=shown(name), limit=NAME_AT_MOST)
    its_effects = effects.parse(found.get("effects"), trigger=kind, place=place / "effects")
    if key is None or percent is None:
        return None
    return Variant(key, str(name) or key, percent, ()), its_effects


def _check_variants(variants: list[Variant], place: Place) -> None:
    if len({variant.key for variant in variants}) < len(variants):
        place.refuse("variant_named_twice")
    if (total := sum(variant.percent for variant in variants)) != 100:
        place.refuse("not_a_hundred_percent", total=total)


def _check_wallet_types(raw: Any, wallet_types: Collection[str], place: Place) -> None:
    for at, effect in each_effect(raw, place):
        named = effect.get("wallet_type")
        if isinstance(named, str) and named not in wallet_types:
            (at / "wallet_type").refuse(
                "unknown_wallet_type", found=shown(named), known=", ".join(wallet_types)
            )


def digest(raw: Any) -> str:
    """Names what a definition says, complete or not, whatever the order of its keys; SHA-256, as hex."""
    return sha256(json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def each_effect(raw: Any, place: Place) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """
    The effects of a definition as its JSON has them, those of variants too, with their places.

    Of one that cannot be read, those that are there; what is no effect is passed over.
    """
    yield from _effects_in(raw, place)
    whom = raw.get("audience") if isinstance(raw, Mapping) else None
    variants = whom.get("variants") if isinstance(whom, Mapping) else None
    for number, variant in enumerate(variants if isinstance(variants, list) else ()):
        yield from _effects_in(variant, place / "audience" / "variants" / number)


def _effects_in(raw: Any, place: Place) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    found = raw.get("effects") if isinstance(raw, Mapping) else None
    for index, effect in enumerate(found if isinstance(found, list) else ()):
        if isinstance(effect, Mapping):
            yield place / "effects" / index, effect
