"""The rules of a backtest: today's, and the same with the definition that is tried."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from loyalty.core.models import Program
from rewards.deciding import rules
from rewards.engine.evaluate import CompiledCampaign, Rulebook, compile_campaign
from rewards.models import Backtest, CampaignVersion

DATES = ("starts_at", "ends_at")
CONTROL = "control_percent"


class Sides(NamedTuple):
    """
    What is compared: the rules in force, and those rules with the definition among them.

    `own` are the rulebooks of the campaign alone: of what is tried, and of what it takes the place of.
    `untreated` is what is tried without its control group, if it has one.
    """

    today: Rulebook
    tried: Rulebook
    own: tuple[Rulebook, ...]
    untreated: Rulebook | None


def undated(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The definition as if it ran all the time; its weekdays, hours and days of the year stay."""
    schedule = {
        name: value for name, value in (definition.get("schedule") or {}).items() if name not in DATES
    }
    return {**definition, "schedule": schedule}


def in_force(program: Program, *, at: datetime, keeps_dates: bool) -> list[CompiledCampaign]:
    """
    The versions in force at a moment.

    Where dates are left out, a campaign that has not begun or is over is none of today's rules.
    """
    found = rules.of(program).in_force(at)
    return [one for one in found if keeps_dates or is_on(one.definition, at)]


def is_on(definition: Any, at: datetime) -> bool:
    """Whether the moment lies between a parsed definition's start and end."""
    starts_at, ends_at = definition.starts_at, definition.ends_at
    return (starts_at is None or starts_at <= at) and (ends_at is None or at < ends_at)


def of(backtest: Backtest) -> Sides:
    """As they were when the backtest was asked for, whatever was published since."""
    versions = CampaignVersion.objects.filter(program=backtest.program_id, pk__in=backtest.rules)
    today = [
        _compiled(version, backtest)
        for version in versions.select_related("campaign").order_by("campaign__key")
    ]
    tried = _tried(backtest, backtest.definition)
    whole = {name: part for name, part in backtest.definition.get("audience", {}).items() if name != CONTROL}
    return Sides(
        today=Rulebook(today),
        tried=with_tried(today, tried),
        own=tuple(Rulebook([one]) for one in (*today, tried) if one.key == tried.key),
        untreated=Rulebook([_tried(backtest, {**backtest.definition, "audience": whole})])
        if tried.definition.audience.control_percent
        else None,
    )


def _tried(backtest: Backtest, definition: Mapping[str, Any]) -> CompiledCampaign:
    return compile_campaign(
        version_id=backtest.version_id or backtest.pk,
        campaign_key=backtest.campaign.key,
        name=backtest.campaign.name,
        definition=_dated(definition, backtest),
    )


def with_tried(today: Iterable[CompiledCampaign], tried: CompiledCampaign) -> Rulebook:
    """The rules with the tried one in the place of its campaign's, if that is among them."""
    return Rulebook([*(one for one in today if one.key != tried.key), tried])


def _compiled(version: CampaignVersion, backtest: Backtest) -> CompiledCampaign:
    return compile_campaign(
        version_id=version.pk,
        campaign_key=version.campaign.key,
        name=version.campaign.name,
        definition=_dated(version.definition, backtest),
    )


def _dated(definition: Mapping[str, Any], backtest: Backtest) -> Mapping[str, Any]:
    return definition if backtest.keeps_dates else undated(definition)
