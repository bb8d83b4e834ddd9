from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.models import Member, Wallet
from rewards import redeeming
from tests import factories
from tests.cast import Shop
from tests.clients import PartnerClient

ENTRIES = "/v1/members/card:1001/entries"
BALANCE = "/v1/members/card:1001/balance"


@pytest.fixture(autouse=True)
def _a_week_later(noon: datetime) -> Iterator[None]:
    with time_machine.travel(noon + timedelta(days=7), tick=False):
        yield


@pytest.fixture
def week(ada: Member, points, shop: Shop) -> Shop:
    """Ada buys for 10, 20, 30, 40 and 50 euros, at noon of five days."""
    for day in range(5):
        shop.later(days=day).sells(f"receipt-{day}", f"{10 * (day + 1)}.00")
    return shop


def read(till: PartnerClient, address: str = ENTRIES, **query: Any) -> dict[str, Any]:
    response = till.get(address, query)
    assert response.status_code == 200, response.json()
    body: dict[str, Any] = response.json()
    return body


class TestEntries:
    def test_are_told_newest_first_between_opening_and_closing_balance(self, till, week: Shop):
        body = read(till)

        assert [entry["points"] for entry in body["data"]] == [50, 40, 30, 20, 10]
        assert [entry["after"]["available"] for entry in body["data"]] == [150, 100, 60, 30, 10]
        assert body["opening"] == {"available": 0, "pending": 0, "held": 0, "owed": 0}
        assert body["closing"] == {"available": 150, "pending": 0, "held": 0, "owed": 0}
        assert (body["wallet_type"], body["sums"]) == ("points", {"earn": 150})
        assert body["data"][0]["description"] == "Purchase: A point for each euro"

    def test_lead_to_the_sale_or_return_that_they_were_booked_for(self, till, week: Shop):
        returned = week.later(days=5).takes_back("return-1", "receipt-4")

        newest, sale, *_others = read(till)["data"]

        assert newest["transaction_id"] == str(returned.id)
        assert till.get(f"/v1/transactions/{sale['transaction_id']}").json()["external_id"] == "receipt-4"

    def test_name_the_reward_that_points_were_reserved_for(self, till, week: Shop, points):
        factories.RewardFactory.create(
            program=week.program, wallet_type=points, key="tea", name="A tea", price=20
        )
        later = week.later(days=5)
        where: dict[str, Any] = {"program": week.program, "source": "till", "actor": "till", "at": later.at}
        redeeming.confirm(later.reserves("tea").pk, **where)
        redeeming.cancel(later.reserves("tea").pk, **where)

        told = [(entry["kind"], entry["description"]) for entry in read(till)["data"][:4]]

        assert told == [
            ("release", "The reward A tea was not taken"),
            ("hold", "Reserved for the reward A tea"),
            ("settle", "Reward A tea"),
            ("hold", "Reserved for the reward A tea"),
        ]
        assert read(till)["data"][0]["transaction_id"] is None

    def test_take_two_statements_more_where_points_were_held_for_rewards(
        self, till, week: Shop, points, django_assert_num_queries
    ):
        factories.RewardFactory.create(program=week.program, wallet_type=points, key="tea", price=1)
        with CaptureQueriesContext(connection) as without:
            read(till)
        for number in range(3):
            week.later(days=5, minutes=number).reserves("tea")

        with django_assert_num_queries(len(without) + 2):
            read(till)

    def test_of_a_period_begin_with_what_was_there_before_it(self, till, week: Shop):
        starts, ends = week.later(days=1).at, week.later(days=3).at

        body = read(till, **{"recorded_from": starts.isoformat(), "recorded_before": ends.isoformat()})

        assert [entry["points"] for entry in body["data"]] == [30, 20]
        assert (body["opening"]["available"], body["closing"]["available"]) == (10, 60)
        assert body["sums"] == {"earn": 50}

    def test_come_in_pages_that_neither_skip_nor_repeat_what_arrives_meanwhile(self, till, week: Shop):
        first = read(till, limit=2)
        week.later(days=6).sells("receipt-late", "7.00")
        second = read(till, first["next"])
        third = read(till, second["next"])
        back = read(till, third["previous"])

        points = [[entry["points"] for entry in page["data"]] for page in (first, second, third, back)]
        assert points == [[50, 40], [30, 20], [10], [30, 20]]
        assert third["next"] is None

    def test_take_a_plus_that_was_not_escaped_for_one(self, till, week: Shop):
        response = till.get(f"{ENTRIES}?recorded_from=2026-06-05T12:00:00+02:00")

        assert [entry["points"] for entry in response.json()["data"]] == [50]

    def test_of_a_member_without_a_wallet_are_none(self, till, ada, shop):
        Wallet.objects.all().delete()

        body = read(till)

        assert (body["data"], body["closing"]["available"]) == ([], 0)

    def test_want_to_know_which_points_are_meant_where_several_may_be_spent(self, till, week: Shop, program):
        factories.WalletTypeFactory.create(program=program, key="credits")

        response = till.get(ENTRIES)

        assert (response.status_code, response.json()["code"]) == (400, "invalid_filter")
        assert "credits, points" in response.json()["detail"]
        assert len(read(till, wallet_type="points")["data"]) == 5
        assert read(till, wallet_type="credits")["data"] == []

    @pytest.mark.parametrize(
        "query",
        [
            {"recorded_from": "yesterday"},
            {"recorded_from": "2026-06-01T12:00:00"},
            {"recorded_before": "2026-06-01"},
            {"recorded_from": "2026-06-02T00:00:00Z", "recorded_before": "2026-06-01T00:00:00Z"},
            {"wallet_type": "gold"},
            {"since": "2026-06-01T12:00:00Z"},
            {"limit": "0"},
        ],
    )
    def test_refuse_what_is_no_filter(self, till, week: Shop, query):
        response = till.get(ENTRIES, query)

        assert (response.status_code, response.json()["code"]) == (400, "invalid_filter")

    def test_refuse_the_cursor_of_another_period(self, till, week: Shop):
        cursor = read(till, limit=1)["next"].partition("cursor=")[2]

        response = till.get(f"{ENTRIES}?recorded_from=2026-06-01T00:00:00Z&cursor={cursor}")

        assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")

    def test_take_eight_queries_however_many_there_are(self, till, week: Shop, django_assert_num_queries):
        for number in range(30):
            week.later(days=5).sells(f"receipt-1{number}", "3.00")
        read(till)

        # Key, member, wallet, closing balance, sums, page; then activities and campaigns for the words.
        with django_assert_num_queries(8):
            assert len(read(till)["data"]) == 35

    def test_of_another_programs_member_are_nobodys(self, till, outsider, week: Shop):
        assert outsider.get(ENTRIES).status_code == 404
        assert till.get("/v1/members/card:9999/entries").status_code == 404


class TestBalance:
    def test_is_what_was_recorded_until_then(self, till, week: Shop):
        found = [
            read(till, BALANCE, at=week.later(days=day).at.isoformat())["wallets"] for day in (-1, 0, 2, 6)
        ]

        assert [wallet["available"] for (wallet,) in found] == [0, 10, 60, 150]

    def test_is_the_present_one_if_no_moment_is_given(self, till, week: Shop):
        body = read(till, BALANCE)

        assert body["wallets"] == [{"type": "points", "available": 150, "pending": 0, "held": 0, "owed": 0}]

    def test_names_every_kind_of_points_those_for_spending_first(self, till, week: Shop, program):
        factories.WalletTypeFactory.create(program=program, key="credits", is_spendable=False)

        assert [wallet["type"] for wallet in read(till, BALANCE)["wallets"]] == ["points", "credits"]

    @pytest.mark.parametrize("at", ["tomorrow", "2026-06-01", "2126-06-01T12:00:00Z", "9999-12-31T23:59:59Z"])
    def test_of_no_moment_or_of_a_later_one_is_refused(self, till, week: Shop, at):
        response = till.get(BALANCE, {"at": at})

        assert (response.status_code, response.json()["code"]) == (400, "invalid_filter")

    def test_takes_four_queries(self, till, week: Shop, django_assert_num_queries):
        read(till, BALANCE)

        with django_assert_num_queries(4):
            read(till, BALANCE)

    def test_shows_another_programs_member_to_nobody(self, outsider, week: Shop):
        assert outsider.get(BALANCE).status_code == 404


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["recorded_from", "recorded_before", "at", "wallet_type", "cursor", "limit"]),
    value=st.text(max_size=30)
    | st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
)
def test_any_filter_gets_a_clear_answer(till, week: Shop, name, value):
    for address in (ENTRIES, BALANCE):
        response = till.get(f"{address}?{name}={quote(value)}")

        assert response.status_code in (200, 400)
