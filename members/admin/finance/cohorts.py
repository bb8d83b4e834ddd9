"""What became of the points of each month, beside what was expected of them."""

from collections.abc import Iterator, Sequence
from typing import Final

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from loyalty.core import spreadsheets
from loyalty.core.admin import program_page
from loyalty.core.models import Program
from members.admin.finance import frame
from members.finance import ageing
from members.finance.ageing import Observed

HEADER: Final = (
    "wallet_type", "earned_in", "issued", "redeemed", "expired", "given_up", "outstanding",
    "breakage_so_far", "breakage_expected",
)  # fmt: skip


@program_page(frame.FINANCE)
def show(request: HttpRequest, program: Program) -> HttpResponseBase:
    day, problem = frame.chosen_day(request, program)
    rows, counted_at = frame.kept(program, f"cohorts:{day}", lambda _known: ageing.observed(program, day))
    if request.GET.get("format") == "csv" and not problem:
        return spreadsheets.download(f"breakage-{program.key}-{day}", HEADER, _cells(rows))
    context = {
        "title": _("Breakage"),
        "day": day,
        "problem": problem,
        "counted_at": counted_at,
        "kinds": _by_kind(rows),
    }
    return frame.render(request, "cohorts.html", context)


def _by_kind(rows: Sequence[Observed]) -> dict[str, list[Observed]]:
    found: dict[str, list[Observed]] = {}
    for row in rows:
        found.setdefault(row.kind.name, []).append(row)
    return found


def _cells(rows: Sequence[Observed]) -> Iterator[tuple[spreadsheets.Cell, ...]]:
    for row in rows:
        yield (
            row.kind.key, f"{row.earned:%Y-%m}", row.issued, row.used, row.expired, row.given_up,
            row.outstanding, round(row.broken, 4), row.estimate,
        )  # fmt: skip
