"""What can never be met: days that do not come, conditions that contradict each other."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from rewards.linting.case import ERROR, Case, Hint
from rewards.planning.contradictions import impossible, required

DAYS_UNTIL_ALL_RECUR: Final = 366 * 40
"""29 February falls on each weekday in 28 years, or in 40 across a century that is no leap year."""


def dates(case: Case) -> Iterator[Hint]:
    schedule = case.rule.schedule
    if schedule.ends_at is not None and schedule.ends_at <= case.at:
        yield Hint(
            code="is_over",
            severity=ERROR,
            pointer="#/schedule/ends_at",
            text=_("Its time is over: it would never give anything."),
            advice=_("Choose a later end."),
        )
    elif _never_runs(case):
        yield Hint(
            code="never_runs",
            severity=ERROR,
            pointer="#/schedule",
            text=_("Between its start and its end there is none of the days on which it runs."),
            advice=_("See the weekdays, days of the month and seasons again."),
        )


def _never_runs(case: Case) -> bool:
    schedule = case.rule.schedule
    zone = schedule.zone or case.zone
    first = _day(max(schedule.starts_at or case.at, case.at), zone)
    last = date.max if schedule.ends_at is None else _day(schedule.ends_at - timedelta.resolution, zone)
    days = min((last - first).days + 1, DAYS_UNTIL_ALL_RECUR)
    return not any(schedule.runs_on(first + timedelta(days=day)) for day in range(days))


def _day(moment: datetime, zone: ZoneInfo) -> date:
    try:
        return moment.astimezone(zone).date()
    except OverflowError:  # at the very ends of the calendar
        return moment.date()


def contradictions(case: Case) -> Iterator[Hint]:
    place = impossible(case.rule.conditions) or _impossible_weekday(case) or _impossible_audience(case)
    if place:
        yield Hint(
            code="contradiction",
            severity=ERROR,
            pointer=place,
            text=_("This contradicts another condition: nothing can meet both."),
            advice=_("Take one of them away, or put them into a group of which any is enough."),
        )


def _impossible_weekday(case: Case) -> str | None:
    days = case.rule.schedule.weekdays
    for placed in required(case.rule.conditions):
        wanted = placed.leaf.operand
        if days and placed.leaf.fact.key == "moment.weekday" and placed.leaf.operator in ("eq", "in"):
            asked = wanted if isinstance(wanted, frozenset) else frozenset({wanted})
            if asked.isdisjoint(days):
                return placed.pointer
    return None


def _impossible_audience(case: Case) -> str | None:
    audience = case.rule.audience
    if audience.segments and audience.segments <= audience.not_segments:
        return "#/audience/not_segments"
    for placed in required(case.rule.conditions):
        wanted = placed.leaf.operand
        if audience.tiers and placed.leaf.fact.key == "member.tier" and placed.leaf.operator in ("eq", "in"):
            asked = wanted if isinstance(wanted, frozenset) else frozenset({wanted})
            if asked.isdisjoint(audience.tiers):
                return placed.pointer
    return None
