"""
The journal for accounting: what the movements of points are, as debit and credit.

Every line of the movement report becomes one pair of lines: the contract liability against an account
of its purpose, with the same amount on both sides. Amounts are rounded once, to the cent; what the
rounded movements lack of the rounded liability is booked as a pair of its own (`rounding`), so that
the liability account always says what the liability report says. Ids of lines depend on nothing but
program, period, kind of points and movement: to export again is to get the same lines.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext_lazy as _

from loyalty.core.models import Program
from loyalty.core.spreadsheets import Cell
from members.finance import movements
from members.finance.estimates import ZERO
from members.finance.liability import rounded
from members.finance.movements import Movement, Statement, Sum
from members.finance.periods import Step
from members.models import AccountingAccount

LIABILITY: Final = "contract_liability"
ACCOUNTS: Final = {
    LIABILITY: ("3270", _("Contract liability, loyalty points")),
    "deferred_revenue": ("4730", _("Revenue deferred for points")),
    "points_revenue": ("4400", _("Revenue from points used")),
    "breakage_income": ("4830", _("Income from points never used")),
    "marketing_expense": ("6600", _("Marketing expense, bonus points")),
    "goodwill_expense": ("6640", _("Goodwill, adjustments by staff")),
    "fee_income": ("4835", _("Income from transfer fees")),
    "estimate_changes": ("6969", _("Changes of cost and breakage estimates")),
    "clearing": ("1490", _("Clearing, points passed between members")),
    "rounding": ("6960", _("Rounding differences")),
}
"""What an account is for, and the number and name that it has where a program sets none."""

_AGAINST: Final = {
    "redeemed": "points_revenue",
    "redeemed_undone": "points_revenue",
    "expired": "breakage_income",
    "expired_undone": "breakage_income",
    "fee": "fee_income",
    "adjusted_up": "goodwill_expense",
    "adjusted_down": "goodwill_expense",
    "transferred_in": "clearing",
    "transferred_out": "clearing",
    "merged": "clearing",
}
_BY_SOURCE: Final = {"purchase": "deferred_revenue", "adjustment": "goodwill_expense"}

Booking = tuple[str, str, str]
"""A line of the movement report, the purpose of the account that it is booked against, a cost centre."""

HEADER: Final = (
    "line_id", "booking_date", "period_start", "period_end", "program", "wallet_type", "movement",
    "account", "account_name", "debit", "credit", "currency", "cost_centre", "points",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One side of a booking; one of `debit` and `credit` is zero, neither is below."""

    id: str
    statement: Statement
    movement: str
    number: str
    name: str
    debit: Decimal
    credit: Decimal
    cost_centre: str
    points: int


@dataclass(frozen=True, slots=True)
class Journal:
    """Balanced lines; `rounding` is what was booked as rounding differences, credit less debit."""

    program: Program
    lines: tuple[Line, ...]
    debit: Decimal
    credit: Decimal
    rounding: Decimal

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """For CSV, by `HEADER`."""
        for line in self.lines:
            period, kind = line.statement.period, line.statement.kind
            yield (
                line.id, period.last_day, period.start, period.last_day, self.program.key, kind.key,
                line.movement, line.number, line.name, line.debit, line.credit,
                self.program.currency, line.cost_centre, line.points,
            )  # fmt: skip


def against(movement: Movement) -> str:
    """The purpose of the account that a movement is booked against."""
    what, source, _cost_centre = movement
    return _AGAINST.get(what) or _BY_SOURCE.get(source, "marketing_expense")


def accounts(program: Program) -> dict[str, tuple[str, str]]:
    """Number and name of the account of each purpose, as the program says or by default."""
    own = AccountingAccount.objects.filter(program=program)
    default = {purpose: (number, str(name)) for purpose, (number, name) in ACCOUNTS.items()}
    return default | {one.purpose: (one.number, one.name) for one in own}


def of(program: Program, *, first: date, last: date, step: Step) -> Journal:
    """The journal of the periods between two days, both included."""
    return booked(program, movements.report(program, first=first, last=last, step=step))


def booked(program: Program, report: Iterable[Statement]) -> Journal:
    """The journal of a movement report."""
    chart = accounts(program)
    lines = tuple(line for statement in report for line in _lines(program, statement, chart))
    debit, credit = sum((x.debit for x in lines), ZERO), sum((x.credit for x in lines), ZERO)
    assert debit == credit, "pairs balance"
    rounding = [line for line in lines if line.number == chart["rounding"][0] and line.movement == "rounding"]
    return Journal(
        program, lines, debit, credit, rounding=sum((one.credit - one.debit for one in rounding), ZERO)
    )


def _lines(program: Program, statement: Statement, chart: dict[str, tuple[str, str]]) -> Iterator[Line]:
    lacking = rounded(statement.closing.money) - rounded(statement.opening.money)
    for booking, moved in _bookings(statement).items():
        amount = rounded(moved.money)
        lacking -= amount
        yield from _pair(program, statement, chart, booking, Sum(moved.points, amount))
    yield from _pair(program, statement, chart, ("rounding", "rounding", ""), Sum(0, lacking))


def _bookings(statement: Statement) -> dict[Booking, Sum]:
    """The report's lines by what they are booked against, and the change of estimates."""
    sums: dict[Booking, Sum] = defaultdict(Sum)
    for movement, moved in statement.movements.items():
        purpose = against(movement)
        line = "passed_on" if purpose == "clearing" else movements.line_of(movement)
        sums[line, purpose, movement[2]] += moved
    sums["estimates", "estimate_changes", ""] = Sum(0, statement.revalued)
    return dict(sorted(sums.items()))


def _pair(
    program: Program,
    statement: Statement,
    chart: dict[str, tuple[str, str]],
    booking: Booking,
    moved: Sum,
) -> Iterator[Line]:
    """More liability is a debit of the other account; less of it is a credit. Nothing is no lines."""
    movement, purpose, cost_centre = booking
    if not moved.money:
        return
    sides = (purpose, LIABILITY) if moved.money > 0 else (LIABILITY, purpose)
    period = f"{statement.period.start}:{statement.period.last_day}"
    for side, of in zip(("debit", "credit"), sides, strict=True):
        number, label = chart[of]
        yield Line(
            id=":".join(
                (
                    program.key,
                    period,
                    statement.kind.key,
                    movement,
                    purpose,
                    *filter(None, [cost_centre]),
                    side,
                )
            ),
            statement=statement,
            movement=movement,
            number=number,
            name=label,
            debit=abs(moved.money) if side == "debit" else ZERO,
            credit=abs(moved.money) if side == "credit" else ZERO,
            cost_centre="" if of == LIABILITY else cost_centre,
            points=moved.points,
        )
