"""The list of checkouts, as shops and service desks look through it."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from integrations.models import Partner
from loyalty.core.models import Program
from tests.cast import Shop
from tests.clients import PartnerClient
from tests.rewards.checkouts.test_api import CHECKOUTS, at, opened, paid


def listed(till: PartnerClient, query: str = "") -> list[Any]:
    answer = till.get(f"{CHECKOUTS}?{query}")
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["data"]]


@pytest.mark.usefixtures("_at_noon")
class TestList:
    def test_tells_how_each_stands_without_its_basket(self, till, rich: Shop):
        checkout = opened(till)
        answer = till.post(at(checkout, "confirm"), paid("16.00"))

        (row,) = till.get(CHECKOUTS).json()["data"]

        assert row == {
            "id": checkout["id"],
            "status": "confirmed",
            "member_id": checkout["member_id"],
            "source": "till",
            "opened_at": "2026-06-01T12:00:00Z",
            "expires_at": "2026-06-01T12:15:00Z",
            "closed_at": "2026-06-01T12:00:00Z",
            "total": {"amount": "16.00", "currency": "EUR"},
            "external_id": "order-1",
            "transaction_id": answer.json()["transaction"]["id"],
        }

    def test_shows_what_the_filters_ask_for(self, till, rich: Shop):
        left, sold, still_open = (opened(till)["id"] for _ in range(3))
        till.post(f"{CHECKOUTS}/{left}/abandon", {})
        till.post(f"{CHECKOUTS}/{sold}/confirm", paid("16.00", "order-7"))

        assert listed(till) == [still_open, sold, left]
        assert listed(till, "status=open") == [still_open]
        assert listed(till, "status=abandoned&member=card:1001") == [left]
        assert listed(till, "member=card:9999") == []
        assert listed(till, "external_id=order-7") == [sold]
        assert listed(till, "external_id=order-8") == []

    def test_has_one_expire_when_its_time_is_over_before_any_job_comes_by(self, till, rich: Shop, noon):
        checkout = opened(till)

        with time_machine.travel(noon + timedelta(minutes=15), tick=False):
            (row,) = till.get(f"{CHECKOUTS}?status=expired").json()["data"]

            assert (row["id"], row["status"]) == (checkout["id"], "expired")
            assert listed(till, "status=open") == []

    def test_goes_on_where_a_page_ends_while_others_are_opened(self, till, rich: Shop):
        first, second, third = (opened(till)["id"] for _ in range(3))
        page = till.get(f"{CHECKOUTS}?limit=2").json()
        opened(till)

        older = till.get(page["next"]).json()

        assert [row["id"] for row in page["data"]] == [third, second]
        assert [row["id"] for row in older["data"]] == [first]

    @pytest.mark.parametrize(
        "query", ["status=paid", "color=red", "opened_from=yesterday", "member=1", "external_id="]
    )
    def test_refuses_other_filters(self, till, query):
        answer = till.get(f"{CHECKOUTS}?{query}")

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_filter")
        assert answer.json()["parameter"] == query.partition("=")[0]

    def test_shows_nothing_of_another_program(self, till, rich: Shop, outsider: PartnerClient):
        opened(till)

        assert outsider.get(CHECKOUTS).json()["data"] == []

    def test_takes_one_statement_however_many_there_are(self, till, rich: Shop, django_assert_num_queries):
        for _ in range(3):
            opened(till)
        listed(till)

        with django_assert_num_queries(2):  # whose key it is, and the rows
            assert len(listed(till)) == 3


@pytest.mark.usefixtures("ada")
class TestTime:
    """By the real clock, as ids are: they begin with the moment at which they are made."""

    def test_shows_those_of_a_time(self, till):
        older, newer = (opened(till) for _ in range(2))
        moment = newer["opened_at"]

        assert listed(till, f"opened_from={moment}") == [newer["id"]]
        assert listed(till, f"opened_before={moment}") == [older["id"]]
        assert listed(till, f"opened_from={older['opened_at']}&opened_before={moment}") == [older["id"]]

    @pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "1969-12-31T23:00:00Z"])
    def test_takes_moments_before_there_was_anything(self, till, moment):
        checkout = opened(till)

        assert listed(till, f"opened_from={moment}") == [checkout["id"]]
        assert listed(till, f"opened_before={moment}") == []

    @pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "2999-01-01T00:00:00Z"])
    def test_takes_moments_after_everything(self, till, moment):
        checkout = opened(till)

        assert listed(till, f"opened_from={moment}") == []
        assert listed(till, f"opened_before={moment}") == [checkout["id"]]

    def test_is_that_of_the_test_clock_in_a_sandbox(self, program: Program, till):
        Program.objects.filter(pk=program.pk).update(kind="sandbox", clock_offset=timedelta(days=30))
        partner = Partner.objects.select_related("program").get(pk=till.credential.partner_id)
        tester = PartnerClient.of(partner, scopes=["points:hold"])
        checkout = opened(tester)

        assert listed(tester, f"opened_from={checkout['opened_at']}") == [checkout["id"]]
        assert listed(tester, f"opened_before={checkout['opened_at']}") == []
