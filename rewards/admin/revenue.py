"""Revenue from members' purchases by IFRS 15: what is deferred for points, and when it is earned."""

from collections.abc import Iterator, Sequence
from typing import Final

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from loyalty.core import spreadsheets
from loyalty.core.admin import program_page
from loyalty.core.models import Program
from members.admin.finance import frame
from members.finance.liability import rounded
from rewards.books import revenue
from rewards.books.revenue import Month

SHOWN: Final = 12
FIGURES: Final = (
    "sales", "goods", "opening", "deferred", "returned", "recognised", "catch_up", "closing",
)  # fmt: skip
HEADER: Final = ("period_start", "period_end", "program", *FIGURES, "currency")


@program_page(frame.FINANCE)
def show(request: HttpRequest, program: Program) -> HttpResponseBase:
    day, problem = frame.chosen_day(request, program)
    months, counted_at = frame.kept(
        program, f"revenue:{day}", lambda _known: revenue.report(program, last=day)
    )
    if request.GET.get("format") == "csv" and not problem:
        return spreadsheets.download(f"revenue-{program.key}-{day}", HEADER, _cells(program, months))
    shown = [_rounded(month) for month in reversed(months[-SHOWN:])]
    context = {
        "title": _("Revenue (IFRS 15)"),
        "day": day,
        "problem": problem,
        "counted_at": counted_at,
        "months": shown,
        "newest": shown[0] if shown else None,
    }
    return frame.render(request, "revenue.html", context)


def _rounded(month: Month) -> dict[str, object]:
    return {"period": month.period, **{name: rounded(getattr(month, name)) for name in FIGURES}}


def _cells(program: Program, months: Sequence[Month]) -> Iterator[tuple[spreadsheets.Cell, ...]]:
    for month in months:
        figures = (rounded(getattr(month, name)) for name in FIGURES)
        yield month.period.start, month.period.last_day, program.key, *figures, program.currency
