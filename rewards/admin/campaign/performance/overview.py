"""All campaigns beside each other: what they gave, what that cost, and what is known of their effect."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from loyalty.core import clock
from loyalty.core.admin import charts, program_of, render
from loyalty.core.models import Program
from members.finance import estimates
from rewards.admin.campaign.performance import sums
from rewards.admin.campaign.performance.words import ICONS, Words, share, shares_between
from rewards.admin.campaign.tabs import CampaignPages
from rewards.models import Campaign
from rewards.performance import figures, measuring, outcome
from rewards.performance.outcome import Outcome, Verdict
from rewards.planning import standing

SPANS: Final = (28, 91, 365)
AT_MOST: Final = 200
"""Campaigns on the page, the newest; more are compared by their downloads."""


def view(pages: CampaignPages) -> Callable[[HttpRequest], HttpResponse]:
    def shown(request: HttpRequest) -> HttpResponse:
        program = program_of(request)
        if program is None or not pages.has_view_permission(request):
            raise PermissionDenied
        days = _span(request)
        context = {"title": _("Results of all campaigns"), "spans": SPANS, "days": days}
        context |= _compared(program, days)
        return render(request, pages, "admin/rewards/campaign/performance/overview.html", context)

    return shown


def _span(request: HttpRequest) -> int:
    wanted = request.GET.get("days", "")
    return int(wanted) if wanted in map(str, SPANS) else SPANS[0]


def _compared(program: Program, days: int) -> dict[str, Any]:
    campaigns = list(
        Campaign.objects.filter(program=program)
        .exclude(status__in=measuring.NOT_BEGUN)
        .select_related("program", "measurement")
        .order_by("-pk")[:AT_MOST]
    )
    since = clock.today(program) - timedelta(days=days - 1)
    given = sums.by(sums.rows(campaigns, estimates.of(program), since=since), lambda row: row.campaign_id)
    standings = standing.standings(campaigns, at=clock.now(program))
    rows = [
        _row(campaign, given.get(campaign.pk, sums.Sum()), standings[campaign.pk]) for campaign in campaigns
    ]
    rows.sort(key=lambda row: -row["sum"].cost)
    most = max((row["sum"].points for row in rows), default=0) or 1
    for row in rows:
        row["bar"] = round(100 * row["sum"].points / most)
    return {
        "rows": rows,
        "whole": sum((row["sum"] for row in rows), sums.Sum()),
        "since": since,
        "effects": _effects(rows),
    }


def _row(campaign: Campaign, given: sums.Sum, found: standing.Standing) -> dict[str, Any]:
    measurement = getattr(campaign, "measurement", None)
    counted = figures.read(measurement.figures) if measurement else None
    words = Words(currency=campaign.program.currency, names=counted.compared.names if counted else {})
    result = outcome.outcome(counted.compared) if counted else None
    return {
        "campaign": campaign,
        "standing": found,
        "sum": given,
        "cost": words.money(given.cost),
        "sales": words.money(given.sales),
        "words": words,
        "result": result,
        "effect": _effect(result, words),
        "reached": counted.reached if counted else None,
    }


def _effect(found: Outcome | None, words: Words) -> dict[str, str]:
    """What is known, in a few words, and the colour of them."""
    if found is None:
        return {"text": _("not counted yet"), "tone": "", "note": ""}
    short = {
        Verdict.NO_GROUPS: _("no control group"),
        Verdict.TOO_FEW: _("too few members yet"),
        Verdict.MISMATCH: _("groups are not right"),
        Verdict.NO_DIFFERENCE: _("none to be seen"),
        Verdict.MORE: _("more sales"),
        Verdict.LESS: _("fewer sales"),
    }[found.verdict]
    pair = found.main or found.best
    note = words.between(pair.comparison.interval) if pair else ""
    if pair and pair.comparison.is_sure and pair.comparison.relative is not None:
        short = f"{'+' if pair.comparison.relative > 0 else ''}{share(pair.comparison.relative)}"
    return {"text": short, "tone": ICONS[found.verdict][1], "note": note}


def _effects(rows: list[dict[str, Any]]) -> charts.Ranges | None:
    """Those with a control group, on one scale: of a member, in percent of the control group's sales."""
    drawn = []
    for row in rows:
        found: Outcome | None = row["result"]
        ends = found.main.comparison.relative_interval if found and found.main else None
        if found and found.main and ends and found.main.comparison.relative is not None:
            middle = found.main.comparison.relative
            drawn.append((row["campaign"].name, shares_between(ends), ends.low, middle, ends.high))
    return charts.ranges(drawn) if drawn else None
