"""
The start page: what each role wants to see first.

Figures over the whole program are kept for some minutes (the page says from when they are); lists
of the newest and the health of integrations are read anew each time.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from integrations import figures as integration_figures
from integrations.models import Partner
from loyalty.core import clock, health
from loyalty.core.admin.charts import BAR_OPTIONS
from loyalty.core.models import Program, Role
from members import figures
from members.figures import Movement
from members.models import LedgerCheck, TierLadder, WalletType
from rewards.models import Activity, Campaign, Reward
from rewards.planning import standing
from rewards.telling import wording

FIGURES_KEPT_FOR: Final = timedelta(minutes=5)
NEWEST_SHOWN: Final = 8
RANGES: Final = {"30d": ("day", 30), "12m": ("month", 12)}

DONUT_OPTIONS: Final = json.dumps(
    {
        "responsive": True,
        "maintainAspectRatio": False,
        "animation": False,
        "cutout": "68%",
        "borderWidth": 0,
        "plugins": {"legend": {"display": False}},
        "scales": {},
    }
)
_FOUNDERS: Final = frozenset({Role.MARKETER, Role.ADMINISTRATOR})
_PARTS: Final[dict[str, frozenset[str]]] = {
    "search": frozenset({Role.SUPPORT}),
    "figures": frozenset({Role.MARKETER, Role.FINANCE, Role.ADMINISTRATOR}),
    "tiers": frozenset({Role.MARKETER, Role.FINANCE, Role.ADMINISTRATOR}),
    "campaigns": frozenset({Role.MARKETER, Role.ADMINISTRATOR}),
    "newest": frozenset({Role.MARKETER, Role.SUPPORT, Role.ADMINISTRATOR}),
    "health": frozenset({Role.OPERATOR, Role.ADMINISTRATOR}),
    "books": frozenset({Role.OPERATOR, Role.FINANCE, Role.ADMINISTRATOR}),
}


def show(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The callback of the theme: what its index page is filled with."""
    program: Program | None = getattr(request, "program", None)
    context["title"] = _("Start")
    if program is None:
        return {**context, "parts": set()}
    role = getattr(request, "role", None) or Role.ADMINISTRATOR
    parts = {name for name, roles in _PARTS.items() if role in roles}
    span = request.GET.get("range", "30d")
    fill: dict[str, Callable[[], dict[str, Any]]] = {
        "search": dict,
        "figures": lambda: _figures(program, span if span in RANGES else "30d"),
        "tiers": dict,
        "campaigns": lambda: _campaigns(program),
        "newest": lambda: _newest(program),
        "health": lambda: _health(program),
        "books": lambda: {"books": _books(program)},
    }
    for name in parts:
        context |= fill[name]()
    steps = first_steps(program) if role in _FOUNDERS and not context["newest"] else []
    context |= {"bar_options": BAR_OPTIONS, "donut_options": DONUT_OPTIONS}
    return {
        **context,
        "parts": parts,
        "program": program,
        "first_steps": steps,
        "role_label": Role(role).label,
    }


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do before a new program runs."""

    title: str
    text: str
    page: str
    permission: str
    is_done: bool


def first_steps(program: Program) -> list[Step]:
    """What a program that nothing was reported to yet still needs, in order."""
    has = {
        model: model._default_manager.filter(program=program).exists()
        for model in (WalletType, TierLadder, Campaign, Reward, Partner)
    }
    return [
        Step(
            _("Name your points"),
            _("What members collect, when it expires and what it is worth."),
            "members_wallettype",
            "members.add_wallettype",
            has[WalletType],
        ),
        Step(
            _("Set up tiers"),
            _("The status that members climb to."),
            "members_tierladder",
            "members.add_tierladder",
            has[TierLadder],
        ),
        Step(
            _("Publish a campaign"),
            _("A rule that gives points, such as one for each euro."),
            "rewards_campaign",
            "rewards.add_campaign",
            has[Campaign],
        ),
        Step(
            _("Offer a reward"),
            _("What members can buy with their points."),
            "rewards_reward",
            "rewards.add_reward",
            has[Reward],
        ),
        Step(
            _("Connect a till or shop"),
            _("A partner with an API key or OAuth client, who reports sales."),
            "integrations_partner",
            "integrations.add_partner",
            has[Partner],
        ),
    ]


def _figures(program: Program, span: str) -> dict[str, Any]:
    key = f"start:3:{program.pk}:{span}"
    kept = cache.get(key)
    if kept is None:
        kept = _counted(program, span)
        cache.set(key, kept, timeout=FIGURES_KEPT_FOR.total_seconds())
    return kept  # type: ignore[no-any-return]


def _counted(program: Program, span: str) -> dict[str, Any]:
    step, length = RANGES[span]
    starts = _starts(clock.today(program), step, length)
    since = clock.start_of_day(program, starts[0])
    moved = {
        one.start: one
        for one in figures.movements(program, since=since, step="day" if step == "day" else "month")
    }
    series = [
        moved.get(start, Movement(start=start, issued=0, spent=0, expired=0, taken_back=0))
        for start in starts
    ]
    rungs = figures.rungs(program)
    return {
        "counted_at": timezone.now(),
        "span": span,
        "member_count": figures.member_count(program),
        "outstanding": figures.outstanding(program),
        "issued": sum(one.issued for one in series),
        "spent": sum(one.spent for one in series),
        "expired": sum(one.expired for one in series),
        "taken_back": sum(one.taken_back for one in series),
        "movements_chart": _movements_chart(series, step),
        "movements": [one for one in series if one.start in moved],
        "has_movements": bool(moved),
        "rungs": rungs,
        "rungs_chart": json.dumps(
            {
                "labels": [rung.name for rung in rungs],
                "datasets": [
                    {
                        "data": [rung.members for rung in rungs],
                        "backgroundColor": [rung.color for rung in rungs],
                    }
                ],
            }
        ),
        "ranked": sum(rung.members for rung in rungs),
    }


def _starts(today: date, step: str, length: int) -> list[date]:
    """The first days of the last so many days or months, oldest first, with today's."""
    if step == "day":
        return [today - timedelta(days=back) for back in reversed(range(length))]
    months = [today.year * 12 + today.month - 1 - back for back in reversed(range(length))]
    return [date(month // 12, month % 12 + 1, 1) for month in months]


def _movements_chart(series: list[Movement], step: str) -> str:
    form = "j M" if step == "day" else "M Y"

    def line(label: str, color: str, values: list[int]) -> dict[str, Any]:
        return {
            "label": label,
            "data": values,
            "backgroundColor": color,
            "borderColor": color,
            "displayYAxis": True,
            "maxTicksXLimit": 10,
        }

    return json.dumps(
        {
            "labels": [date_format(one.start, form) for one in series],
            "datasets": [
                line(_("Issued"), "var(--color-primary-500)", [one.issued for one in series]),
                line(_("Redeemed"), "var(--rg-amber)", [one.spent for one in series]),
                line(_("Expired"), "var(--color-base-300)", [one.expired for one in series]),
                line(_("Taken back"), "var(--rg-danger)", [one.taken_back for one in series]),
            ],
        }
    )


def _campaigns(program: Program) -> dict[str, Any]:
    running = list(Campaign.objects.filter(program=program).running().order_by("name", "pk")[:NEWEST_SHOWN])
    found = standing.standings(running, at=clock.now(program))
    return {
        "running": [
            (campaign, found[campaign.pk], wording.sentence(found[campaign.pk].definition, program=program))
            for campaign in running
        ]
    }


def _newest(program: Program) -> dict[str, Any]:
    newest = Activity.objects.of(program).select_related("member").order_by("-pk")[:NEWEST_SHOWN]
    return {"newest": list(newest)}


def _books(program: Program) -> LedgerCheck | None:
    """The newest check of the ledger that has come to an end."""
    ended = LedgerCheck.objects.filter(program=program, finished_at__isnull=False)
    return ended.order_by("-pk").first()


def _health(program: Program) -> dict[str, Any]:
    return {
        "checks": {name: said == "ok" for name, said in health.parts().items()},
        "endpoints": integration_figures.endpoints(program),
        "consumers": integration_figures.consumers(),
    }
