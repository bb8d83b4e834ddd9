"""What campaigns listen to: sales, custom events, and occasions that the program itself sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from rewards.engine.facts import ActivityFacts
from rewards.engine.operands import read_all, read_between, read_key, read_text
from rewards.engine.operators import Predicate
from rewards.engine.problems import Place, shown
from rewards.engine.timing import EVENT_TYPE

INACTIVE_DAYS_AT_MOST = 1_095

OCCASIONS = {
    "return": "sale.returned",
    "member_registered": "member.registered",
    "identifier_added": "identifier.added",
    "profile_completed": "profile.completed",
    "birthday": "member.birthday",
    "anniversary": "member.anniversary",
    "tier_reached": "tier.reached",
    "segment_entered": "segment.entered",
    "referral_qualified": "referral.qualified",
    "challenge_completed": "challenge.completed",
    "inactivity": "member.inactive",
    "code_entered": "code.entered",
    "check_in": "store.checked_in",
}
"""Kinds of triggers that are events of a reserved type."""

REPORTED = frozenset({"code.entered", "store.checked_in"})
"""Reserved types that partners report; all others are the program's own."""

RESERVED = frozenset(OCCASIONS.values())
SOURCE = "regulars"
"""Who reports what the program itself has seen."""

KINDS = ("sale", "event", *OCCASIONS)


class Trigger(msgspec.Struct, frozen=True):
    """
    What a campaign listens to.

    `wanted` narrows it: the attribute of the event and the values of which it must have one. Codes
    are compared without case and blanks.
    """

    kind: str
    event_type: str = ""
    attribute: str = ""
    wanted: frozenset[str] = frozenset()

    @property
    def listens_to(self) -> tuple[str, str]:
        """The kind of activity, and the type of event."""
        return ("sale", "") if self.kind == "sale" else ("event", self.event_type)

    def is_met_by(self, activity: ActivityFacts) -> bool:
        """Whether an activity of that kind and type is one of those that are wanted."""
        return not self.wanted or self.found(activity) in self.wanted

    def found(self, activity: ActivityFacts) -> str:
        value = str(activity.attributes.get(self.attribute, ""))
        return plain_code(value) if self.kind == "code_entered" else value

    def predicate(self) -> Predicate | None:
        """What is left to be asked of an activity of its kind; None if nothing is."""
        if not self.wanted:
            return None

        def is_wanted(facts: Any) -> bool:
            activity: ActivityFacts = facts.activity
            return self.is_met_by(activity)

        return is_wanted


def plain_code(code: str) -> str:
    """A code as it is compared: people type it in any case, and with blanks."""
    return "".join(code.split()).casefold()


def parse(raw: object, place: Place) -> Trigger | None:
    found = place.mapping(raw, keys=("kind", "event_type", *_NARROWED_BY))
    if found is None:
        return None
    kind = found.get("kind")
    if kind not in KINDS:
        return (place / "kind").refuse("not_a_choice", found=shown(kind), choices=", ".join(KINDS))
    if kind == "event":
        return _event(found, place)
    if found.get("event_type"):
        return (place / "event_type").refuse("a_sale_has_no_event_type")
    return _narrowed(kind, found, place)


def _event(found: Mapping[str, Any], place: Place) -> Trigger | None:
    event_type = found.get("event_type", "")
    if not (isinstance(event_type, str) and EVENT_TYPE.match(event_type)):
        return (place / "event_type").refuse("not_an_event_type", found=shown(event_type))
    if event_type in RESERVED:
        kind = next(kind for kind, reserved in OCCASIONS.items() if reserved == event_type)
        return (place / "event_type").refuse("reserved_event_type", event_type=event_type, kind=kind)
    return Trigger("event", event_type)


def _narrowed(kind: str, found: Mapping[str, Any], place: Place) -> Trigger | None:
    event_type = OCCASIONS.get(kind, "")
    for name, (of_kind, _, _) in _NARROWED_BY.items():
        if name in found and of_kind != kind:
            (place / name).refuse("not_for_this_trigger", kind=kind)
    narrowing = next((name for name, (of_kind, _, _) in _NARROWED_BY.items() if of_kind == kind), None)
    if narrowing is None or (narrowing not in found and kind not in _MUST_BE_NARROWED):
        return Trigger(kind, event_type)
    _, attribute, read = _NARROWED_BY[narrowing]
    wanted = read(found.get(narrowing), place / narrowing)
    return None if wanted is None else Trigger(kind, event_type, attribute, wanted)


def _days(raw: object, place: Place) -> frozenset[str] | None:
    days = read_between(raw, 1, INACTIVE_DAYS_AT_MOST, place)
    return None if days is None else frozenset({str(days)})


def _codes(raw: object, place: Place) -> frozenset[str] | None:
    codes = read_all(raw, read_text, place, what="code")
    return None if codes is None else frozenset(map(plain_code, codes))


def _keys(what: str) -> Callable[[object, Place], frozenset[str] | None]:
    return lambda raw, place: read_all(raw, read_key, place, what=what)


def _stores(raw: object, place: Place) -> frozenset[str] | None:
    return read_all(raw, read_text, place, what="store")


type _Read = Callable[[object, Place], frozenset[str] | None]
_NARROWED_BY: dict[str, tuple[str, str, _Read]] = {
    "identifiers": ("identifier_added", "identifier", _keys("kind of identifier")),
    "tiers": ("tier_reached", "tier", _keys("tier")),
    "segments": ("segment_entered", "segment", _keys("segment")),
    "challenges": ("challenge_completed", "challenge", _keys("challenge")),
    "days": ("inactivity", "days", _days),
    "codes": ("code_entered", "code", _codes),
    "stores": ("check_in", "store", _stores),
}
"""By what stands in the definition: the kind of trigger that it narrows, and the attribute it is about."""
_MUST_BE_NARROWED = ("inactivity", "code_entered")
