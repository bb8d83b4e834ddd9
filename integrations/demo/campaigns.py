"""The demo's campaigns: published as if they had been all along the year, so that the year earned by them."""

from datetime import datetime, time, timedelta
from typing import Any, Final, NamedTuple

from django.db import transaction

from loyalty.core.models import Program, User
from rewards.models import Campaign
from rewards.planning import campaigns, reviews, turns

BASE: Final = {"kind": "points_per_unit", "wallet_type": "points", "points": "1", "per": "1.00"}


class Plan(NamedTuple):
    """
    A campaign and its days, counted back from the day on which the year ends; an open end is None.

    Days below zero are still to come then. `rhythm` is what its schedule says beside that.
    """

    key: str
    name: str
    description: str
    conditions: dict[str, Any]
    effect: dict[str, Any] | None = None
    first_day: int = 366
    last_day: int | None = None
    then: str = ""
    rhythm: dict[str, Any] | None = None
    audience: dict[str, Any] | None = None


def _thanks(key: str, points: int) -> dict[str, Any]:
    effect = {"kind": "fixed_points", "wallet_type": "points", "points": points}
    return {"key": key, "name": f"{points} points", "percent": 50, "effects": [effect]}


PLANS: Final = (
    Plan("dollar-points", "A point for every dollar", "The base rule: all that is sold counts.", {}, BASE),
    Plan(
        "own-brand",
        "Double points on our own brand",
        "One more point for every dollar spent on products of the shop's own brand.",
        {"all": [{"fact": "sale.brands", "operator": "has_any", "value": ["Private"]}]},
        {
            **BASE,
            "of": "matching_lines",
            "lines": {"all": [{"fact": "line.brand", "operator": "eq", "value": "Private"}]},
        },
        first_day=240,
    ),
    Plan(
        "fresh-weeks",
        "Fresh weeks",
        "Two more points for every dollar of fruit and vegetables, for six weeks.",
        {},
        {
            **BASE,
            "points": "2",
            "of": "matching_lines",
            "lines": {"all": [{"fact": "line.department", "operator": "eq", "value": "PRODUCE"}]},
        },
        first_day=170,
        last_day=128,
    ),
    Plan(
        "double-weekend",
        "Double points at the weekend",
        "Everything that the base rules give, once more, on Saturdays and Sundays.",
        {"all": [{"fact": "moment.weekday", "operator": "in", "value": ["saturday", "sunday"]}]},
        {"kind": "multiplier", "wallet_type": "points", "factor": "2"},
        first_day=75,
    ),
    Plan(
        "big-basket",
        "50 points for a big basket",
        "For each purchase of $75 and more.",
        {"all": [{"fact": "sale.amount", "operator": "gte", "value": "75.00"}]},
        {"kind": "fixed_points", "wallet_type": "points", "points": 50},
        first_day=300,
    ),
    # Purchases of the year happened before anybody thought of these two: neither can have an effect, and
    # their results say so, but for the one load in twenty in which chance has it otherwise.
    Plan(
        "extra-fifteen",
        "15 points more for half of the members",
        "For purchases of $20 and more. The other half was held out, by lot, to see what it brings about.",
        {"all": [{"fact": "sale.amount", "operator": "gte", "value": "20.00"}]},
        {"kind": "fixed_points", "wallet_type": "points", "points": 15},
        first_day=120,
        last_day=64,
        audience={"control_percent": 50},
    ),
    Plan(
        "thank-you",
        "A thank-you, large or small",
        "For purchases of $40 and more: 30 points for one half of the members, 10 for the other, by lot.",
        {"all": [{"fact": "sale.amount", "operator": "gte", "value": "40.00"}]},
        first_day=62,
        audience={"variants": [_thanks("large", 30), _thanks("small", 10)]},
    ),
    Plan(
        "top-tiers",
        "A quarter more for Gold and Platinum",
        "A thank-you to those who shop most.",
        {"all": [{"fact": "member.tier", "operator": "in", "value": ["gold", "platinum"]}]},
        {"kind": "multiplier", "wallet_type": "points", "factor": "1.25"},
        first_day=200,
    ),
    Plan(
        "late-shopper",
        "20 points for the late hour",
        "Meant to take the edge off the rush at five. Paused: it went to those who come late anyway.",
        {"all": [{"fact": "moment.hour", "operator": "gte", "value": 20}]},
        {"kind": "fixed_points", "wallet_type": "points", "points": 20},
        first_day=110,
        then="paused",
    ),
    Plan(
        "early-bird",
        "20 points before nine",
        "A draft that nobody has published yet.",
        {"all": [{"fact": "moment.hour", "operator": "lt", "value": 9}]},
        {"kind": "fixed_points", "wallet_type": "points", "points": 20},
        then="draft",
    ),
    Plan(
        "sunday-roast",
        "Triple points for the Sunday roast",
        "Two more points for every dollar of meat, on Saturdays and Sundays. Begins by itself.",
        {},
        {
            **BASE,
            "points": "2",
            "of": "matching_lines",
            "lines": {"all": [{"fact": "line.department", "operator": "eq", "value": "MEAT"}]},
        },
        first_day=-6,
        last_day=-48,
        rhythm={"weekdays": ["saturday", "sunday"]},
    ),
    Plan(
        "happy-hour",
        "Happy hour: 30 points after five",
        "For the two quiet hours before the rush. Somebody has to agree first.",
        {"all": [{"fact": "sale.amount", "operator": "gte", "value": "15.00"}]},
        {"kind": "fixed_points", "wallet_type": "points", "points": 30},
        first_day=-12,
        last_day=-40,
        then="in_review",
        rhythm={
            "weekdays": ["monday", "tuesday", "wednesday", "thursday"],
            "hours": [{"from": "17:00", "until": "19:00"}],
        },
    ),
)


def ensure(program: Program, *, year_ends_at: datetime, by: User | None) -> None:
    """Make those campaigns that are missing; whatever was changed since stays changed."""
    there = set(Campaign.objects.filter(program=program).values_list("key", flat=True))
    for plan in PLANS:
        if plan.key not in there:
            _make(plan, program, year_ends_at=year_ends_at, by=by)
    turns.keep(program, at=year_ends_at)


@transaction.atomic
def _make(plan: Plan, program: Program, *, year_ends_at: datetime, by: User | None) -> None:
    starts_at = _midnight(year_ends_at, plan.first_day)
    ends_at = None if plan.last_day is None else _midnight(year_ends_at, plan.last_day - 1)
    times = {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat() if ends_at else None}
    definition: dict[str, Any] = {
        "trigger": {"kind": "sale"},
        "conditions": plan.conditions,
        "schedule": {**times, **(plan.rhythm or {})},
    }
    definition |= {"effects": [plan.effect]} if plan.effect else {}
    definition |= {"audience": plan.audience} if plan.audience else {}
    campaign = Campaign.objects.create(
        program=program, key=plan.key, name=plan.name, description=plan.description, draft=definition
    )
    if plan.then == "in_review":
        if by is not None:
            reviews.submit(campaign, by=by, at=year_ends_at, note="Same budget as the late hour had.")
    elif plan.then != "draft":
        at = min(starts_at, year_ends_at)
        campaigns.publish(campaign, definition=definition, by=by, at=at, effective_at=starts_at)
    if plan.then == "paused":
        campaigns.pause(campaign, by=by, at=_midnight(year_ends_at, plan.first_day - 50))


def _midnight(year_ends_at: datetime, days_before: int) -> datetime:
    """The start of a day in the program's zone, which `year_ends_at` is in."""
    day = year_ends_at.date() - timedelta(days=days_before)
    return datetime.combine(day, time.min, year_ends_at.tzinfo)
