"""Opening + movements = closing, by period, in points and in money."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core import spreadsheets
from loyalty.core.admin import program_page
from loyalty.core.models import Program
from members.admin.finance import frame, span
from members.finance import movements
from members.finance.estimates import ZERO, Estimates
from members.finance.liability import rounded
from members.finance.movements import Statement, Sum
from members.finance.periods import Period, moment

LABELS: Final = {
    "issued_purchase": _("Issued for purchases"),
    "issued_bonus": _("Issued as bonus"),
    "adjusted": _("Adjusted by staff"),
    "redeemed": _("Redeemed"),
    "expired": _("Expired"),
    "reversed": _("Taken back"),
    "transferred_in": _("Received from members"),
    "transferred_out": _("Passed on to members"),
    "fee": _("Fees of transfers"),
    "merged": _("Merged"),
}
NOTES: Final = {
    "redeemed": _("less what was cancelled"),
    "expired": _("less what was undone"),
    "reversed": _("for goods returned, and debts paid"),
}
# Kinds of entries that a line consists of, as far as one filter of the statement can say it.
_KINDS: Final = {
    "issued_purchase": "earn",
    "issued_bonus": "earn",
    "adjusted": "adjust",
    "redeemed": "spend",
    "expired": "expire",
    "reversed": "reverse",
    "transferred_in": "transfer_in",
    "transferred_out": "transfer_out",
    "fee": "transfer_out",
    "merged": "merge",
}
HEADER: Final = (
    "period_start", "period_end", "program", "wallet_type", "line", "points", "amount", "currency", "adds_up",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of the table; money is rounded; `link` leads to the entries that make it up."""

    points: int
    money: Decimal
    link: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    note: str
    cells: tuple[Cell, ...]
    is_sum: bool = False
    is_money: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of points: a column for each period."""

    kind: str
    periods: tuple[Period, ...]
    lines: tuple[Line, ...]
    proofs: tuple[bool, ...]

    @property
    def is_proved(self) -> bool:
        return all(self.proofs)


@program_page(frame.FINANCE)
def show(request: HttpRequest, program: Program) -> HttpResponseBase:
    asked, problem = span.chosen(request, program)

    def count(known: Estimates | None = None) -> list[Statement]:
        return movements.report(program, first=asked.first, last=asked.last, step=asked.step, found=known)

    if request.GET.get("format") == "csv" and not problem:
        name = f"movements-{program.key}-{asked.first}-{asked.last}"
        return spreadsheets.download(name, HEADER, _cells(program, count()))
    statements, counted_at = frame.kept(program, f"movements:{asked.name}", count)
    context = {
        "title": _now("Movements"),
        "span": asked,
        "problem": problem,
        "counted_at": counted_at,
        "in_money": request.GET.get("in") == "money",
        "tables": [
            _table(program, rows)
            for rows in _by_kind(statements)
            if any(one.movements or one.opening.points for one in rows)
        ],
    }
    return frame.render(request, "movements.html", context)


def _by_kind(statements: Sequence[Statement]) -> list[list[Statement]]:
    found: dict[Any, list[Statement]] = {}
    for statement in statements:
        found.setdefault(statement.kind.id, []).append(statement)
    return list(found.values())


def _table(program: Program, rows: Sequence[Statement]) -> Table:
    lines = [
        Line(
            label=str(label),
            note=str(NOTES.get(key, "")),
            cells=tuple(_traced(program, row, key) for row in rows),
        )
        for key, label in LABELS.items()
        if any(row.lines()[key].points for row in rows)
    ]
    revalued = tuple(Cell(0, rounded(row.revalued)) for row in rows)
    lines.append(Line(_now("New estimates"), _now("of cost and breakage"), revalued, is_money=True))
    rounding = tuple(Cell(0, _rounding(row)) for row in rows)
    if any(cell.money for cell in rounding):
        lines.append(Line(_now("Rounding"), "", rounding, is_money=True))
    return Table(
        kind=rows[0].kind.name,
        periods=tuple(row.period for row in rows),
        lines=(
            Line(_now("Opening"), "", tuple(_cell(row.opening) for row in rows), is_sum=True),
            *lines,
            Line(_now("Closing"), "", tuple(_cell(row.closing) for row in rows), is_sum=True),
        ),
        proofs=tuple(row.is_proved for row in rows),
    )


def _cell(moved: Sum, link: str = "") -> Cell:
    return Cell(moved.points, rounded(moved.money), link)


def _rounding(row: Statement) -> Decimal:
    """What the rounded lines lack of the rounded closing."""
    shown = sum((rounded(moved.money) for moved in row.lines().values()), ZERO) + rounded(row.revalued)
    return rounded(row.closing.money) - rounded(row.opening.money) - shown


def _traced(program: Program, row: Statement, line: str) -> Cell:
    zone = ZoneInfo(program.time_zone)
    query = {
        "kind__exact": _KINDS[line],
        "wallet__type__id__exact": row.kind.id,
        "recorded_at__gte": moment(row.period.start, zone).isoformat(),
        "recorded_at__lt": moment(row.period.last_day + timedelta(days=1), zone).isoformat(),
    }
    link = f"{reverse('admin:members_entry_changelist')}?{urlencode(query)}"
    moved = row.lines()[line]
    return _cell(moved, link if moved.points else "")


def _cells(program: Program, statements: Sequence[Statement]) -> Iterator[tuple[spreadsheets.Cell, ...]]:
    for one in statements:
        lines = {"opening": one.opening, **one.lines(), "new_estimates": Sum(0, one.revalued)}
        for line, moved in {**lines, "rounding": Sum(0, _rounding(one)), "closing": one.closing}.items():
            yield (
                one.period.start, one.period.last_day, program.key, one.kind.key, line, moved.points,
                rounded(moved.money), program.currency, "yes" if one.is_proved else "no",
            )  # fmt: skip
