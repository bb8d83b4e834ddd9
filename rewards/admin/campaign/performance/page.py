"""The page: what the groups say first, then what was given, and what became of it."""

from datetime import date
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core import clock
from loyalty.core.admin import charts
from members.finance import estimates
from rewards import tasks
from rewards.admin.campaign.performance import downloads, overview, sums
from rewards.admin.campaign.performance.words import Words, share, shares_between
from rewards.admin.campaign.tabs import CampaignPages, Tab, campaign_of, page, show
from rewards.deciding import budgets
from rewards.models import Campaign, CampaignMeasurement, CampaignStatus
from rewards.performance import figures, measuring, outcome
from rewards.performance.experiments import split_of
from rewards.performance.figures import Figures
from rewards.performance.outcome import Outcome, Pair

TAB = Tab("performance", _("Results"))
MEASURE: Final = "rewards.measure_campaign"
TEMPLATE: Final = "admin/rewards/campaign/performance/page.html"


def urls(pages: CampaignPages) -> list[URLPattern]:
    compare = pages.admin_site.admin_view(overview.view(pages))
    return [
        path("performance/", compare, name="rewards_campaign_results"),
        page(pages, "performance", performance_view),
        page(pages, "performance/count", count_view, name="performance_count"),
    ]


class MarginForm(forms.Form):
    """What is left of each unit of sales after what the goods cost, in percent."""

    margin = forms.DecimalField(
        label=_("Your gross margin"), required=False, min_value=0, max_value=100, decimal_places=2
    )


def performance_view(pages: CampaignPages, request: HttpRequest, campaign_id: str) -> HttpResponseBase:
    campaign = campaign_of(pages, request, campaign_id)
    measurement = CampaignMeasurement.objects.filter(campaign=campaign).first()
    counted = figures.read(measurement.figures) if measurement else None
    form = MarginForm(request.GET)
    margin = form.cleaned_data["margin"] if form.is_valid() else None
    worth = estimates.of(campaign.program)
    days = sums.rows([campaign], worth)
    if wanted := request.GET.get("csv"):
        return downloads.of(wanted, campaign, days, counted)
    context: dict[str, Any] = {
        "title": _now("Results of %(campaign)s") % {"campaign": campaign},
        "measurement": measurement,
        "counted": counted,
        "may_measure": request.user.has_perm(MEASURE),
        "is_to_come": campaign.status in measuring.NOT_BEGUN,
        "has_groups": split_of(campaign.draft or {}).is_experiment,
        "form": form,
        "margin": margin,
        "budgets": _budgets(campaign),
        **_over_time(days, until=_last_day(campaign, days, counted)),
        **(_results(campaign, counted, margin) if counted else {}),
    }
    return show(pages, request, campaign, TEMPLATE, context, tab="performance")


def count_view(pages: CampaignPages, request: HttpRequest, campaign_id: str) -> HttpResponse:
    """Have the results counted anew by a worker."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    campaign = campaign_of(pages, request, campaign_id)
    if not request.user.has_perm(MEASURE):
        raise PermissionDenied
    measurement, is_new = measuring.ask(campaign)
    if is_new:
        tasks.measure_campaign.delay(measurement_id=str(measurement.pk))
        messages.success(request, _now("The results are being counted; this page looks again by itself."))
    else:
        messages.info(request, _now("They are being counted already."))
    return HttpResponseRedirect(reverse("admin:rewards_campaign_performance", args=[campaign.pk]))


def _budgets(campaign: Campaign) -> list[dict[str, Any]]:
    """How much of each budget is used, as it stands now."""
    words = Words(currency=campaign.program.currency, names={})
    labels = {"times": _now("Times"), "points": _now("Points"), "money": _now("Money")}
    found = []
    for one in budgets.standing([campaign]).get(campaign.pk, ()):
        used, allotted = (
            words.money(amount) if one.unit == "money" else _grouped(int(amount))
            for amount in (one.used, one.allotted)
        )
        shown = _now("%(used)s of %(allotted)s") % {"used": used, "allotted": allotted}
        percent = min(round(100 * one.share), 100)
        found.append({"label": labels[one.unit], "shown": shown, "percent": percent, "standing": one})
    return found


def _over_time(days: list[sums.Row], *, until: date) -> dict[str, Any]:
    spans, are_weeks = sums.over_time(days, until=until)
    whole = sum((row.sum for row in days), sums.Sum())
    versions = sums.by(days, lambda row: row.version)
    return {
        "whole": whole,
        "are_weeks": are_weeks,
        "span_name": _now("Week from") if are_weeks else _now("Day"),
        "points_chart": charts.columns([(label, one.points, _grouped(one.points)) for label, one in spans]),
        "points_most": _grouped(max((one.points for _label, one in spans), default=0)),
        "activities_chart": charts.columns(
            [(label, one.activities, _grouped(one.activities)) for label, one in spans]
        ),
        "activities_most": _grouped(max((one.activities for _label, one in spans), default=0)),
        "has_days": bool(days),
        "versions": sorted(versions.items()) if len(versions) > 1 else [],
    }


def _last_day(campaign: Campaign, days: list[sums.Row], counted: Figures | None) -> date:
    """Today while it runs; otherwise the last day on which it gave something."""
    is_over = campaign.status != CampaignStatus.RUNNING or (counted is not None and counted.compared.is_over)
    return days[-1].day if days and is_over else clock.today(campaign.program)


def _results(campaign: Campaign, counted: Figures, margin: Decimal | None) -> dict[str, Any]:
    words = Words(currency=campaign.program.currency, names=counted.compared.names)
    found = outcome.outcome(counted.compared, margin=None if margin is None else margin / 100)
    pairs = _pairs(found, words)
    return {
        "words": words,
        "found": found,
        "told": words.told(found),
        "compared": counted.compared,
        "groups": [_group(group, found, words) for group in found.groups],
        "pairs": pairs,
        "effects": charts.ranges(
            [
                (
                    one["name"],
                    one["shown"],
                    one["pair"].comparison.interval.low,
                    one["pair"].comparison.difference,
                    one["pair"].comparison.interval.high,
                )
                for one in pairs
            ]
        ),
        "effects_ends": _ends(pairs, words),
        "narrowed": share(found.main.narrowed) if found.main and found.main.narrowed > 0.005 else "",
        "returned": _returned(found, words),
        "described": _described(counted, words),
        "reached_share": share(counted.reached_in_audience / counted.audience) if counted.audience else "",
        "cost": words.money(counted.cost),
        "sales": words.money(counted.sales),
        "fates": [_fate(fate) for fate in counted.fates],
        "stores": [(one, words.money(one.sales)) for one in counted.stores],
        "products": [(one, words.money(one.sales)) for one in counted.products],
    }


def _pairs(found: Outcome, words: Words) -> list[dict[str, Any]]:
    """All comparisons, as rows of the drawing and of the table."""
    main = [found.main] if found.main else []
    return [_pair(pair, words) for pair in (*main, *found.variants, *found.pairs)]


def _pair(pair: Pair, words: Words) -> dict[str, Any]:
    comparison = pair.comparison
    relative = comparison.relative_interval
    return {
        "pair": pair,
        "name": words.pair(pair),
        "shown": words.money(comparison.difference, is_signed=True),
        "interval": words.between(comparison.interval),
        "relative": share(comparison.relative) if comparison.relative is not None else "–",
        "relative_interval": shares_between(relative) if relative else "–",
        "plain": words.money(pair.plain.difference, is_signed=True),
        "plain_interval": words.between(pair.plain.interval),
        "chance": words.chance(pair),
        "detectable": words.money(comparison.detectable),
    }


def _ends(pairs: list[dict[str, Any]], words: Words) -> tuple[str, str]:
    edges = [
        abs(edge)
        for one in pairs
        for edge in (one["pair"].comparison.interval.low, one["pair"].comparison.interval.high)
    ]
    reach = max(edges, default=0.0) * 1.15
    return words.money(-reach), words.money(reach)


def _group(group: Any, found: Outcome, words: Words) -> dict[str, Any]:
    whole = sum(one.members for one in found.groups) or 1
    return {
        "group": group,
        "name": words.name(group.key),
        "wanted": share(group.share),
        "share": share(group.members / whole),
        "mean": words.money(group.mean),
        "before": words.money(group.mean_before),
        "buyers": share(group.buyers / group.members) if group.members else "–",
    }


def _returned(found: Outcome, words: Words) -> dict[str, Any] | None:
    one = found.returned
    if one is None:
        return None
    return {
        "revenue": words.money(one.revenue, is_signed=True),
        "revenue_interval": words.between(one.revenue_interval),
        "points": one.points,
        "cost": words.money(one.cost),
        "per_point": None if one.per_point is None else words.money(one.per_point, is_signed=True),
        "per_point_interval": one.per_point_interval and words.between(one.per_point_interval),
        "gain": None if one.gain is None else words.money(one.gain, is_signed=True),
        "gain_interval": one.gain_interval and words.between(one.gain_interval),
        "on_cost": None if one.on_cost is None else share(one.on_cost),
        "on_cost_interval": one.on_cost_interval and shares_between(one.on_cost_interval),
    }


def _described(counted: Figures, words: Words) -> list[dict[str, Any]]:
    """Before and after, of those who got something and those who did not: a description."""
    found = []
    for got, name in ((True, _now("Got something from it")), (False, _now("Got nothing from it"))):
        group = counted.compared.described(got_something=got)
        if group.members:
            found.append(
                {
                    "name": name,
                    "members": group.members,
                    "before": words.money(group.mean_before),
                    "mean": words.money(group.mean),
                }
            )
    return found


def _fate(fate: Any) -> dict[str, Any]:
    parts = [
        (_now("Used"), fate.used, "var(--color-primary-600)"),
        (_now("Passed on"), fate.passed_on, "var(--color-primary-300)"),
        (_now("Still there"), fate.left, "var(--rg-amber)"),
        (_now("Expired"), fate.expired, "var(--color-base-400)"),
        (_now("Taken back"), fate.reversed, "var(--rg-danger)"),
    ]
    return {
        "fate": fate,
        "parts": [
            (name, points, colour, round(100 * points / fate.granted, 2))
            for name, points, colour in parts
            if points
        ],
    }


def _grouped(number: int) -> str:
    return f"{number:,}"
