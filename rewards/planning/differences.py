"""What differs between two definitions of a campaign, in plain words: added, removed, changed."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.models import Program
from rewards.engine import definition as engine_definition
from rewards.engine import phrases
from rewards.engine.definition import Definition
from rewards.engine.problems import InvalidDefinition
from rewards.engine.reasons import Reason
from rewards.telling import vocabulary

PARTS: Final = {
    "trigger": gettext_lazy("When"),
    "audience": gettext_lazy("For whom"),
    "conditions": gettext_lazy("If"),
    "effects": gettext_lazy("Then"),
    "limits": gettext_lazy("Limits"),
    "stacking": gettext_lazy("With others"),
    "schedule": gettext_lazy("Schedule"),
}
ADDED, REMOVED, CHANGED, SAME = "added", "removed", "changed", "same"


@dataclass(frozen=True, slots=True)
class Item:
    """
    One thing that a definition says.

    Items of the same kin say something about the same, so that one can be a change of the other.
    """

    part: str
    kin: str
    text: str
    raw: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What one definition says beside what the other says; empty where it says nothing."""

    part: str
    change: str
    before: str
    after: str

    @property
    def label(self) -> str:
        return str(PARTS[self.part])


def between(before: Mapping[str, Any], after: Mapping[str, Any], *, program: Program) -> list[Difference]:
    """Line by line, in the order of a definition's parts; lines that are the same are there too."""
    old, new = list(items(before, program=program)), list(items(after, program=program))
    return [
        found
        for part in PARTS
        for found in _of_part(
            part, [item for item in old if item.part == part], [item for item in new if item.part == part]
        )
    ]


def _of_part(part: str, old: list[Item], new: list[Item]) -> Iterator[Difference]:
    kept = {item.raw for item in old} & {item.raw for item in new}
    gone = [item for item in old if item.raw not in kept]
    for item in new:
        if item.raw in kept:
            yield Difference(part, SAME, item.text, item.text)
            continue
        was = next((other for other in gone if other.kin == item.kin), None)
        if was is None:
            yield Difference(part, ADDED, "", item.text)
            continue
        gone.remove(was)
        yield Difference(part, CHANGED, was.text, item.text)
    for item in gone:
        yield Difference(part, REMOVED, item.text, "")


def items(definition: Mapping[str, Any], *, program: Program) -> Iterator[Item]:
    """All that a definition says, each in words that stand by themselves."""
    trigger = definition.get("trigger") or {}
    spoken = _Spoken(trigger, program)
    yield _item("trigger", "trigger", spoken.trigger(), trigger)
    yield from _audience(definition.get("audience") or {}, spoken)
    yield from _conditions(definition.get("conditions") or {}, spoken)
    yield from _effects(definition.get("effects") or (), spoken)
    yield from _limits(definition.get("limits") or {}, spoken)
    yield from _stacking(definition.get("stacking") or {}, spoken)
    yield from _schedule(definition.get("schedule") or {}, spoken)


def _item(part: str, kin: str, text: str, raw: Any) -> Item:
    """What cannot be put into words, as it is not complete, is shown as it is stored."""
    text = text or json.dumps(raw, ensure_ascii=False)
    return Item(part, kin, text[:1].upper() + text[1:], json.dumps([kin, raw], sort_keys=True))


@dataclass(frozen=True, slots=True)
class _Spoken:
    """The engine's words for a piece of a definition; empty for what it cannot read."""

    on: Mapping[str, Any]
    program: Program

    def trigger(self) -> str:
        return self._said({}, lambda rule: phrases.every(rule.trigger))

    def audience(self, raw: Any) -> str:
        return self._said({"audience": raw}, lambda rule: phrases.of_audience(rule.audience))

    def condition(self, raw: Any) -> str:
        def said(rule: Definition) -> Reason | None:
            if rule.conditions is None:
                return None
            return phrases.of_node(rule.conditions, currency=self.program.currency)

        return self._said({"conditions": {"all": [raw]}}, said)

    def effect(self, raw: Any) -> str:
        def said(rule: Definition) -> Reason:
            currency, rounding = self.program.currency, self.program.rounding
            return phrases.of_effects(rule.effects, currency=currency, rounding=rounding)

        return self._said({"effects": [raw]}, said)

    def limit(self, raw: Any) -> str:
        def said(rule: Definition) -> Reason | None:
            found = phrases.of_limits(rule.limits, currency=self.program.currency)
            return found[0] if found else None

        return self._said({"limits": raw}, said)

    def stacking(self, raw: Any) -> str:
        return self._said({"stacking": raw}, lambda rule: phrases.of_stacking(rule.stacking))

    def recurrence(self, raw: Any) -> str:
        return self._said({"schedule": raw}, lambda rule: phrases.of_recurrence(rule.schedule))

    def _said(self, piece: dict[str, Any], phrase: Callable[[Definition], Reason | None]) -> str:
        """As a part of the smallest definition that has it."""
        given = {"kind": "fixed_points", "wallet_type": phrases.DEFAULT_WALLET_TYPE, "points": 1}
        try:
            rule = engine_definition.parse({"trigger": self.on, "effects": [given], **piece})
        except InvalidDefinition:
            return ""
        said = phrase(rule)
        return vocabulary.spoken(said, program=self.program) if said else ""


def _audience(audience: Mapping[str, Any], spoken: _Spoken) -> Iterator[Item]:
    for key in ("segments", "not_segments", "tiers"):
        if audience.get(key):
            yield _item("audience", key, spoken.audience({key: audience[key]}), audience[key])
    if share := audience.get("control_percent"):
        text = _("%(share)s %% of members are held out, to compare with") % {"share": share}
        yield _item("audience", "control_percent", text, share)
    for variant in audience.get("variants") or ():
        told = {"name": variant.get("name") or variant.get("key"), "share": variant.get("percent")}
        text = _("variant “%(name)s” for %(share)s %% of members") % told
        yield _item("audience", f"variant:{variant.get('key')}", text, list(told.values()))
        for item in _effects(variant.get("effects") or (), spoken):
            text = _("variant “%(name)s”: %(effect)s") % {**told, "effect": item.text}
            yield _item("effects", f"variant:{variant.get('key')}:{item.kin}", text, item.raw)


_TOGETHER: Final = {
    "all": gettext_lazy("all of the conditions are needed"),
    "any": gettext_lazy("one of the conditions is enough"),
    "none": gettext_lazy("none of the conditions may hold"),
}


def _conditions(tree: Mapping[str, Any], spoken: _Spoken) -> Iterator[Item]:
    """Those at the top one by one; a group within them is one thing."""
    if "fact" in tree:
        tree = {"all": [tree]}
    for kind, children in tree.items():
        if kind == "none" or len(children) > 1:
            yield _item("conditions", "together", str(_TOGETHER.get(kind, "")), kind)
        for child in children:
            said = spoken.condition(child)
            if said and kind == "all":
                said = _("only %(condition)s") % {"condition": said}
            yield _item("conditions", str(child.get("fact", "group")), said, child)


def _effects(effects: Iterable[Mapping[str, Any]], spoken: _Spoken) -> Iterator[Item]:
    for effect in effects:
        yield _item("effects", str(effect.get("kind", "")), spoken.effect(effect), effect)


def _limits(limits: Mapping[str, Any], spoken: _Spoken) -> Iterator[Item]:
    for key, points in (limits.get("per_activity") or {}).items():
        text = spoken.limit({"per_activity": {key: points}})
        yield _item("limits", f"per_activity:{key}", text, points)
    for key in ("per_member", "in_all"):
        for limit in limits.get(key) or ():
            kin = ":".join((key, str(limit.get("per", "")), *sorted(limit.keys() - {"per"})))
            yield _item("limits", kin, spoken.limit({key: [limit]}), limit)
    if when := limits.get("when_spent"):
        texts = {
            "refuse": _("what is more than is left is not given"),
            "trim": _("the last one gets what is left"),
        }
        yield _item("limits", "when_spent", texts.get(when, ""), when)


def _stacking(stacking: Mapping[str, Any], spoken: _Spoken) -> Iterator[Item]:
    if priority := stacking.get("priority"):
        yield _item("stacking", "priority", _("priority %(number)s") % {"number": priority}, priority)
    if stacking.get("group"):
        group = {key: stacking[key] for key in ("group", "choose") if key in stacking}
        yield _item("stacking", "group", spoken.stacking(group), group)


RHYTHM: Final = ("weekdays", "month_days", "year_days", "hours")


def _schedule(schedule: Mapping[str, Any], spoken: _Spoken) -> Iterator[Item]:
    zone = ZoneInfo(spoken.program.time_zone)
    for key, text in {"starts_at": _("from %(when)s"), "ends_at": _("until %(when)s")}.items():
        if schedule.get(key):
            moment = datetime.fromisoformat(schedule[key])
            when = formats.date_format(moment.astimezone(zone), "DATETIME_FORMAT")
            yield _item("schedule", key, text % {"when": when}, moment.timestamp())
    for key in RHYTHM:
        if schedule.get(key):
            yield _item("schedule", key, spoken.recurrence({key: schedule[key]}), schedule[key])
    if name := schedule.get("time_zone"):
        yield _item("schedule", "time_zone", _("in the time zone %(name)s") % {"name": name}, name)
