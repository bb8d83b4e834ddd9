"""Revenue by IFRS 15, from real sales, redemptions and returns of a program."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from loyalty.core.models import Program
from members.finance.liability import rounded
from members.models import Member, WalletType
from rewards.books import revenue
from rewards.books.revenue import Month
from rewards.models import Campaign
from tests import factories
from tests.cast import Shop
from tests.members.finance.conftest import Estimator
from tests.rewards.undoing.conftest import Desk


def on(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@pytest.fixture
def store(shop: Shop, ada: Member, points: WalletType) -> Shop:
    """The shop on 10 June 2026: a point for each euro, of which each is worth ten cents."""
    estimator = Estimator(shop.program, points)
    estimator.costs("0.10", from_date=date(2026, 6, 1))
    estimator.breakage("0.05", from_date=date(2026, 6, 1))
    factories.RewardFactory.create(program=shop.program, wallet_type=points, key="coffee", price=450)
    factories.RewardFactory.create(program=shop.program, wallet_type=points, key="cake", price=400)
    return shop.later(days=9)


def desk(shop: Shop) -> Desk:
    """Somebody who puts sales right, at that moment."""
    return Desk(program=shop.program, at=shop.at)


def figures(month: Month) -> dict[str, Any]:
    names = ("sales", "goods", "opening", "deferred", "returned", "recognised", "closing")
    return {name: str(rounded(getattr(month, name))) for name in names}


class TestReport:
    def test_is_the_standards_example_in_a_shop(self, store: Shop, points: WalletType):
        """
        Example 52, a hundredth and a tenth of it: 1,000 euros, 1,000 points of ten cents.

        Of them 950 are expected to be used, later 970; 450 are used, then 850.
        """
        store.sells("receipt-1", "1000.00")
        store.later(days=10).redeems("coffee")
        Estimator(store.program, points).breakage("0.03", from_date=date(2026, 7, 1))
        store.later(days=30).redeems("cake")

        june, july = revenue.report(store.program, last=date(2026, 7, 31))

        assert figures(june) == {
            "sales": "1000.00",
            "goods": "913.24",
            "opening": "0.00",
            "deferred": "86.76",
            "returned": "0.00",
            "recognised": "41.10",
            "closing": "45.66",
        }
        assert figures(july) == {
            "sales": "0.00",
            "goods": "0.00",
            "opening": "45.66",
            "deferred": "0.00",
            "returned": "0.00",
            "recognised": "34.93",
            "closing": "10.73",
        }
        assert rounded(july.catch_up) == Decimal("-0.85")

    def test_a_return_takes_its_part_of_what_is_deferred_with_it(self, store: Shop):
        store.sells("receipt-1", "1000.00")
        store.later(days=2).takes_back("return-1", sale="receipt-1", amount="500.00")

        (june,) = revenue.report(store.program, last=date(2026, 6, 30))

        assert (rounded(june.deferred), rounded(june.returned)) == (Decimal("86.76"), Decimal("43.38"))
        assert rounded(june.closing) == Decimal("43.38")

    def test_what_expired_is_recognised_when_nothing_is_left(self, store: Shop, points: WalletType):
        from members import expiry

        points.expiry_rule, points.expires_after = "days", 20
        points.save()
        store.program.refresh_from_db()
        store.sells("receipt-1", "1000.00")
        list(expiry.run(store.program, at=store.later(days=40).at))

        june, july = revenue.report(store.program, last=date(2026, 7, 31))

        assert (rounded(june.recognised), rounded(july.recognised)) == (Decimal("0.00"), Decimal("86.76"))
        assert july.closing == 0

    def test_is_the_same_when_it_is_asked_again(self, store: Shop):
        store.sells("receipt-1", "1000.00")
        before = revenue.report(store.program, last=date(2026, 6, 30))

        store.later(days=30).sells("receipt-2", "70.00")
        store.later(days=31).redeems("coffee")

        assert revenue.report(store.program, last=date(2026, 6, 30)) == before

    def test_every_month_adds_up(self, store: Shop):
        for number in range(6):
            at = store.later(days=17 * number)
            at.sells(f"receipt-{number}", f"{310 + number * 33}.10")
            if number % 2:
                at.redeems("cake")
        store.later(days=90).takes_back("return-1", sale="receipt-4", amount="100.00")

        months = revenue.report(store.program, last=date(2026, 10, 31))

        assert len(months) == 5
        for before, month in zip(months, months[1:], strict=False):
            assert month.opening == before.closing
        for month in months:
            after = month.opening + month.deferred - month.returned - month.recognised
            assert abs(after - month.closing) < Decimal("1e-12")
            assert month.goods + month.deferred == month.sales
            assert month.closing >= 0

    def test_of_a_corrected_sale_only_the_one_in_its_place_counts(self, store: Shop):
        mistaken = store.sells("receipt-1", "1000.00")
        desk(store.later(hours=1)).corrects(mistaken, "100.00")

        (june,) = revenue.report(store.program, last=date(2026, 6, 30))

        assert figures(june) == {
            "sales": "100.00",
            "goods": "91.32",
            "opening": "0.00",
            "deferred": "8.68",
            "returned": "0.00",
            "recognised": "0.00",
            "closing": "8.68",
        }

    def test_a_sale_that_is_corrected_later_counts_until_then(self, store: Shop):
        mistaken = store.sells("receipt-1", "1000.00")
        (before,) = revenue.report(store.program, last=date(2026, 6, 30))

        desk(store.later(days=30)).corrects(mistaken, "100.00")
        june, july = revenue.report(store.program, last=date(2026, 7, 31))

        assert june == before
        assert figures(june)["sales"] == "1000.00"
        assert figures(july) == {
            "sales": "-900.00",
            "goods": "-821.92",
            "opening": "86.76",
            "deferred": "-78.08",
            "returned": "0.00",
            "recognised": "0.00",
            "closing": "8.68",
        }

    def test_a_cancelled_sale_was_none(self, store: Shop):
        mistaken = store.sells("receipt-1", "1000.00")
        desk(store.later(hours=1)).cancels(mistaken)

        (june,) = revenue.report(store.program, last=date(2026, 6, 30))

        assert set(figures(june).values()) == {"0.00"}

    def test_goods_that_come_back_of_a_corrected_sale_are_told_as_such(self, store: Shop):
        mistaken = store.sells("receipt-1", "1000.00")
        desk(store.later(hours=1)).corrects(mistaken, "500.00", "receipt-2")
        store.later(days=2).takes_back("return-1", sale="receipt-2", amount="250.00")

        (june,) = revenue.report(store.program, last=date(2026, 6, 30))

        assert figures(june)["sales"] == "500.00"
        assert (figures(june)["deferred"], figures(june)["returned"]) == ("43.38", "21.69")
        assert figures(june)["closing"] == "21.69"

    def test_nothing_sold_is_no_months(self, program: Program, base_rule: Campaign):
        assert revenue.report(program, last=date(2026, 6, 30)) == []
