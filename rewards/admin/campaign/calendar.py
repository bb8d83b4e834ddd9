"""The calendar of what runs when, by the month or the quarter."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import formats
from django.utils.translation import gettext as _

from loyalty.core import clock
from loyalty.core.admin import program_of, render
from rewards.admin.campaign import states
from rewards.admin.campaign.tabs import CampaignPages
from rewards.planning import agenda

MONTH, QUARTER = "month", "quarter"
MONTHS: Final = {MONTH: 1, QUARTER: 3}
LANES_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Day:
    """A column; `count` campaigns run on it."""

    date: date
    count: int
    is_today: bool

    @property
    def is_marked(self) -> bool:
        """Where there is no room for each date: the first, and the Mondays that are not too near to it."""
        return self.date.day == 1 or (self.date.weekday() == 0 and 4 <= self.date.day <= 28)

    @property
    def is_weekend(self) -> bool:
        return self.date.weekday() >= 5


def urls(pages: CampaignPages) -> list[URLPattern]:
    view = pages.admin_site.admin_view(partial(calendar_view, pages))
    return [path("calendar/", view, name="rewards_campaign_calendar")]


def calendar_view(pages: CampaignPages, request: HttpRequest) -> HttpResponse:
    """Each campaign a lane, each day a column."""
    program = program_of(request)
    if program is None or not pages.has_view_permission(request):
        raise PermissionDenied
    view = QUARTER if request.GET.get("view") == QUARTER else MONTH
    today = clock.today(program)
    first = _first(request.GET.get("from", ""), today, view)
    last = _moved(first, MONTHS[view])
    found = agenda.of(program, first=first, last=last, at=clock.now(program))
    begin = LANES_AT_ONCE * (_number(request.GET.get("part", "")) - 1)
    context = {
        "title": _("Calendar"),
        "view": view,
        "name": _name(first, view),
        "days": _days(found, today),
        "months": _months(first, last),
        "lanes": [
            (lane, states.LABELS[lane.campaign.status]) for lane in found.lanes[begin : begin + LANES_AT_ONCE]
        ],
        "count": len(found.lanes),
        "most": max(found.at_once(), default=0),
        "next_part": _number(request.GET.get("part", "")) + 1
        if len(found.lanes) > begin + LANES_AT_ONCE
        else None,
        "may_add": pages.has_add_permission(request),
        **_ways(first, today, view),
    }
    return render(request, pages, "admin/rewards/campaign/calendar.html", context)


def _first(wanted: str, today: date, view: str) -> date:
    """The first day of the month, or quarter, that is asked for; else of today's."""
    try:
        day = date.fromisoformat(f"{wanted}-01")
        day = day if 2000 <= day.year <= 2200 else today
    except ValueError:
        day = today
    month = day.month if view == MONTH else day.month - (day.month - 1) % 3
    return day.replace(month=month, day=1)


def _moved(first: date, months: int) -> date:
    number = first.year * 12 + first.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _number(text: str) -> int:
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 4 else 1


def _name(first: date, view: str) -> str:
    if view == MONTH:
        return formats.date_format(first, "F Y")
    last = _moved(first, 2)
    return f"{formats.date_format(first, 'F')} – {formats.date_format(last, 'F Y')}"


def _days(found: agenda.Agenda, today: date) -> list[Day]:
    dates = (found.first + timedelta(days=number) for number in range((found.last - found.first).days))
    return [Day(day, count, day == today) for day, count in zip(dates, found.at_once(), strict=True)]


def _months(first: date, last: date) -> list[dict[str, Any]]:
    """The months over the columns, by their names."""
    months = []
    begin = first
    while begin < last:
        end = _moved(begin, 1)
        column = f"{(begin - first).days + 1} / {(end - first).days + 1}"
        months.append({"name": formats.date_format(begin, "F"), "column": column})
        begin = end
    return months


def _ways(first: date, today: date, view: str) -> dict[str, str]:
    """Where one goes from here."""
    step = MONTHS[view]
    return {
        "before": f"{_moved(first, -step):%Y-%m}",
        "after": f"{_moved(first, step):%Y-%m}",
        "this": f"{first:%Y-%m}",
        "today": f"{today:%Y-%m}",
    }
