"""Closed periods: the database takes nothing for them any more, and they come to the same again."""

import threading
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.utils import timezone

from loyalty.core import approvals
from loyalty.core.approvals import OwnRequest
from loyalty.core.db import violated
from loyalty.core.errors import InvalidInput
from loyalty.core.ids import new_id
from loyalty.core.models import Approval, Program, User
from members.finance import closing, proposals
from members.finance.proposals import NotTheNewestLock, PeriodIsClosed
from members.models import BreakageRate, Member, PeriodLock, PointCost, WalletType
from tests import factories
from tests.attackers import behind_the_programs_back
from tests.members.finance.conftest import Estimator
from tests.members.finance.desk import Desk, noon

JANUARY, FEBRUARY = date(2026, 1, 31), date(2026, 2, 28)
APRIL = noon(date(2026, 4, 15))


@pytest.fixture
def earned(desk: Desk, ada: Member) -> Desk:
    """A thousand points on 10 January, 300 of them spent on 10 February; then it is March."""
    desk.grants(ada, 1_000)
    desk.day = date(2026, 2, 10)
    desk.spends(ada, 300)
    desk.day = date(2026, 3, 5)
    return desk


@pytest.fixture
def lock(earned: Desk, program: Program, controller: User) -> PeriodLock:
    return closing.close(program, through=FEBRUARY, by=controller, at=APRIL)


class TestClose:
    def test_freezes_liability_and_movements_with_their_hash(self, lock: PeriodLock):
        assert lock.figures is not None
        assert lock.figures["liability"]["points"] == {
            "points": 700,
            "cost": "0.01",
            "gross": "7.00",
            "amount": "7.00",
            "cohorts": {"2026-01": {"points": 700, "breakage": "0", "amount": "7"}},
        } | {"gross": "7", "amount": "7"}
        february = lock.figures["movements"]["points"]["2026-02-01"]
        assert (february["opening"], february["redeemed"], february["closing"]) == (
            [1000, "10"],
            [-300, "-3"],
            [700, "7"],
        )
        assert lock.sha256 == closing.digest(lock.figures)
        assert closing.check(lock) == []

    def test_only_takes_months_that_are_over_in_their_order(
        self, earned: Desk, program: Program, controller: User
    ):
        at = noon(date(2026, 3, 20))

        assert closing.next_months(program, at=at) == [JANUARY, FEBRUARY]
        for wrong in (date(2026, 2, 27), date(2026, 3, 31), date(2025, 12, 31)):
            with pytest.raises(InvalidInput):
                closing.close(program, through=wrong, by=controller, at=at)
        assert not PeriodLock.objects.exists()

        closing.close(program, through=JANUARY, by=controller, at=at)
        assert closing.next_months(program, at=at) == [FEBRUARY]

    def test_a_program_in_which_nothing_happened_has_nothing_to_close(self, program: Program):
        assert closing.next_months(program, at=APRIL) == []

    def test_the_next_one_begins_where_the_last_one_ended(
        self, lock: PeriodLock, earned: Desk, program: Program, controller: User
    ):
        second = closing.close(program, through=date(2026, 3, 31), by=controller, at=APRIL)

        assert second.figures is not None
        assert second.figures["from"] == "2026-03-01"
        assert closing.check(second) == []

    def test_what_is_booked_later_changes_nothing(
        self, lock: PeriodLock, earned: Desk, ada: Member, points: WalletType
    ):
        earned.spends(ada, 100)
        earned.grants(ada, 55)
        proposals.set_cost(points, cost=Decimal("0.05"), from_date=date(2026, 3, 1))

        assert closing.check(lock) == []

    def test_is_counted_again_in_the_time_zone_of_then(self, lock: PeriodLock, program: Program):
        Program.objects.filter(pk=program.pk).update(time_zone="Pacific/Auckland")

        assert closing.check(PeriodLock.objects.get()) == []

    def test_finds_what_a_superuser_rewrote(self, lock: PeriodLock):
        with behind_the_programs_back(), connection.cursor() as cursor:
            cursor.execute("UPDATE members_lot SET points = points + 1, available = available + 1")
            cursor.execute(
                "UPDATE members_periodlock SET figures = jsonb_set(figures, '{currency}', '\"USD\"')"
            )
        lock.refresh_from_db()

        found = {one.figure: (one.frozen, one.counted) for one in closing.check(lock)}

        assert found["liability › points › points"] == ("700", "701")
        assert found["currency"] == ('"USD"', '"EUR"')
        assert "SHA-256" in found

    def test_a_lock_without_figures_is_counted_later(self, earned: Desk, program: Program, controller: User):
        lock = PeriodLock.objects.create(
            program=program,
            through_date=FEBRUARY,
            ends_at=noon(date(2026, 3, 1)),
            closed_by=controller,
            closed_at=APRIL,
        )

        closing.freeze(lock)

        assert lock.figures is not None
        assert closing.check(lock) == []


class TestTheDatabase:
    """Attacked past the operations."""

    def test_takes_no_entry_for_a_closed_day(self, lock: PeriodLock, earned: Desk, ada: Member):
        earned.day = FEBRUARY

        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            earned.grants(ada, 5)

        assert violated(refusal.value) == "a_closed_period_stays_as_it_is"

    def test_takes_entries_of_the_first_open_moment_and_of_other_programs(
        self, lock: PeriodLock, earned: Desk, ada: Member
    ):
        earned.day = date(2026, 3, 1)
        earned.grants(ada, 5)
        kind = factories.WalletTypeFactory.create(program__key="elsewhere")
        elsewhere = Desk(program=kind.program, kind=kind)

        elsewhere.grants(factories.MemberFactory.create(program=kind.program), 5)

        assert ada.wallets.get().available == 705

    def test_takes_no_cost_of_a_closed_day_new_or_moved(
        self, lock: PeriodLock, program: Program, points: WalletType
    ):
        with pytest.raises(PeriodIsClosed, match="28 Feb 2026"):
            proposals.set_cost(points, cost=Decimal("0.02"), from_date=FEBRUARY)
        cost = proposals.set_cost(points, cost=Decimal("0.02"), from_date=date(2026, 3, 1))

        with pytest.raises(IntegrityError, match="closed"), transaction.atomic():
            PointCost.objects.filter(pk=cost.pk).update(from_date=FEBRUARY)
        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            cost.delete()

    def test_keeps_costs_from_before_the_lock(
        self, earned: Desk, program: Program, controller: User, estimator: Estimator
    ):
        estimator.costs("0.03")
        closing.close(program, through=FEBRUARY, by=controller, at=APRIL)

        with pytest.raises(IntegrityError, match="closed"), transaction.atomic():
            PointCost.objects.update(cost=Decimal("0.04"))

    def test_takes_no_breakage_rate_of_a_closed_day(self, lock: PeriodLock, estimator: Estimator):
        with pytest.raises(IntegrityError, match="closed"), transaction.atomic():
            estimator.breakage("0.1", from_date=FEBRUARY)

    @pytest.mark.parametrize(
        "change",
        [
            {"figures": {}},
            {"sha256": "0" * 64},
            {"through_date": JANUARY},
            {"ends_at": APRIL},
            {"closed_at": APRIL + timedelta(days=1)},
        ],
    )
    def test_keeps_a_lock_as_it_is(self, lock: PeriodLock, change: dict[str, Any]):
        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            PeriodLock.objects.update(**change)
        with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
            lock.delete()

    def test_lets_nobody_reopen_alone(self, lock: PeriodLock, controller: User):
        with (
            pytest.raises(IntegrityError, match="a_period_is_reopened_by_a_second_person"),
            transaction.atomic(),
        ):
            PeriodLock.objects.update(
                reopened_at=APRIL,
                reopened_by=controller,
                reopening_asked_by=controller,
                reopening_id=new_id(),
            )

    def test_closes_in_order(self, lock: PeriodLock, controller: User):
        with pytest.raises(IntegrityError, match="later period"), transaction.atomic():
            PeriodLock.objects.create(
                program=lock.program,
                through_date=JANUARY,
                ends_at=APRIL,
                closed_by=controller,
                closed_at=APRIL,
            )

    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ({"rate": Decimal("1.0001")}, "breakage_is_a_share"),
            ({"rate": Decimal("-0.1")}, "breakage_is_a_share"),
            ({"cohort": "2026-13"}, "a_cohort_is_a_month_quarter_or_year"),
            ({"cohort": "2026-Q5"}, "a_cohort_is_a_month_quarter_or_year"),
        ],
    )
    def test_knows_what_a_rate_is(
        self, program: Program, points: WalletType, controller: User, auditor: User,
        change: dict[str, Any], constraint: str,
    ):  # fmt: skip
        rate = _rate(program, points, controller, auditor)

        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            BreakageRate.objects.create(**rate | change)

    def test_wants_a_second_person_for_a_rate_and_never_changes_it(
        self, program: Program, points: WalletType, controller: User, auditor: User
    ):
        rate = _rate(program, points, controller, auditor)
        with (
            pytest.raises(IntegrityError, match="approved_by_a_second_person"),
            transaction.atomic(),
        ):
            BreakageRate.objects.create(**rate | {"approved_by": controller})
        BreakageRate.objects.create(**rate)

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            BreakageRate.objects.update(rate=Decimal("0.5"))
        with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic():
            BreakageRate.objects.all().delete()


def _rate(program: Program, kind: WalletType, proposer: User, approver: User) -> dict[str, Any]:
    return {
        "program": program,
        "wallet_type": kind,
        "version": 1,
        "rate": Decimal("0.1"),
        "from_date": date(2026, 1, 1),
        "proposed_by": proposer,
        "approved_by": approver,
        "approved_at": APRIL,
        "approval_id": new_id(),
    }


class TestReopening:
    def test_needs_a_second_person_and_leaves_its_record(
        self, lock: PeriodLock, earned: Desk, ada: Member, controller: User, auditor: User
    ):
        asked = proposals.propose_reopening(lock, reason="A late invoice", by=controller, at=APRIL)
        with pytest.raises(OwnRequest):
            approvals.approve(asked.pk, program=lock.program, by=controller, at=APRIL)
        approvals.approve(asked.pk, program=lock.program, by=auditor, at=APRIL)

        lock.refresh_from_db()
        assert (lock.reopening_asked_by, lock.reopened_by) == (controller, auditor)
        assert lock.figures is not None
        earned.day = FEBRUARY
        earned.grants(ada, 5)
        assert closing.next_months(lock.program, at=APRIL)[0] == JANUARY

        again = closing.close(lock.program, through=FEBRUARY, by=auditor, at=APRIL + timedelta(hours=1))
        assert again.figures is not None
        assert again.figures["liability"]["points"]["points"] == 705
        assert closing.check(again) == []

    def test_goes_from_the_newest(self, lock: PeriodLock, program: Program, controller: User):
        closing.close(program, through=date(2026, 3, 31), by=controller, at=APRIL)

        with pytest.raises(NotTheNewestLock):
            proposals.propose_reopening(lock, reason="Why not", by=controller, at=APRIL)

    def test_needs_a_reason(self, lock: PeriodLock, controller: User):
        with pytest.raises(InvalidInput):
            proposals.propose_reopening(lock, reason=" ", by=controller, at=APRIL)
        assert not Approval.objects.exists()


class TestProposedRates:
    def propose(self, kind: WalletType, by: User, **more: Any) -> Approval:
        asked: dict[str, Any] = {
            "cohort": "2026-Q1",
            "rate": Decimal("0.125"),
            "from_date": date(2026, 3, 1),
            "note": "Three years of history",
        }
        return proposals.propose_rate(kind, **asked | more, by=by, at=APRIL)

    def test_count_once_somebody_else_approves(
        self, points: WalletType, program: Program, controller: User, auditor: User
    ):
        first = self.propose(points, controller)
        assert not BreakageRate.objects.exists()
        approvals.approve(first.pk, program=program, by=auditor, at=APRIL)
        second = self.propose(points, auditor, rate=Decimal("0.2"))
        approvals.approve(second.pk, program=program, by=controller, at=APRIL)

        rates = list(BreakageRate.objects.order_by("version").values_list("cohort", "version", "rate"))
        assert rates == [("2026-Q1", 1, Decimal("0.1250")), ("2026-Q1", 2, Decimal("0.2000"))]
        facts = approvals.told([second])[second.pk]
        assert "20 %" in [fact.text for fact in facts]

    @pytest.mark.parametrize("wrong", [{"rate": Decimal("1.5")}, {"rate": Decimal("-0.1")}, {"cohort": "Q1"}])
    def test_are_refused_when_they_make_no_sense(
        self, points: WalletType, controller: User, wrong: dict[str, Any]
    ):
        with pytest.raises(InvalidInput):
            self.propose(points, controller, **wrong)
        assert not Approval.objects.exists()

    def test_are_refused_for_closed_days_also_when_the_closing_came_between(
        self, earned: Desk, points: WalletType, program: Program, controller: User, auditor: User
    ):
        asked = self.propose(points, controller, from_date=date(2026, 2, 1))
        closing.close(program, through=FEBRUARY, by=controller, at=APRIL)

        with pytest.raises(PeriodIsClosed):
            approvals.approve(asked.pk, program=program, by=auditor, at=APRIL)
        with pytest.raises(PeriodIsClosed):
            self.propose(points, controller, from_date=date(2026, 2, 1))
        assert not BreakageRate.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestARace:
    def test_waits_for_a_booking_that_began_before(
        self, earned: Desk, program: Program, ada: Member, controller: User
    ):
        """Its trigger saw no lock; what it books is in the frozen figures."""
        booked, may_commit = threading.Event(), threading.Event()

        def book() -> None:
            with transaction.atomic():
                earned.day = FEBRUARY
                earned.grants(ada, 77)
                booked.set()
                may_commit.wait(60)
            connections.close_all()

        slow = threading.Thread(target=book)
        slow.start()
        assert booked.wait(60)
        began = timezone.now()
        threading.Timer(0.5, may_commit.set).start()

        lock = closing.close(program, through=FEBRUARY, by=controller, at=APRIL)

        slow.join()
        assert (timezone.now() - began).total_seconds() >= 0.4
        assert lock.figures is not None
        assert lock.figures["liability"]["points"]["points"] == 777
        assert closing.check(lock) == []
