"""The journal: balanced, the same however often it is made, and what the liability report says."""

from datetime import date
from decimal import Decimal

import pytest

from loyalty.core import spreadsheets
from loyalty.core.models import Program, Role
from members import adjustments
from members.adjustments import undoing
from members.finance import journal, liability
from members.finance.liability import rounded
from members.finance.periods import Step
from members.models import AccountingAccount, AdjustmentLimit, Member, ReasonCode, TierLadder, WalletType
from tests.members.finance.conftest import Estimator, person
from tests.members.finance.desk import Desk, noon

JANUARY, MARCH = date(2026, 1, 31), date(2026, 3, 31)


@pytest.fixture
def busy(desk: Desk, ada: Member, bert: Member, estimator: Estimator) -> Desk:
    """Some of everything, at costs and rates that never come to whole cents."""
    estimator.costs("0.00737")
    estimator.breakage("0.1234")
    estimator.breakage("0.2345", from_date=date(2026, 2, 1))
    desk.grants(ada, 1_001)
    desk.grants(ada, 203, source="bonus")
    desk.later(days=30)
    desk.spends(ada, 307)
    desk.grants(bert, 11, source="adjustment", kind="adjust")
    desk.passes_on(ada, bert, 101, fee=7)
    desk.later(days=30)
    desk.adjusts_down(ada, 13)
    desk.restores(ada, 17, source="redeemed")
    return desk


def balance(found: journal.Journal, number: str) -> Decimal:
    """What the lines leave on an account, credit less debit."""
    lines = [line for line in found.lines if line.number == number]
    return sum((line.credit - line.debit for line in lines), Decimal(0))


class TestJournal:
    @pytest.mark.parametrize("step", ["day", "month", "quarter"])
    def test_balances_and_leaves_the_reported_liability(self, busy: Desk, program: Program, step: Step):
        found = journal.of(program, first=date(2026, 1, 1), last=MARCH, step=step)

        (owed,) = liability.as_of(program, MARCH)
        assert found.debit == found.credit > 0
        assert balance(found, "3270") == rounded(owed.amount)
        assert all((line.debit == 0) != (line.credit == 0) for line in found.lines)
        assert min(line.debit + line.credit for line in found.lines) > 0

    def test_tells_what_it_rounded(self, desk: Desk, program: Program, ada: Member, estimator: Estimator):
        estimator.costs("0.004")
        desk.grants(ada, 1)
        desk.grants(ada, 1, source="bonus")

        found = journal.of(program, first=date(2026, 1, 1), last=JANUARY, step="month")

        # Twice 0.4 cents are nothing each, and together the cent that the liability shows.
        assert [(line.movement, line.number, line.debit, line.credit) for line in found.lines] == [
            ("rounding", "6960", Decimal("0.01"), 0),
            ("rounding", "3270", 0, Decimal("0.01")),
        ]
        assert found.rounding == Decimal("-0.01")

    def test_books_each_movement_against_the_account_of_its_purpose(self, busy: Desk, program: Program):
        found = journal.of(program, first=date(2026, 1, 1), last=JANUARY, step="month")

        assert [(line.number, line.debit, line.credit) for line in found.lines] == [
            ("6600", Decimal("1.31"), 0),
            ("3270", 0, Decimal("1.31")),
            ("4730", Decimal("6.47"), 0),
            ("3270", 0, Decimal("6.47")),
        ]

    def test_is_the_same_when_it_is_made_again(self, busy: Desk, program: Program, ada: Member):
        def made() -> list[str]:
            found = journal.of(program, first=date(2026, 1, 1), last=JANUARY, step="month")
            return list(spreadsheets.lines(journal.HEADER, found.rows()))

        before = made()
        busy.later(days=1)
        busy.spends(ada, 5)

        assert made() == before
        ids = [line.split(",")[0] for line in before[1:]]
        assert len(set(ids)) == len(ids)
        assert ids[0] == "coffee:2026-01-01:2026-01-31:points:issued_bonus:marketing_expense:debit"

    def test_uses_the_programs_own_accounts(self, busy: Desk, program: Program):
        AccountingAccount.objects.create(
            program=program, purpose="marketing_expense", number="=1+1", name="@Marketing"
        )

        found = journal.of(program, first=date(2026, 1, 1), last=JANUARY, step="month")

        (line, *_more) = list(spreadsheets.lines(journal.HEADER, found.rows()))[1:]
        assert ",'=1+1,'@Marketing,1.31,0," in line

    def test_an_adjustment_and_its_undo_are_paid_by_its_cost_centre(
        self, program: Program, points: WalletType, ladder: TierLadder, ada: Member
    ):
        ReasonCode.objects.create(program=program, key="sorry", label="Sorry", cost_centre="KST 4711")
        AdjustmentLimit.objects.create(
            program=program, role="administrator", points_per_adjustment=100, points_per_day=100
        )
        by = person(program, Role.ADMINISTRATOR)
        program.refresh_from_db()
        adjusted = adjustments.adjust(
            program=program,
            member_id=ada.pk,
            wallet_type="points",
            points=50,
            reason="sorry",
            by=by,
            actor=f"staff:{by.pk}",
            at=noon(date(2026, 1, 10)),
        )
        undoing.undo(adjusted.id, program=program, by=by, at=noon(date(2026, 2, 10)))

        found = journal.of(program, first=date(2026, 1, 1), last=date(2026, 2, 28), step="month")

        assert [(line.number, line.debit, line.credit, line.cost_centre) for line in found.lines] == [
            ("6640", Decimal("0.50"), 0, "KST 4711"),
            ("3270", 0, Decimal("0.50"), ""),
            ("3270", Decimal("0.50"), 0, ""),
            ("6640", 0, Decimal("0.50"), "KST 4711"),
        ]

    def test_nothing_moved_is_no_lines(self, desk: Desk, program: Program):
        found = journal.of(program, first=date(2026, 1, 1), last=JANUARY, step="month")

        assert found.lines == ()
        assert found.debit == found.credit == found.rounding == 0
