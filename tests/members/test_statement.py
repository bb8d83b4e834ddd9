from datetime import timedelta

import pytest
from django.db import connection

from loyalty.core.db import fetch
from members import expiry, statement
from members.models import Entry, Member, Wallet
from members.statement import Balance
from rewards.models import Reward
from tests import factories
from tests.cast import Shop


@pytest.fixture
def wallet(ada: Member, points, shop: Shop) -> Wallet:
    """Ada buys on four days at noon, has a coffee on the third and brings goods back on the fourth."""
    factories.RewardFactory.create(program=shop.program, wallet_type=points, key="coffee", price=80)
    shop.sells("receipt-1", "100.00", store="berlin-mitte")
    shop.later(days=1).sells("receipt-2", "20.00")
    shop.later(days=2).redeems("coffee")
    shop.later(days=3).takes_back("return-1", "receipt-1", "50.00")
    return Wallet.objects.select_related("type").get(member=ada)


class TestOpening:
    def test_is_nothing_before_the_first_entry(self, wallet: Wallet, shop: Shop):
        assert statement.opening(wallet, shop.at) == Balance()

    def test_is_what_was_recorded_before_that_moment(self, wallet: Wallet, shop: Shop):
        found = [statement.opening(wallet, shop.at + timedelta(days=n, seconds=1)) for n in range(5)]

        assert [balance.available for balance in found] == [100, 120, 40, 0, 0]
        assert found[-1].total == wallet.available

    def test_goes_by_the_order_of_booking_where_clocks_disagree(self, wallet: Wallet, shop: Shop):
        before = shop.later(days=2, hours=12)
        before.sells("receipt-3", "7.00")

        balance = statement.opening(wallet, before.at + timedelta(seconds=1))

        assert balance.available == 7
        assert balance.number == 5


class TestPeriod:
    def test_opens_with_what_the_one_before_closed_with(self, wallet: Wallet, shop: Shop):
        ends = [shop.at + timedelta(days=n, hours=1) for n in range(-1, 5)]

        periods = [statement.period(wallet, a, b) for a, b in zip(ends, ends[1:], strict=False)]

        assert [p.opening for p in periods[1:]] == [p.closing for p in periods[:-1]]
        assert sum(p.length for p in periods) == Entry.objects.count()

    def test_has_sums_that_lead_from_the_opening_to_the_closing_balance(self, wallet: Wallet, shop: Shop):
        period = statement.period(wallet, shop.at + timedelta(hours=1), shop.at + timedelta(days=9))

        assert period.sums == {"earn": 20, "spend": -80, "reverse": -40}
        assert period.opening.total + sum(period.sums.values()) == period.closing.total == 0

    def test_of_nothing_is_empty(self, wallet: Wallet, shop: Shop):
        period = statement.period(wallet, shop.at - timedelta(days=9), shop.at)

        assert (period.opening, period.closing, period.sums) == (Balance(), Balance(), {})
        assert statement.lines(period) == []


class TestLines:
    def test_say_in_words_what_each_was_for(self, wallet: Wallet, shop: Shop):
        period = statement.period(wallet, shop.at, shop.at + timedelta(days=9))

        told = [(line.points, line.after.available, line.what) for line in statement.lines(period)]

        assert told == [
            (100, 100, "Purchase at berlin-mitte: A point for each euro"),
            (20, 120, "Purchase: A point for each euro"),
            (-80, 40, "Reward Free coffee"),
            (-40, 0, "Return for receipt receipt-1; 10 points were spent already and are written off"),
        ]

    def test_of_a_reward_that_is_gone_name_its_key(self, wallet: Wallet, shop: Shop):
        Reward.objects.update(key="tea")
        period = statement.period(wallet, shop.at, shop.at + timedelta(days=9))

        assert "Reward coffee" in [line.what for line in statement.lines(period)]

    def test_say_why_points_expired(self, ada: Member, points, shop: Shop):
        points.expiry_rule, points.expires_after = "days", 1
        points.save()
        shop.program.refresh_from_db()
        shop.sells("receipt-1", "5.00")
        list(expiry.run(shop.program, at=shop.at + timedelta(days=9)))
        wallet = Wallet.objects.select_related("type").get()

        period = statement.period(wallet, shop.at, shop.at + timedelta(days=10))

        assert [line.what for line in statement.lines(period)][1] == "Their time was over"

    def test_stream_in_chunks_without_gaps_or_repeats(
        self, wallet: Wallet, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(statement, "CHUNK", 2)
        period = statement.period(wallet, shop.at, shop.at + timedelta(days=9))

        assert [line.after.number for line in statement.stream(period)] == [1, 2, 3, 4]

    def test_take_four_queries_however_many_there_are(
        self, wallet: Wallet, shop: Shop, django_assert_num_queries
    ):
        for number in range(20):
            shop.later(days=4).sells(f"receipt-1{number}", "3.00")
        period = statement.period(wallet, shop.at, shop.at + timedelta(days=9))

        with django_assert_num_queries(4):
            assert len(statement.lines(period)) == 24


def test_a_balance_of_the_past_is_read_from_an_index_alone(wallet: Wallet, shop: Shop):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        # Of the few rows that other tests leave statistics of, a bitmap would do as well.
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        # On an empty table any index costs the same; on a full one this is none for a wallet's entries.
        cursor.execute("DROP INDEX entries_by_day")

    plan = "\n".join(line for (line,) in fetch(f"EXPLAIN {statement._BEFORE}", [[wallet.pk], shop.at]))

    assert "Index Only Scan Backward using entries_are_numbered_in_a_row" in plan, plan
