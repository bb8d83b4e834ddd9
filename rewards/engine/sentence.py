"""A campaign in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from rewards.engine import definition, phrases
from rewards.engine.definition import Definition
from rewards.engine.reasons import ChooseText, Reason, english


def sentence(
    raw: Mapping[str, Any] | Definition,
    *,
    currency: str,
    rounding: str = "down",
    zone: tzinfo = UTC,
    choose: ChooseText = english,
    names: Mapping[tuple[str, str], str] | None = None,
) -> str:
    """
    What a campaign does, in plain words; times are shown in the zone.

    `names` are those of tiers, segments and so on, by kind and key; without them keys are said.

    :raises InvalidDefinition: if the definition cannot be run
    """
    return told(raw, currency=currency, rounding=rounding, zone=zone).named(names or {}).text(choose)


def told(
    raw: Mapping[str, Any] | Definition, *, currency: str, rounding: str = "down", zone: tzinfo = UTC
) -> Reason:
    """
    What `sentence()` puts into words.

    :raises InvalidDefinition: if the definition cannot be run
    """
    rule = raw if isinstance(raw, Definition) else definition.parse(raw)
    effects = phrases.of_definition(rule, currency=currency, rounding=rounding)
    said = Reason("sentence", {"what": _occasion(rule, currency), "effects": effects})
    for more in _also(rule, currency, rule.schedule.zone or zone):
        said = Reason("then", {"first": said, "last": more})
    return said


def _occasion(rule: Definition, currency: str) -> Reason:
    said = phrases.every(rule.trigger)
    if (whom := phrases.of_audience(rule.audience)) is not None:
        said = Reason("then", {"first": said, "last": whom})
    if rule.conditions is not None:
        tree = phrases.of_node(rule.conditions, currency=currency)
        said = Reason("then", {"first": said, "last": tree})
    return said


def _also(rule: Definition, currency: str, zone: tzinfo) -> list[Reason]:
    """What stands behind the sentence: when it runs, its limits, who is held out, what goes with it."""
    found = [
        _runs(rule, zone),
        phrases.of_recurrence(rule.schedule),
        *phrases.of_limits(rule.limits, currency=currency),
        phrases.of_stacking(rule.stacking),
    ]
    if rule.audience.control_percent:
        found.append(Reason("holds_out", {"percent": rule.audience.control_percent}))
    return [said for said in found if said is not None]


def _runs(rule: Definition, zone: tzinfo) -> Reason | None:
    times = {"starts_at": rule.starts_at, "ends_at": rule.ends_at}
    known: dict[str, Any] = {name: shown_at(at, zone) for name, at in times.items() if at is not None}
    if not known:
        return None
    code = "runs_from_until" if len(known) == 2 else f"runs_{next(iter(known))}"
    return Reason(code, known)


def shown_at(instant: datetime, zone: tzinfo | None) -> str:
    """A moment as the zone's clocks show it."""
    try:
        shown = instant.astimezone(zone)
    except OverflowError:  # at the very ends of the calendar
        shown = instant
    return shown.strftime("%Y-%m-%d %H:%M")
