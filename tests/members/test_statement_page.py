"""The statement of any period, as staff see it, print it and take it away."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.core.models import Program, Role
from members.models import Member, Wallet
from tests import factories
from tests.cast import Shop
from tests.clients import staff

AT_MOST = 15


@pytest.fixture
def year(shop: Shop, ada: Member, points) -> Shop:
    """A sale in May, one in June, a reward and a return in June."""
    reward = factories.RewardFactory.create(program=shop.program, wallet_type=points, price=30)
    shop.later(days=-20).sells("receipt-1", "100.00")
    shop.sells("receipt-2", "50.00")
    shop.later(days=2).redeems(reward.key)
    shop.later(days=3).takes_back("return-1", "receipt-2", "20.00")
    return shop


@pytest.fixture
def support(program: Program) -> Client:
    return staff(program, Role.SUPPORT)


def page(member: Member, name: str = "statement", **asked: Any) -> str:
    query = "&".join(f"{key}={value}" for key, value in asked.items())
    return reverse(f"admin:members_member_{name}", args=[member.pk]) + (f"?{query}" if query else "")


JUNE = {"start": "2026-06-01", "end": "2026-06-30"}


class TestPage:
    def test_shows_a_period_with_its_balances_and_sums(
        self, year: Shop, ada: Member, support: Client, django_assert_max_num_queries: Any
    ):
        with django_assert_max_num_queries(AT_MOST):
            answer = support.get(page(ada, **JUNE))

        shown = answer.context
        assert (shown["period"].opening.total, shown["period"].closing.total) == (100, 100)
        assert shown["sums"] == [("Earned", 50), ("Spent", -30), ("Taken back", -20)]
        assert [(line.kind, line.points, line.after.total) for line in shown["lines"]] == [
            ("earn", 50, 150),
            ("spend", -30, 120),
            ("reverse", -20, 100),
        ]
        assert "Reward reward" in answer.content.decode() or "Free coffee" in answer.content.decode()

    def test_a_day_ends_at_midnight_where_the_program_is(self, shop: Shop, ada: Member, support: Client):
        # 22:30 UTC on the last of May is half past midnight on the first of June in Berlin.
        shop.later(hours=-13, minutes=-30).sells("receipt-1", "100.00")

        may = support.get(page(ada, start="2026-05-01", end="2026-05-31")).context
        june = support.get(page(ada, **JUNE)).context

        assert (may["period"].closing.total, list(may["lines"])) == (0, [])
        assert [line.points for line in june["lines"]] == [100]

    def test_tells_the_balance_on_a_past_day(self, year: Shop, ada: Member, support: Client):
        answer = support.get(page(ada, **JUNE, on="2026-06-01"))

        assert answer.context["balance_on"].total == 150
        assert "At the end of 1 Jun 2026 there were <strong>150 Points</strong>" in answer.content.decode()

    def test_says_that_nothing_moved(self, year: Shop, ada: Member, support: Client):
        answer = support.get(page(ada, start="2025-01-01", end="2025-12-31"))

        assert "No points moved in this time." in answer.content.decode()
        assert answer.context["period"].closing.total == 0

    def test_says_that_there_is_no_wallet_yet(self, ada: Member, support: Client):
        assert "no wallet yet" in support.get(page(ada)).content.decode()

    @pytest.mark.parametrize(
        ("asked", "complaint"),
        [
            ({"start": "2026-06-30", "end": "2026-06-01"}, "The last day comes before the first."),
            ({"start": "yesterday", "end": "2026-06-01"}, "Enter a valid date."),
            ({"start": "0001-01-01", "end": "2026-06-01"}, "The earliest day is 1 January 2000."),
            ({"start": "2026-06-01", "end": "9999-12-31"}, "The earliest day is 1 January 2000."),
            ({**JUNE, "on": "31.6."}, "Enter a valid date."),
            ({**JUNE, "wallet": "nonsense"}, "Select a valid choice"),
        ],
    )
    def test_names_the_field_that_cannot_be(
        self, year: Shop, ada: Member, support: Client, asked: dict[str, str], complaint: str
    ):
        answer = support.get(page(ada, **asked))

        assert answer.status_code == 200
        assert complaint in answer.content.decode()
        assert support.get(page(ada, "statement_paper", **asked)).status_code == 404
        assert support.get(page(ada, "statement_table", **asked)).status_code == 404

    def test_of_another_members_wallet_is_not_shown(self, year: Shop, ada: Member, support: Client):
        bert = factories.MemberFactory.create(program=year.program)
        factories.IdentifierFactory.create(member=bert, value="1002")
        wallet = Wallet.objects.get(member=ada)

        answer = support.get(page(bert, **JUNE, wallet=wallet.pk))

        assert "period" not in answer.context

    def test_is_linked_from_the_page_about_the_member(self, year: Shop, ada: Member, support: Client):
        profile = support.get(reverse("admin:members_member_change", args=[ada.pk])).content.decode()

        assert page(ada) in profile

    @pytest.mark.parametrize("name", ["statement", "statement_paper", "statement_table"])
    def test_is_for_staff_of_the_program_who_see_members(self, year: Shop, ada: Member, name: str):
        elsewhere = factories.ProgramFactory.create(key="elsewhere")

        assert staff(elsewhere, Role.SUPPORT).get(page(ada, name, **JUNE)).status_code == 404
        assert staff(year.program, Role.OPERATOR).get(page(ada, name, **JUNE)).status_code in (403, 404)
        assert Client().get(page(ada, name, **JUNE)).status_code == 302


class TestPaper:
    def test_has_the_statement_and_nothing_else(
        self, year: Shop, ada: Member, support: Client, django_assert_max_num_queries: Any
    ):
        with django_assert_max_num_queries(AT_MOST):
            shown = support.get(page(ada, "statement_paper", **JUNE)).content.decode()

        assert "Corner Coffee Club" in shown
        assert "Ada Lovelace · card 1001" in shown
        assert "1 Jun 2026 – 30 Jun 2026" in shown
        assert "nav-sidebar" not in shown


class TestTable:
    def read(self, client: Client, member: Member, **asked: str) -> list[dict[str, str]]:
        answer: Any = client.get(page(member, "statement_table", **asked))
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        return list(csv.DictReader(StringIO(text)))

    def test_has_all_lines_between_the_balances(self, year: Shop, ada: Member, support: Client):
        rows = self.read(support, ada, **JUNE)

        assert [(row["kind"], row["points"], row["balance"]) for row in rows] == [
            ("opening", "", "100"),
            ("earn", "50", "150"),
            ("spend", "-30", "120"),
            ("reverse", "-20", "100"),
            ("closing", "", "100"),
        ]
        assert rows[1]["date"] == "2026-06-01"
        assert rows[1]["recorded_at"] == "2026-06-01T14:00:00+02:00"

    def test_gives_no_formula_to_a_spreadsheet(self, shop: Shop, ada: Member, support: Client):
        shop.sells("receipt-1", "100.00", store="=HYPERLINK(1)")

        rows = self.read(support, ada, **JUNE)

        assert not [row for row in rows if row["what"].startswith(("=", "+", "-", "@"))]

    def test_asks_as_often_for_many_lines_as_it_must(
        self, shop: Shop, ada: Member, support: Client, django_assert_max_num_queries: Any
    ):
        for number in range(30):
            shop.later(minutes=number).sells(f"receipt-{number}", "10.00")

        with django_assert_max_num_queries(AT_MOST):
            rows = self.read(support, ada, **JUNE)

        assert len(rows) == 32


def test_presets_end_today(year: Shop, ada: Member, support: Client, program: Program):
    program.kind = "sandbox"
    presets = support.get(page(ada)).context["presets"]

    assert [name for name, _, _ in presets] == ["This month", "Last month", "This year", "Last year"]
    for _, start, end in presets:
        assert start <= end
    assert presets[1][2] + timedelta(days=1) == presets[0][1]
