"""The finance section: who opens which page, what it says, what one can do there."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from loyalty.core.models import Approval, ApprovalStatus, Program, Role, User
from members.finance import closing, liability
from members.models import AccountingAccount, BreakageRate, Member, PeriodLock, PointCost, WalletType
from tests import factories
from tests.clients import browser_of
from tests.members.finance.conftest import Estimator, person
from tests.members.finance.desk import Desk, noon

AT_MOST = 15

PAGES = {
    "finance": "MFA",
    "finance_movements": "FA",
    "finance_cohorts": "FA",
    "finance_revenue": "FA",
    "finance_journal": "FA",
    "finance_estimates": "FA",
    "finance_closing": "FA",
}
ACTIONS = ("finance_accounts", "finance_cost", "finance_rate", "finance_close")
LETTERS = {
    Role.MARKETER: "M",
    Role.SUPPORT: "S",
    Role.FINANCE: "F",
    Role.OPERATOR: "O",
    Role.ADMINISTRATOR: "A",
}
FEBRUARY = date(2026, 2, 28)


@pytest.fixture
def books(controller: User) -> Client:
    """The controller's browser."""
    return browser_of(controller)


@pytest.fixture
def earned(desk: Desk, ada: Member, bert: Member) -> Desk:
    desk.grants(ada, 1_000)
    desk.later(days=30)
    desk.spends(ada, 300)
    desk.passes_on(ada, bert, 100, fee=10)
    return desk


def text(client: Client, page: str, **query: Any) -> str:
    response = client.get(reverse(page), query)
    assert response.status_code == 200
    return response.content.decode()


def csv(client: Client, page: str, **query: Any) -> list[str]:
    response = client.get(reverse(page), {**query, "format": "csv"})
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in response.headers["Content-Disposition"]
    return b"".join(response.streaming_content).decode().splitlines()  # type: ignore[attr-defined]


class TestPermissions:
    @pytest.mark.parametrize("role", list(LETTERS))
    def test_a_role_opens_its_pages_and_no_other(self, program: Program, role: Role):
        client = browser_of(person(program, role))

        answers = {page: client.get(reverse(page)).status_code for page in PAGES}

        assert answers == {page: 200 if LETTERS[role] in roles else 403 for page, roles in PAGES.items()}

    @pytest.mark.parametrize("role", [Role.MARKETER, Role.SUPPORT, Role.OPERATOR])
    def test_others_change_nothing(self, program: Program, role: Role):
        client = browser_of(person(program, role))

        assert {client.post(reverse(action)).status_code for action in ACTIONS} == {403}

    def test_without_a_program_there_is_nothing(self, db: None):
        client = browser_of(factories.UserFactory.create())

        assert {client.get(reverse(page)).status_code for page in PAGES} == {403}

    def test_nobody_looks_in_without_logging_in(self, db: None):
        assert {Client().get(reverse(page)).status_code for page in PAGES} == {302}

    def test_another_programs_lock_and_proposal_are_not_there(
        self, earned: Desk, program: Program, controller: User
    ):
        lock = closing.close(program, through=FEBRUARY, by=controller, at=noon(date(2026, 4, 1)))
        elsewhere = factories.ProgramFactory.create(key="elsewhere")
        outsider = browser_of(person(elsewhere))

        assert outsider.post(reverse("finance_check", args=[lock.pk])).status_code == 404
        assert outsider.post(reverse("finance_reopen", args=[lock.pk])).status_code == 404


class TestReports:
    @pytest.mark.parametrize("page", list(PAGES))
    def test_say_that_nothing_happened_yet(self, books: Client, points: WalletType, page: str):
        assert "Traceback" not in text(books, page)

    def test_take_few_queries(
        self,
        earned: Desk,
        books: Client,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ):
        for page in PAGES:
            with django_assert_max_num_queries(AT_MOST):
                text(books, page, as_of="2026-02-28", since="2026-01-01", until="2026-02-28")

    def test_the_liability_is_that_of_the_day(self, earned: Desk, books: Client, program: Program):
        said = text(books, "finance", as_of="2026-02-28")

        (owed,) = liability.as_of(program, FEBRUARY)
        assert (owed.points, owed.amount) == (690, Decimal("6.90"))
        assert "690" in said
        assert "6.90" in said
        assert "No cost is set for this day yet" in said

    def test_a_day_to_come_is_refused_in_words(self, books: Client, points: WalletType):
        assert "This day is still to come." in text(books, "finance", as_of="2100-01-01")

    @pytest.mark.parametrize(
        ("query", "problem"),
        [
            ({"since": "2026-03-01", "until": "2026-02-01"}, "The first day is after the last."),
            ({"since": "1990-01-01", "until": "2026-02-01", "step": "day"}, "too many periods"),
            ({"until": "2100-01-01"}, "still to come"),
            ({"since": "yesterday"}, "Enter a valid date."),
            ({"step": "century"}, "Select a valid choice"),
        ],
    )
    def test_a_span_that_makes_no_sense_is_refused_in_words(
        self, books: Client, points: WalletType, query: dict[str, str], problem: str
    ):
        assert problem in text(books, "finance_movements", **query)

    def test_a_movement_leads_to_its_entries(self, earned: Desk, books: Client):
        said = text(books, "finance_movements", since="2026-01-01", until="2026-02-28")

        link = next(part for part in said.split('href="') if "kind__exact=spend" in part).split('"')[0]
        entries = books.get(link.replace("&amp;", "&"))
        assert entries.status_code == 200
        assert "−300" in entries.content.decode()
        assert "−100" not in entries.content.decode()
        assert "adds up" in said

    def test_files_say_the_same(self, earned: Desk, books: Client):
        span = {"since": "2026-01-01", "until": "2026-02-28"}

        assert csv(books, "finance", as_of="2026-02-28")[1] == (
            "2026-02-28,coffee,points,2026-01,690,0.010000,0,6.900000,6.900000,EUR"
        )
        moved = csv(books, "finance_movements", **span)
        assert "2026-02-01,2026-02-28,coffee,points,redeemed,-300,-3.00,EUR,yes" in moved
        assert len(csv(books, "finance_journal", **span)) == 7
        assert csv(books, "finance_cohorts", as_of="2026-02-28")[1].startswith("points,2026-01,1000,300,")
        assert csv(books, "finance_revenue", as_of="2026-02-28")[0].startswith("period_start,")


class TestEstimates:
    def test_a_cost_is_set(self, books: Client, points: WalletType):
        given = {"wallet_type": points.pk, "from_date": "2026-01-01", "cost": "0.0075"}
        books.post(reverse("finance_cost"), given)

        assert PointCost.objects.get().cost == Decimal("0.0075")
        assert "0.0075" in text(books, "finance_estimates")

    @pytest.mark.parametrize("wrong", [{"cost": "-1"}, {"cost": "much"}, {"from_date": ""}])
    def test_a_cost_that_makes_no_sense_is_refused(
        self, books: Client, points: WalletType, wrong: dict[str, str]
    ):
        given = {"wallet_type": points.pk, "from_date": "2026-01-01", "cost": "1"}
        response = books.post(reverse("finance_cost"), given | wrong)

        assert "rg-errors" in response.content.decode()
        assert not PointCost.objects.exists()

    def test_another_programs_points_get_none(self, books: Client, points: WalletType):
        other = factories.WalletTypeFactory.create(program__key="elsewhere")
        books.post(reverse("finance_cost"), {"wallet_type": other.pk, "from_date": "2026-01-01", "cost": "1"})

        assert not PointCost.objects.exists()

    def test_a_rate_is_proposed_by_one_and_approved_by_another(
        self, books: Client, points: WalletType, auditor: User
    ):
        given = {
            "wallet_type": points.pk,
            "from_date": "2026-01-01",
            "cohort": "2026",
            "percent": "12.5",
            "note": "Three years of history",
        }
        books.post(reverse("finance_rate"), given)
        asked = Approval.objects.get()
        decide = reverse("finance_decide", args=[asked.pk])

        own = books.post(decide, {"action": "approve"}, follow=True)
        assert "Nobody decides on their own request" in own.content.decode()
        assert not BreakageRate.objects.exists()

        other = browser_of(auditor)
        assert "Three years of history" in text(other, "finance_estimates")
        other.post(decide, {"action": "approve"})
        assert BreakageRate.objects.get().rate == Decimal("0.125")
        assert "12.5 %" in text(books, "finance_estimates")

    def test_a_rate_is_rejected_with_a_reason(self, books: Client, points: WalletType, auditor: User):
        given = {"wallet_type": points.pk, "from_date": "2026-01-01", "percent": "90", "note": "A guess"}
        books.post(reverse("finance_rate"), given)
        asked = Approval.objects.get()

        browser_of(auditor).post(
            reverse("finance_decide", args=[asked.pk]), {"action": "reject", "note": "Far too high"}
        )

        asked.refresh_from_db()
        assert asked.status == ApprovalStatus.REJECTED
        assert not BreakageRate.objects.exists()

    def test_accounts_are_the_programs_own(self, books: Client, program: Program):
        books.post(reverse("finance_accounts"), {"rounding-number": "9999"})
        assert AccountingAccount.objects.get().number == "9999"
        assert "9999" in text(books, "finance_journal")

        books.post(reverse("finance_accounts"), {})
        assert not AccountingAccount.objects.exists()


class TestClosing:
    def test_a_month_is_looked_at_closed_and_counted_again(
        self, earned: Desk, books: Client, program: Program, estimator: Estimator
    ):
        estimator.breakage("0.1")

        assert "6.21" in text(books, "finance_closing", through="2026-02-28")
        books.post(reverse("finance_close"), {"through": "2026-02-28"})
        lock = PeriodLock.objects.get()
        assert lock.sha256 in text(books, "finance_closing")

        again = books.post(reverse("finance_check", args=[lock.pk]))
        assert "exactly what was frozen" in again.content.decode()

    @pytest.mark.parametrize("through", ["2100-01-31", "2026-02-27", "", "x"])
    def test_other_days_are_refused(self, earned: Desk, books: Client, through: str):
        response = books.post(reverse("finance_close"), {"through": through}, follow=True)

        assert "Nothing was changed" in response.content.decode()
        assert not PeriodLock.objects.exists()

    def test_is_reopened_by_two(
        self, earned: Desk, books: Client, program: Program, controller: User, auditor: User
    ):
        lock = closing.close(program, through=FEBRUARY, by=controller, at=noon(date(2026, 4, 1)))
        books.post(reverse("finance_reopen", args=[lock.pk]), {"reason": "A late invoice"})
        asked = Approval.objects.get()

        browser_of(auditor).post(
            reverse("finance_decide", args=[asked.pk]), {"action": "approve", "from": "closing"}
        )

        said = text(books, "finance_closing")
        assert "reopened" in said
        assert "A late invoice" in said
