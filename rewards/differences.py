"""What differs between two definitions of a campaign, in plain words: added, removed, changed."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from loyalty.core.models import Program
from rewards.engine import definition as engine_definition
from rewards.engine import phrases
from rewards.engine.problems import InvalidDefinition
from rewards.engine.reasons import money

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
    yield _item("trigger", "trigger", _trigger(trigger), trigger)
    yield from _audience(definition.get("audience") or {}, program, trigger)
    yield from _conditions(definition.get("conditions") or {}, program, trigger)
    yield from _effects(definition.get("effects") or (), program, trigger)
    yield from _limits(definition.get("limits") or {}, program)
    yield from _stacking(definition.get("stacking") or {})
    yield from _schedule(definition.get("schedule") or {}, program)


def _item(part: str, kin: str, text: str, raw: Any) -> Item:
    return Item(part, kin, text[:1].upper() + text[1:], json.dumps([kin, raw], sort_keys=True))


_TRIGGERS: Final = {
    "sale": gettext_lazy("A sale"),
    "return": gettext_lazy("A return"),
    "member_registered": gettext_lazy("Somebody becomes a member"),
    "identifier_added": gettext_lazy("A member adds a card, an e-mail address or the like"),
    "profile_completed": gettext_lazy("A member completes the profile"),
    "birthday": gettext_lazy("A member's birthday"),
    "anniversary": gettext_lazy("The anniversary of becoming a member"),
    "tier_reached": gettext_lazy("A member reaches a tier"),
    "segment_entered": gettext_lazy("A member comes into a segment"),
    "referral_qualified": gettext_lazy("A referral qualifies"),
    "challenge_completed": gettext_lazy("A member completes a challenge"),
    "code_entered": gettext_lazy("A member enters a code"),
    "check_in": gettext_lazy("A member checks in at a store"),
}


def _trigger(trigger: Mapping[str, Any]) -> str:
    kind = str(trigger.get("kind", ""))
    if kind == "event":
        return _("The event %(name)s") % {"name": trigger.get("event_type", "")}
    if kind == "inactivity":
        return ngettext(
            "A member has not been active for %(days)s day",
            "A member has not been active for %(days)s days",
            int(trigger.get("days", 0)),
        ) % {"days": trigger.get("days")}
    said = str(_TRIGGERS.get(kind, kind))
    narrowed = [_listed(value) for key, value in trigger.items() if isinstance(value, list) and value]
    return f"{said}: {'; '.join(narrowed)}" if narrowed else said


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def _audience(audience: Mapping[str, Any], program: Program, trigger: Mapping[str, Any]) -> Iterator[Item]:
    texts = {
        "segments": _("members in one of the segments %(listed)s"),
        "not_segments": _("nobody in the segments %(listed)s"),
        "tiers": _("members in one of the tiers %(listed)s"),
    }
    for key, text in texts.items():
        if audience.get(key):
            yield _item("audience", key, text % {"listed": _listed(audience[key])}, audience[key])
    if share := audience.get("control_percent"):
        text = _("%(share)s %% of members get nothing, to compare with") % {"share": share}
        yield _item("audience", "control_percent", text, share)
    for variant in audience.get("variants") or ():
        named = {"name": variant.get("name") or variant.get("key"), "share": variant.get("percent")}
        text = _("variant “%(name)s” for %(share)s %% of members") % named
        yield _item("audience", f"variant:{variant.get('key')}", text, [named["name"], named["share"]])
        for item in _effects(variant.get("effects") or (), program, trigger):
            kin = f"variant:{variant.get('key')}:{item.kin}"
            text = _("variant “%(name)s”: %(effect)s") % {"name": named["name"], "effect": item.text}
            yield _item("effects", kin, text, item.raw)


_TOGETHER: Final = {
    "all": gettext_lazy("all of the conditions are needed"),
    "any": gettext_lazy("one of the conditions is enough"),
    "none": gettext_lazy("none of the conditions may hold"),
}


def _conditions(tree: Mapping[str, Any], program: Program, trigger: Mapping[str, Any]) -> Iterator[Item]:
    if "fact" in tree:
        tree = {"all": [tree]}
    for kind, children in tree.items():
        if kind == "none" or len(children) > 1:
            yield _item("conditions", "together", str(_TOGETHER.get(kind, kind)), kind)
        for child in children:
            said = _condition(child, trigger, program)
            kin = str(child.get("fact", "group"))
            yield _item("conditions", kin, said or _plain(child), child)


def _condition(raw: Any, trigger: Mapping[str, Any], program: Program) -> str:
    """Empty if it cannot be put into words, as it is not complete."""
    given = {"kind": "fixed_points", "wallet_type": phrases.DEFAULT_WALLET_TYPE, "points": 1}
    rule = _parsed({"trigger": trigger, "conditions": {"all": [raw]}, "effects": [given]})
    if rule is None or rule.conditions is None:
        return ""
    return phrases.of_node(rule.conditions, currency=program.currency).text(ngettext)


def _effect(raw: Any, trigger: Mapping[str, Any], program: Program) -> str:
    """Empty if it cannot be put into words, as it is not complete."""
    rule = _parsed({"trigger": trigger, "effects": [raw]})
    if rule is None:
        return ""
    return phrases.of_effects(rule.effects, currency=program.currency, rounding=program.rounding).text(
        ngettext
    )


def _parsed(raw: dict[str, Any]) -> engine_definition.Definition | None:
    try:
        return engine_definition.parse(raw)
    except InvalidDefinition:
        return None


def _effects(
    effects: Iterable[Mapping[str, Any]], program: Program, trigger: Mapping[str, Any]
) -> Iterator[Item]:
    for effect in effects:
        said = _effect(effect, trigger, program)
        yield _item("effects", str(effect.get("kind", "")), said or _plain(effect), effect)


_PERIODS: Final = {
    "day": gettext_lazy("a day"),
    "week": gettext_lazy("a week"),
    "month": gettext_lazy("a month"),
    "quarter": gettext_lazy("a quarter"),
    "year": gettext_lazy("a year"),
    "ever": gettext_lazy("ever"),
}


def _limits(limits: Mapping[str, Any], program: Program) -> Iterator[Item]:
    for key, points in (limits.get("per_activity") or {}).items():
        text = _("at least %(much)s each time") if key == "at_least" else _("at most %(much)s each time")
        yield _item("limits", f"per_activity:{key}", text % {"much": _points(points)}, points)
    for limit in limits.get("per_member") or ():
        period = str(limit.get("per", ""))
        told = {"much": _much(limit, program), "period": _PERIODS.get(period, period)}
        text = _("each member at most %(much)s %(period)s") % told
        yield _item("limits", f"per_member:{period}:{_unit(limit)}", text, limit)
    for limit in limits.get("in_all") or ():
        text = _("all together at most %(much)s") % {"much": _much(limit, program)}
        yield _item("limits", f"in_all:{_unit(limit)}", text, limit)
    if when := limits.get("when_spent"):
        text = (
            _("what does not fit any more is refused")
            if when == "refuse"
            else _("the last one gets what is left")
        )
        yield _item("limits", "when_spent", text, when)


def _unit(limit: Mapping[str, Any]) -> str:
    return next((unit for unit in ("times", "points", "money") if unit in limit), "")


def _much(limit: Mapping[str, Any], program: Program) -> str:
    if "times" in limit:
        return ngettext("%(count)s time", "%(count)s times", int(limit["times"])) % {
            "count": f"{int(limit['times']):,}"
        }
    if "points" in limit:
        return _points(limit["points"])
    return money(Decimal(str(limit.get("money", "0"))), program.currency).text(ngettext)


def _points(points: Any) -> str:
    return ngettext("%(count)s point", "%(count)s points", int(points)) % {"count": f"{int(points):,}"}


def _stacking(stacking: Mapping[str, Any]) -> Iterator[Item]:
    if priority := stacking.get("priority"):
        yield _item("stacking", "priority", _("priority %(number)s") % {"number": priority}, priority)
    if group := stacking.get("group"):
        text = _("of the group %(group)s only one gives: the one that gives most")
        if stacking.get("choose") == "first":
            text = _("of the group %(group)s only one gives: the first by priority")
        yield _item("stacking", "group", text % {"group": group}, [group, stacking.get("choose")])


_WEEKDAYS: Final = {
    "monday": gettext_lazy("Mondays"),
    "tuesday": gettext_lazy("Tuesdays"),
    "wednesday": gettext_lazy("Wednesdays"),
    "thursday": gettext_lazy("Thursdays"),
    "friday": gettext_lazy("Fridays"),
    "saturday": gettext_lazy("Saturdays"),
    "sunday": gettext_lazy("Sundays"),
}


def _schedule(schedule: Mapping[str, Any], program: Program) -> Iterator[Item]:
    zone = ZoneInfo(schedule.get("time_zone") or program.time_zone)
    for key, text in {"starts_at": _("from %(when)s"), "ends_at": _("until %(when)s")}.items():
        if schedule.get(key):
            moment = datetime.fromisoformat(schedule[key])
            yield _item("schedule", key, text % {"when": _moment(moment, zone)}, moment.timestamp())
    for key, said in rhythm(schedule).items():
        yield _item("schedule", key, said, schedule[key])
    if name := schedule.get("time_zone"):
        yield _item("schedule", "time_zone", _("in the time zone %(name)s") % {"name": name}, name)


def rhythm(schedule: Mapping[str, Any]) -> dict[str, str]:
    """On which days and at which hours, by the schedule's keys, such as {"hours": "17:00 to 19:00"}."""
    said = {
        "weekdays": [str(_WEEKDAYS.get(day, day)) for day in schedule.get("weekdays") or ()],
        "hours": [_("%(from)s to %(until)s") % hours for hours in schedule.get("hours") or ()],
        "month_days": [
            _("the last day of the month") if day == -1 else _("day %(day)s of the month") % {"day": day}
            for day in schedule.get("month_days") or ()
        ],
        "year_days": [
            _("%(from)s to %(until)s of each year") % days for days in schedule.get("year_days") or ()
        ],
    }
    return {key: ", ".join(parts) for key, parts in said.items() if parts}


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return formats.date_format(moment.astimezone(zone), "j M Y, H:i")


def _plain(raw: Any) -> str:
    """What cannot be put into words is shown as it is stored."""
    return json.dumps(raw, ensure_ascii=False)
