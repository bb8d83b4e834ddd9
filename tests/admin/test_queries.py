"""Pages take few queries, whatever there is."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty.core.models import Program, Role
from members.models import Identifier
from tests.admin.pages import AT_MOST, page, queries
from tests.admin.roles import LETTERS, SEES
from tests.clients import staff


class TestQueries:
    @pytest.mark.parametrize("model", sorted(set(SEES) - {"core.user"}))
    def test_a_list_takes_few(self, administrator: Client, year: Program, model: str):
        assert queries(administrator, page(model, "changelist")) <= AT_MOST

    @pytest.mark.parametrize("term", ["1001", "love", "ada lovelace", "Lovelace, Ada", "nobody"])
    def test_searching_members_takes_few(self, support: Client, year: Program, term: str):
        assert queries(support, page("members.member", "changelist") + f"?q={term}") <= AT_MOST

    def test_the_page_about_a_member_takes_few_however_much_they_bought(self, support: Client, year: Program):
        ada = Identifier.objects.get(value="1001").member

        assert queries(support, page("members.member", "change", ada.pk)) <= AT_MOST

    @pytest.mark.parametrize("role", list(LETTERS))
    def test_the_start_page_takes_few(self, year: Program, role: Role):
        # An administrator's has what each of the others sees.
        at_most = AT_MOST + (role == Role.ADMINISTRATOR)
        assert queries(staff(year, role), reverse("admin:index")) <= at_most

    def test_figures_over_the_program_are_kept_for_some_minutes(self, marketer: Client, year: Program):
        first = queries(marketer, reverse("admin:index"))
        second = queries(marketer, reverse("admin:index"))

        assert second <= first - 4

    def test_a_list_is_titled_by_what_is_in_it(self, support: Client, program: Program):
        body = support.get(page("members.entry", "changelist")).content.decode()

        (title,) = re.findall(r"<title>\s*(.*?)\s*</title>", body, re.S)
        assert title == "Points statement | Regulars"

    def test_no_list_counts_its_table(self, administrator: Client, year: Program):
        with CaptureQueriesContext(connection) as captured:
            administrator.get(page("members.member", "changelist"))

        assert not [query for query in captured.captured_queries if "COUNT(" in query["sql"].upper()]
