"""What a campaign's draft would have given for past sales: asked for, followed, looked at, taken as CSV."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from loyalty.core import clock, spreadsheets
from loyalty.core.admin import render, user_of
from loyalty.core.admin.charts import bars
from loyalty.core.errors import DomainError
from members.finance.liability import rounded
from members.models import Member
from rewards import tasks
from rewards.admin.campaign.tabs import CampaignPages, Tab, campaign_of, missing_of, page, show
from rewards.backtests import asking, running
from rewards.backtests.results import DayResult, Moved, Result
from rewards.backtests.simulation import CONTROL
from rewards.engine.definition import digest
from rewards.engine.problems import InvalidDefinition
from rewards.models import Backtest, BacktestStatus, Campaign
from rewards.telling import wording

TAB = Tab("backtest", _("Backtest"))
SHOWN: Final = 10
KEPT_SHOWN: Final = 12
DAYS_BY_DAY: Final = 62
TEMPLATE: Final = "admin/rewards/campaign/backtest/page.html"
LABELS: Final = {
    BacktestStatus.WAITING: "info",
    BacktestStatus.RUNNING: "info",
    BacktestStatus.DONE: "success",
    BacktestStatus.CANCELLED: "warning",
    BacktestStatus.FAILED: "danger",
}
HEADER: Final = (
    "day", "activities", "earned", "points", "cost", "points_by_todays_rules", "cost_by_todays_rules",
    "points_with_it", "cost_with_it", "currency",
)  # fmt: skip
STOPPED: Final = {
    "limit_reached": _("the member had reached the limit"),
    "points_limit_reached": _("the member had reached the limit of points"),
    "budget_spent": _("the budget was spent"),
    "budget_is_not_enough": _("the rest of the budget was not enough"),
    "another_gives": _("another campaign of the group gave instead"),
}
GIFTS: Final = {
    "message": _("messages"),
    "webhook": _("signals to other systems"),
    "reward": _("rewards"),
    "badge": _("badges"),
    "challenge_progress": _("steps in challenges"),
    "prize_draw_entry": _("entries in prize draws"),
}


def urls(pages: CampaignPages) -> list[URLPattern]:
    return [
        page(pages, "backtest", backtest_view),
        page(pages, "backtest/<uuid:backtest_id>", backtest_view, name="backtest_result"),
        page(pages, "backtest/<uuid:backtest_id>/progress", progress_view, name="backtest_progress"),
        page(
            pages, "backtest/<uuid:backtest_id>/cancel", require_POST_of(cancel_view), name="backtest_cancel"
        ),
        page(pages, "backtest/<uuid:backtest_id>/days.csv", days_view, name="backtest_days"),
    ]


def require_POST_of(view: Any) -> Any:
    """`require_POST` for a view whose first argument is the pages."""

    def posted(pages: CampaignPages, request: HttpRequest, **where: Any) -> HttpResponse:
        return require_POST(lambda request: view(pages, request, **where))(request)

    return posted


class PeriodForm(forms.Form):
    """Of which days, and whether the campaigns' own dates count."""

    first = forms.DateField(
        label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(label=_("To"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    keeps_dates = forms.BooleanField(
        label=_("Only between the campaigns’ own dates"),
        required=False,
        help_text=_("Otherwise as if it, and all that is running now, had run all the time."),
    )


def backtest_view(
    pages: CampaignPages, request: HttpRequest, campaign_id: str, backtest_id: UUID | None = None
) -> HttpResponse:
    """The newest backtest of the campaign, or the one that is named; and one more is asked for here."""
    campaign = campaign_of(pages, request, campaign_id)
    may_ask = pages.has_change_permission(request, campaign)
    form = _form(request, campaign)
    if request.method == "POST":
        if not may_ask:
            raise PermissionDenied
        asked = _ask(request, campaign, form) if form and form.is_valid() else None
        if asked is not None:
            return HttpResponseRedirect(_address(asked))
    kept = list(campaign.backtests.order_by("-pk").defer("result", "state")[:KEPT_SHOWN])
    backtest = _named(campaign, backtest_id) if backtest_id else (kept[0] if kept else None)
    context: dict[str, Any] = {
        "title": _now("Backtest of %(campaign)s") % {"campaign": campaign},
        "form": form,
        "may_ask": may_ask,
        "problems": missing_of(campaign),
        "kept": [(one, LABELS[BacktestStatus(one.status)]) for one in kept],
        "backtest": backtest,
        "is_of_draft": backtest is not None and backtest.digest == digest(campaign.draft),
    }
    if backtest is not None:
        context |= _shown(request, backtest)
    return show(pages, request, campaign, TEMPLATE, context, tab="backtest")


def beside(campaign: Campaign) -> dict[str, Any]:
    """What the page that edits says before publishing: what the last backtest of the draft found."""
    if campaign._state.adding or not campaign.draft:
        return {}
    done = campaign.backtests.done().filter(digest=digest(campaign.draft)).order_by("-pk").first()
    if done is None:
        return {"is_to_be_done": True}
    return {"backtest": done, "result": Result(done), "is_change": done.replaced_id is not None}


def _form(request: HttpRequest, campaign: Campaign) -> PeriodForm | None:
    """None as long as nothing has happened in the program."""
    usual = asking.usual_period(campaign.program)
    if usual is None:
        return None
    data = request.POST if request.method == "POST" else None
    return PeriodForm(data, initial={"first": usual[0], "last": usual[1]})


def _ask(request: HttpRequest, campaign: Campaign, form: PeriodForm) -> Backtest | None:
    """The backtest that was asked for; None if it was refused, which the form then says."""
    try:
        backtest, is_new = asking.ask(
            campaign, definition=campaign.draft, actor=user_of(request).actor, **form.cleaned_data
        )
    except InvalidDefinition as invalid:
        form.add_error(None, [problem.text() for problem in invalid.problems])
    except DomainError as refusal:
        field = (refusal.pointer or "").removeprefix("#/")
        form.add_error(field if field in form.fields else None, refusal.detail)
    else:
        if is_new:
            tasks.run_backtest.delay(backtest_id=str(backtest.pk))
        else:
            messages.info(request, _now("The same backtest is under way already: this one."))
        return backtest
    return None


def _named(campaign: Campaign, backtest_id: UUID) -> Backtest:
    backtest = campaign.backtests.filter(pk=backtest_id).first()
    if backtest is None:
        raise Http404(_now("There is no such backtest of this campaign."))
    return backtest


def _address(backtest: Backtest) -> str:
    return reverse("admin:rewards_campaign_backtest_result", args=[backtest.campaign_id, backtest.pk])


def _shown(request: HttpRequest, backtest: Backtest) -> dict[str, Any]:
    """What the page says of one backtest, whatever has become of it."""
    shown = {
        "sentence": wording.sentence(backtest.definition, program=backtest.program),
        **_progress(backtest),
    }
    if backtest.status == BacktestStatus.DONE:
        shown |= _told(request, backtest, Result(backtest))
    return shown


def _progress(backtest: Backtest) -> dict[str, Any]:
    seen = running.seen(backtest)
    percent = min(100, seen * 100 // backtest.total) if backtest.total else 0
    return {
        "seen": seen,
        "percent": percent,
        "queue": _ahead(backtest),
        "label": LABELS[BacktestStatus(backtest.status)],
        "last_day": clock.local_date(backtest.program, backtest.ends_at - timedelta(hours=1)),
    }


def _ahead(backtest: Backtest) -> int:
    """How many of the program have their turn before it."""
    if backtest.status != BacktestStatus.WAITING:
        return 0
    return Backtest.objects.under_way().filter(program=backtest.program_id, pk__lt=backtest.pk).count()


def _told(request: HttpRequest, backtest: Backtest, result: Result) -> dict[str, Any]:
    may_see = request.user.has_perm("members.view_member")
    names = _names([*result.best[:SHOWN], *result.worst[:SHOWN]], backtest) if may_see else {}
    stores, products = result.stores[:SHOWN], result.products[:SHOWN]
    bins = list(_bins(result.days))
    return {
        "result": result,
        "is_change": backtest.replaced_id is not None,
        "share": _share(result.matched, result.activities),
        "reach": _share(result.members, result.seen),
        "best": [(names.get(one.member_id), one) for one in result.best[:SHOWN]],
        "worst": [(names.get(one.member_id), one) for one in result.worst[:SHOWN]],
        "products": [(one, _of_most(one.points or one.matched, products)) for one in products],
        "stores": [(one, _of_most(one.points or one.matched, stores)) for one in stores],
        "stopped": [
            (STOPPED.get(code.partition(".")[0], code), number) for code, number in result.stopped.items()
        ],
        "gifts": [(GIFTS.get(kind, kind), number) for kind, number in result.gifts.items()],
        "parts": [
            (_now("Control group") if part.key == CONTROL else part.key, part) for part in result.parts
        ],
        "bins": bins,
        "chart": _chart(bins, is_change=backtest.replaced_id is not None) if result.matched else "",
        "chart_options": bars(thickness=18, labels=12),
    }


def _names(moved: Iterable[Moved], backtest: Backtest) -> dict[UUID, Member]:
    ids = {one.member_id for one in moved}
    return {member.pk: member for member in Member.objects.of(backtest.program).filter(pk__in=ids)}


def _share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _of_most(number: int, tops: Sequence[Any]) -> int:
    most = max((top.points or top.matched for top in tops), default=0)
    return max(1, round(100 * number / most)) if most else 0


@dataclass(slots=True)
class Bin:
    """Some days of the chart: a day, a week or a month."""

    first: date
    label: str
    points: int = 0
    earlier: int = 0
    matched: int = 0


def _bins(days: Sequence[DayResult]) -> Iterator[Bin]:
    """Days, weeks or months, so that there are not too many to be looked at; those without sales too."""
    if not days:
        return
    span = (days[-1].day - days[0].day).days + 1
    step = "day" if span <= DAYS_BY_DAY else "week" if span <= 7 * DAYS_BY_DAY else "month"
    found: dict[date, Bin] = {}
    for number in range(span):
        first = _start(days[0].day + timedelta(days=number), step)
        found.setdefault(first, Bin(first, date_format(first, "M Y" if step == "month" else "j M")))
    for day in days:
        one = found[_start(day.day, step)]
        one.points += day.given.total
        one.earlier += day.earlier.total
        one.matched += day.matched
    yield from found.values()


def _start(day: date, step: str) -> date:
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


def _chart(bins: Sequence[Bin], *, is_change: bool) -> str:
    given = {"label": _now("With the draft"), "data": [one.points for one in bins]}
    sets = [{**given, "backgroundColor": "var(--color-primary-500)"}]
    if is_change:
        earlier = {"label": _now("As it runs now"), "data": [one.earlier for one in bins]}
        sets.insert(0, {**earlier, "backgroundColor": "var(--color-base-300)"})
    if not any(one.points or one.earlier for one in bins):
        sets = [{**sets[-1], "label": _now("Activities"), "data": [one.matched for one in bins]}]
    return json.dumps({"labels": [one.label for one in bins], "datasets": sets})


def progress_view(
    pages: CampaignPages, request: HttpRequest, campaign_id: str, backtest_id: UUID
) -> HttpResponse:
    """The bar of one that is under way, for the page to put in place; at its end, the page is loaded anew."""
    campaign = campaign_of(pages, request, campaign_id)
    backtest = _named(campaign, backtest_id)
    context = {"campaign": campaign, "backtest": backtest, **_progress(backtest)}
    context["may_ask"] = pages.has_change_permission(request, campaign)
    answer = render(request, pages, "admin/rewards/campaign/backtest/progress.html", context)
    if not backtest.is_under_way:
        answer.headers["HX-Redirect"] = _address(backtest)
    return answer


def cancel_view(
    pages: CampaignPages, request: HttpRequest, campaign_id: str, backtest_id: UUID
) -> HttpResponse:
    campaign = campaign_of(pages, request, campaign_id)
    if not pages.has_change_permission(request, campaign):
        raise PermissionDenied
    backtest = _named(campaign, backtest_id)
    asking.cancel(backtest)
    return HttpResponseRedirect(_address(backtest))


def days_view(
    pages: CampaignPages, request: HttpRequest, campaign_id: str, backtest_id: UUID
) -> HttpResponseBase:
    """Day by day, for a spreadsheet."""
    campaign = campaign_of(pages, request, campaign_id)
    backtest = _named(campaign, backtest_id)
    if backtest.status != BacktestStatus.DONE:
        raise Http404(_now("This backtest has no result."))
    rows = _cells(Result(backtest).days, campaign.program.currency)
    return spreadsheets.download(f"backtest-{campaign.key}", HEADER, rows)


def _cells(days: Iterable[DayResult], currency: str) -> Iterator[Sequence[spreadsheets.Cell]]:
    for day in days:
        yield (
            day.day, day.activities, day.matched, day.given.total, rounded(day.given.cost), day.before.total,
            rounded(day.before.cost), day.after.total, rounded(day.after.cost), currency,
        )  # fmt: skip
