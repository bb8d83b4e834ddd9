"""What the program owes its members: as of a day, by kind of points, by age, and over the last year."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.http import HttpRequest, HttpResponseBase
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from loyalty.core import spreadsheets
from loyalty.core.admin import program_page
from loyalty.core.models import Program
from members.admin.finance import charts, frame
from members.finance import ageing, liability, movements
from members.finance.estimates import ZERO
from members.finance.liability import KindLiability, rounded
from members.finance.movements import Statement
from members.finance.periods import back

MONTHS_SHOWN: Final = 12
HEADER: Final = (
    "as_of", "program", "wallet_type", "earned_in", "points", "cost_per_point", "breakage",
    "gross", "liability", "currency",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of points, or all of them, as the page shows it; money is rounded."""

    name: str
    points: int
    cost: Decimal | None
    gross: Decimal
    unused: Decimal
    amount: Decimal
    is_costed: bool = True


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a list: its share of the longest, in percent."""

    label: str
    points: int
    percent: int


@program_page(frame.LIABILITY)
def show(request: HttpRequest, program: Program) -> HttpResponseBase:
    day, problem = frame.chosen_day(request, program)
    if request.GET.get("format") == "csv" and not problem:
        owed = liability.as_of(program, day)
        return spreadsheets.download(f"liability-{program.key}-{day}", HEADER, _cells(program, day, owed))
    first = back(day, steps=MONTHS_SHOWN - 1, step="month")
    (owed, expiring, trend), counted_at = frame.kept(
        program,
        f"overview:{day}",
        lambda known: (
            liability.as_of(program, day),
            ageing.expiring(program, day),
            movements.report(program, first=first, last=day, step="month", found=known),
        ),
    )
    rows = [_row(one) for one in owed]
    context = {
        "title": _("Liability"),
        "day": day,
        "problem": problem,
        "counted_at": counted_at,
        "rows": rows,
        "total": _total(rows),
        "is_undated": any(row.points and not row.is_costed for row in rows),
        "ages": list(_ages(owed, day)),
        "expiries": list(_expiries(expiring, day)),
        "trend": _trend(trend),
        "trend_chart": _chart(trend),
        "chart_options": charts.STACKED,
        "is_proved": all(statement.is_proved for statement in trend),
    }
    return frame.render(request, "overview.html", context)


def _row(owed: KindLiability) -> Row:
    gross, amount = rounded(owed.gross), rounded(owed.amount)
    return Row(owed.kind.name, owed.points, owed.cost, gross, gross - amount, amount, owed.is_costed)


def _total(rows: Sequence[Row]) -> Row:
    return Row(
        name=_("Total"),
        points=sum(row.points for row in rows),
        cost=None,
        gross=sum((row.gross for row in rows), ZERO),
        unused=sum((row.unused for row in rows), ZERO),
        amount=sum((row.amount for row in rows), ZERO),
    )


def _ages(owed: Sequence[KindLiability], day: date) -> Iterator[Bar]:
    sums: dict[tuple[int, int | None], int] = defaultdict(int)
    for one in owed:
        for band in ageing.bands(one, on=day):
            sums[band.months, band.until] += band.points
    for (months, until), points in sums.items():
        label = (
            _("more than %(months)d months") % {"months": months}
            if until is None
            else _("%(months)d to %(until)d months") % {"months": months, "until": until}
        )
        yield Bar(label, points, _share(points, sums.values()))


def _share(points: int, all_points: Any) -> int:
    longest = max(all_points, default=0)
    return max(round(100 * points / longest), 1 if points > 0 else 0) if longest > 0 else 0


def _expiries(found: dict[Any, list[tuple[date | None, int]]], day: date) -> Iterator[Bar]:
    """The next twelve months, later, and never."""
    sums: dict[str, int] = defaultdict(int)
    months: dict[str, date] = {}
    for month, points in sorted(
        (one for kinds in found.values() for one in kinds), key=lambda one: one[0] or date.max
    ):
        away = 0 if month is None else (month.year - day.year) * 12 + month.month - day.month
        label = _("never") if month is None else _("later") if away > 12 else date_format(month, "M Y")
        months.setdefault(label, month or date.max)
        sums[label] += points
    for label, points in sums.items():
        yield Bar(label, points, _share(points, sums.values()))


def _trend(statements: Sequence[Statement]) -> list[tuple[date, Decimal, int]]:
    """The end of each month, the liability then, and the points."""
    sums: dict[date, tuple[Decimal, int]] = {}
    for statement in statements:
        money, points = sums.get(statement.period.last_day, (ZERO, 0))
        sums[statement.period.last_day] = (
            money + rounded(statement.closing.money),
            points + statement.closing.points,
        )
    return [(day, money, points) for day, (money, points) in sums.items()]


def _chart(statements: Sequence[Statement]) -> str:
    days = list(dict.fromkeys(statement.period.last_day for statement in statements))
    by_kind: dict[str, list[str]] = defaultdict(list)
    for statement in statements:
        by_kind[statement.kind.name].append(str(rounded(statement.closing.money)))
    return json.dumps(
        {
            "labels": [date_format(day, "M Y") for day in days],
            "datasets": [
                charts.series(name, charts.COLORS[position % len(charts.COLORS)], values)
                for position, (name, values) in enumerate(by_kind.items())
            ],
        }
    )


def _cells(
    program: Program, day: date, owed: Sequence[KindLiability]
) -> Iterator[tuple[spreadsheets.Cell, ...]]:
    """A line for each month of earning; amounts with all their digits, as they are only parts."""
    for one in owed:
        for cohort in one.cohorts:
            yield (
                day, program.key, one.kind.key, f"{cohort.earned:%Y-%m}", cohort.points, one.cost,
                cohort.breakage, cohort.points * one.cost, cohort.amount, program.currency,
            )  # fmt: skip
