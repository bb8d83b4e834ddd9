"""Liability and movements: by what was recorded until a day, the same whenever they are counted."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from loyalty.core.models import Program
from members import figures
from members.finance import ageing, liability, movements
from members.finance.estimates import ZERO
from members.finance.movements import Statement
from members.finance.periods import STEPS, Period, periods
from members.ledger import verify
from members.ledger.operations import InsufficientPoints
from members.models import Member, WalletType
from tests import factories
from tests.members.finance.conftest import Estimator
from tests.members.finance.desk import Desk, noon

JANUARY, FEBRUARY, MARCH = date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)


def owed(program: Program, day: date) -> tuple[int, Decimal]:
    (only,) = liability.as_of(program, day)
    return only.points, only.amount


class TestPeriods:
    def test_are_cut_at_the_last_day(self):
        found = periods(first=date(2026, 2, 10), last=date(2026, 5, 3), step="quarter")

        assert found == [
            Period(date(2026, 1, 1), date(2026, 4, 1)),
            Period(date(2026, 4, 1), date(2026, 5, 4)),
        ]


class TestLiability:
    def test_is_points_times_cost_less_breakage(
        self, desk: Desk, program: Program, ada: Member, estimator: Estimator
    ):
        estimator.costs("0.008")
        estimator.breakage("0.25")
        desk.grants(ada, 1_000)

        assert owed(program, JANUARY) == (1_000, Decimal("6.00"))

    def test_counts_pending_and_held_points(self, desk: Desk, program: Program, ada: Member):
        desk.grants(ada, 100, unlocks_at=noon(date(2026, 5, 1)))
        desk.grants(ada, 50)
        desk.holds(ada, 20)

        assert owed(program, JANUARY) == (150, Decimal("1.50"))

    def test_without_a_cost_the_value_of_the_kind_of_points_counts(
        self, desk: Desk, program: Program, points: WalletType, ada: Member, estimator: Estimator
    ):
        desk.grants(ada, 100)
        estimator.costs("0.02", from_date=date(2026, 2, 1))

        assert owed(program, JANUARY) == (100, Decimal("1.00"))
        assert owed(program, FEBRUARY) == (100, Decimal("2.00"))

        # It has a history of its own: a value that is set today is not that of January.
        points.point_value = Decimal("0.05")
        points.save()
        assert owed(program, JANUARY) == (100, Decimal("1.00"))

    @pytest.mark.parametrize(
        ("cohort", "share"), [("2026-01", "0.40"), ("2026-Q1", "0.30"), ("2026", "0.20"), ("", "0.10")]
    )
    def test_the_closest_breakage_rate_counts(
        self, desk: Desk, program: Program, ada: Member, estimator: Estimator, cohort: str, share: str
    ):
        order = ["", "2026", "2026-Q1", "2026-01"]
        rates = dict(zip(order, ["0.10", "0.20", "0.30", "0.40"], strict=True))
        for name in order[: order.index(cohort) + 1]:
            estimator.breakage(rates[name], cohort=name)
        desk.grants(ada, 100)

        assert owed(program, JANUARY) == (100, 1 - Decimal(share))

    def test_the_newest_version_of_a_day_counts_and_only_from_its_day(
        self, desk: Desk, program: Program, ada: Member, estimator: Estimator
    ):
        estimator.breakage("0.50")
        estimator.breakage("0.20")
        estimator.breakage("0.90", from_date=date(2026, 2, 1))
        desk.grants(ada, 100)

        assert owed(program, JANUARY) == (100, Decimal("0.80"))
        assert owed(program, FEBRUARY) == (100, Decimal("0.10"))

    def test_a_day_ends_at_midnight_in_the_programs_zone(self, desk: Desk, program: Program, ada: Member):
        desk.grants(ada, 100, expires_at=noon(date(2026, 1, 20)))
        desk.day = date(2026, 1, 31)
        desk.grants(ada, 7)

        assert owed(program, date(2026, 1, 9)) == (0, ZERO)
        assert owed(program, date(2026, 1, 10))[0] == 100
        assert owed(program, date(2026, 1, 30))[0] == 100
        assert owed(program, date(2026, 1, 31))[0] == 107

    def test_a_point_that_is_passed_on_keeps_the_month_in_which_it_was_earned(
        self, desk: Desk, program: Program, ada: Member, bert: Member
    ):
        desk.grants(ada, 100)
        desk.later(days=40)
        desk.passes_on(ada, bert, 100, fee=10)

        (only,) = liability.as_of(program, FEBRUARY)
        assert [(cohort.earned, cohort.points) for cohort in only.cohorts] == [(date(2026, 1, 1), 90)]

    def test_points_that_cannot_be_spent_are_no_liability(self, desk: Desk, program: Program, ada: Member):
        status = factories.WalletTypeFactory.create(program=program, key="status", is_spendable=False)
        Desk(program=program, kind=status).grants(ada, 500)

        assert owed(program, JANUARY) == (0, ZERO)

    def test_is_one_programs(self, desk: Desk, program: Program, ada: Member):
        desk.grants(ada, 100)
        elsewhere = factories.WalletTypeFactory.create(program__key="elsewhere").program

        assert owed(elsewhere, JANUARY) == (0, ZERO)

    def test_takes_as_many_statements_for_many_lots_as_for_one(
        self,
        desk: Desk,
        program: Program,
        ada: Member,
        django_assert_num_queries: DjangoAssertNumQueries,
    ):
        for _ in range(5):
            desk.grants(ada, 10)
            desk.later(days=31)

        # A savepoint and its end, what is estimated, and the sums.
        with django_assert_num_queries(4):
            liability.as_of(program, MARCH)


class TestMovements:
    def test_tell_a_months_story(self, desk: Desk, program: Program, ada: Member, bert: Member):
        bought = desk.grants(ada, 1_000, expires_at=noon(date(2026, 2, 20)))
        assert bought is not None
        desk.grants(ada, 200, source="bonus")
        desk.later(days=30)
        desk.spends(ada, 300)
        desk.restores(ada, 100, source="redeemed")
        desk.takes_back(ada, bought, 50, policy="within_balance")
        desk.grants(ada, 30, source="adjustment", kind="adjust")
        desk.adjusts_down(ada, 5)
        desk.passes_on(ada, bert, 100, fee=10)
        desk.day = date(2026, 2, 25)
        desk.expires(ada)

        january, february = movements.report(program, first=JANUARY, last=FEBRUARY, step="month")

        assert _points(january) == {"issued_purchase": 1_000, "issued_bonus": 200}
        assert (january.opening.points, january.closing.points) == (0, 1_200)
        assert _points(february) == {
            "redeemed": -200,
            "adjusted": 25,
            "expired": -645,
            "reversed": -50,
            "transferred_in": 90,
            "transferred_out": -90,
            "fee": -10,
        }
        assert (february.opening.points, february.closing.points) == (1_200, 320)
        assert january.is_proved
        assert february.is_proved

    def test_a_merge_moves_nothing_for_the_program(
        self, desk: Desk, program: Program, ada: Member, bert: Member
    ):
        desk.grants(ada, 100)
        desk.merges(ada, bert)

        (january,) = movements.report(program, first=JANUARY, last=JANUARY, step="month")

        assert _points(january) == {"issued_purchase": 100}
        assert january.is_proved

    def test_new_estimates_value_what_is_outstanding_anew_on_their_day(
        self, desk: Desk, program: Program, ada: Member, estimator: Estimator
    ):
        desk.grants(ada, 100)
        estimator.costs("0.02", from_date=date(2026, 1, 20))
        desk.day = date(2026, 1, 25)
        desk.spends(ada, 50)

        (january,) = movements.report(program, first=JANUARY, last=JANUARY, step="month")

        lines = january.lines()
        assert lines["issued_purchase"].money == Decimal("1.00")
        assert january.revalued == Decimal("1.00")
        assert lines["redeemed"].money == Decimal("-1.00")
        assert january.closing.money == Decimal("1.00")

    def test_agree_with_the_start_page(self, desk: Desk, program: Program, ada: Member, bert: Member):
        _a_life(desk, ada, bert)

        moved = movements.report(program, first=date(2026, 1, 1), last=desk.day, step="month")

        shown = figures.movements(program, since=noon(date(2025, 12, 31)), step="month")
        changes = [one.issued - one.spent - one.expired - one.taken_back for one in shown]
        assert sum(changes) == moved[-1].closing.points
        assert sum(one.expired for one in shown) == -sum(_points(s).get("expired", 0) for s in moved)
        assert sum(one.spent for one in shown) == -sum(_points(s).get("redeemed", 0) for s in moved)


def _points(statement: Statement) -> dict[str, int]:
    return {line: moved.points for line, moved in statement.lines().items() if moved.points}


def _a_life(desk: Desk, ada: Member, bert: Member) -> None:
    """Some of everything."""
    bought = desk.grants(ada, 500, expires_at=noon(date(2026, 3, 1)))
    assert bought is not None
    desk.grants(bert, 80, source="bonus")
    desk.later(days=20)
    desk.holds(ada, 120)
    desk.settles(ada, points=100)
    desk.restores(ada, 30, source="redeemed")
    desk.passes_on(ada, bert, 50, fee=5)
    desk.later(days=30)
    desk.expires(ada)
    desk.expires(bert)
    desk.restores(ada, 40, source="expired")
    desk.takes_back(ada, bought, 300, policy="debt")
    desk.grants(ada, 60)
    desk.merges(ada, bert)


OPERATIONS = st.sampled_from(
    ["grant", "pending", "bonus", "spend", "hold", "settle", "expire", "adjust", "reverse", "restore"]
    + ["unexpire", "pass", "unlock", "wait"]
)
STEPS_OF_A_HISTORY = st.lists(
    st.tuples(OPERATIONS, st.integers(1, 60), st.booleans()), min_size=1, max_size=14
)


def _play(desk: Desk, steps: list[tuple[str, int, bool]], people: list[Member]) -> None:
    granted: dict[Any, Any] = {}
    for what, number, first in steps:
        who, other = people if first else people[::-1]
        try:
            if what in ("grant", "pending", "bonus"):
                soon = noon(desk.day) if what != "pending" else noon(date(2027, 1, 1))
                change = desk.grants(
                    who,
                    number * 7,
                    source="bonus" if what == "bonus" else "purchase",
                    unlocks_at=soon if what == "pending" else None,
                    expires_at=None if number % 3 == 0 else noon(date(2026, 1 + number % 12, 15)),
                )
                granted[who.pk] = change
            elif what == "spend":
                desk.spends(who, number)
            elif what == "hold":
                desk.holds(who, number)
            elif what == "settle":
                desk.settles(who, points=number)
            elif what == "expire":
                desk.expires(who)
            elif what == "adjust":
                desk.adjusts_down(who, number)
            elif what == "reverse" and who.pk in granted:
                desk.takes_back(
                    who, granted.pop(who.pk), number, policy="debt" if number % 2 else "within_balance"
                )
            elif what == "restore":
                desk.restores(who, number, source="redeemed")
            elif what == "unexpire":
                desk.restores(who, number, source="expired")
            elif what == "pass" and number > 1:
                desk.passes_on(who, other, number, fee=number // 4)
            elif what == "unlock":
                desk.unlocks(who)
            else:
                desk.later(days=number)
        except InsufficientPoints:
            continue


@pytest.mark.django_db
class TestAnyHistory:
    @settings(
        max_examples=25,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(before=STEPS_OF_A_HISTORY, after=STEPS_OF_A_HISTORY, step=st.sampled_from(STEPS))
    def test_opening_and_movements_make_the_closing_and_stay_so(
        self, before: list[Any], after: list[Any], step: Any
    ):
        program = factories.ProgramFactory.create()
        kind = factories.WalletTypeFactory.create(program=program)
        estimator = Estimator(program, kind)
        estimator.costs("0.013", from_date=date(2026, 1, 25))
        estimator.breakage("0.35", from_date=date(2026, 2, 3))
        estimator.breakage("0.1234", cohort="2026-02", from_date=date(2026, 2, 20))
        people = [factories.MemberFactory.create(program=program) for _ in range(2)]
        desk = Desk(program=program, kind=kind)

        _play(desk, before, people)
        asked = desk.day
        counted = liability.as_of(program, asked)
        told = movements.report(program, first=date(2026, 1, 5), last=asked, step=step)
        desk.later(days=1)
        _play(desk, after, people)

        for statement in told:
            moved = statement.lines().values()
            assert statement.opening.points + sum(x.points for x in moved) == statement.closing.points
            assert (
                statement.opening.money + sum(x.money for x in moved) + statement.revalued
                == statement.closing.money
            )
            assert statement.is_proved
        assert (told[-1].closing.points, told[-1].closing.money) == (counted[0].points, counted[0].amount)
        assert liability.as_of(program, asked) == counted
        assert movements.report(program, first=date(2026, 1, 5), last=asked, step=step) == told
        # The desk tells nobody, and keeps no list of what is held for whom.
        untold = ("an entry has its event, and an event its entry", "what is held is held by open holds")
        assert [fault for fault in verify.run(parts=(verify.LEDGER,)) if fault.check not in untold] == []


class TestSteps:
    def test_days_make_up_months_and_months_quarters(
        self, desk: Desk, program: Program, ada: Member, bert: Member, estimator: Estimator
    ):
        estimator.costs("0.0123", from_date=date(2026, 2, 2))
        estimator.breakage("0.17", from_date=date(2026, 1, 20))
        _a_life(desk, ada, bert)

        by_step = {
            step: movements.report(program, first=date(2026, 1, 1), last=MARCH, step=step) for step in STEPS
        }

        sums = {
            step: (
                statements[0].opening,
                statements[-1].closing,
                sum((statement.revalued for statement in statements), ZERO),
                [
                    sum((statement.lines()[line].money for statement in statements), ZERO)
                    for line in movements.LINES
                ],
            )
            for step, statements in by_step.items()
        }
        assert sums["day"] == sums["month"] == sums["quarter"]


class TestAgeing:
    def test_tells_how_old_points_are_and_when_they_expire(
        self, desk: Desk, program: Program, points: WalletType, ada: Member
    ):
        desk.grants(ada, 100, expires_at=noon(date(2026, 12, 15)))
        desk.later(days=150)
        desk.grants(ada, 40)

        (only,) = liability.as_of(program, desk.day)
        bands = ageing.bands(only, on=desk.day)

        assert [(band.months, band.until, band.points) for band in bands] == [
            (0, 3, 40),
            (3, 6, 100),
            (6, 12, 0),
            (12, 24, 0),
            (24, None, 0),
        ]
        assert ageing.expiring(program, desk.day) == {points.pk: [(date(2026, 12, 1), 100), (None, 40)]}

    def test_tells_what_became_of_each_months_points(
        self, desk: Desk, program: Program, ada: Member, bert: Member, estimator: Estimator
    ):
        estimator.breakage("0.60")
        bought = desk.grants(ada, 1_000, expires_at=noon(date(2026, 3, 1)))
        assert bought is not None
        desk.takes_back(ada, bought, 200, policy="within_balance")
        desk.spends(ada, 400)
        desk.passes_on(ada, bert, 100, fee=20)
        desk.day = date(2026, 3, 2)
        desk.expires(ada)

        (january,) = ageing.observed(program, desk.day)

        assert (january.issued, january.used, january.expired, january.given_up) == (800, 400, 300, 20)
        assert january.outstanding == 80
        assert january.broken == Decimal("0.4")
        assert january.is_beaten  # half of the points were used, and only 40 % were expected to be
