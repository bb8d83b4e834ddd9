"""What a definition would have given for past activities, to the point."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.core.models import Program
from members.models import Entry, Member
from rewards.models import Activity, Backtest, BacktestMember, BacktestStatus, BacktestTally, Campaign
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop, line
from tests.rewards.backtests.conftest import DOUBLE, FIFTY_FOR_TEN, MONDAY, WEDNESDAY, tried

pytestmark = pytest.mark.usefixtures("ada")


class TestFigures:
    def test_says_what_a_draft_would_have_given_beside_todays_rules(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()

        result = tried(draft)

        assert (result.activities, result.matched, result.seen, result.members) == (4, 3, 1, 1)
        assert (result.before.total, result.after.total, result.given.total) == (50, 200, 150)
        assert (result.before.cost, result.after.cost) == (Decimal("0.50"), Decimal("2.00"))

    def test_says_it_for_each_day(self, draft: Campaign, a_week_of_sales: Callable[[], None]):
        a_week_of_sales()

        days = tried(draft).days

        told = [(d.day, d.activities, d.matched, d.before.total, d.given.total, d.given.cost) for d in days]
        assert told == [
            (MONDAY, 3, 2, 40, 100, Decimal("1.00")),
            (WEDNESDAY, 1, 1, 10, 50, Decimal("0.50")),
        ]

    def test_names_the_stores_and_products_that_earned(self, draft: Campaign, shop: Shop):
        shop.sells("r1", "30.00", store="mitte", lines=(line("a", "20.00", name="Beans"), line("b", "10.00")))
        shop.sells("r2", "20.00", store="nord", lines=(line("a", "20.00", name="Beans"),))
        shop.sells("r3", "9.00", store="nord", lines=(line("c", "9.00"),))

        result = tried(draft)

        assert [(t.key, t.matched, t.amount, t.points) for t in result.stores] == [
            ("mitte", 1, Decimal("30.00"), 50),
            ("nord", 1, Decimal("20.00"), 50),
        ]
        assert [(t.key, t.name, t.matched, t.amount) for t in result.products] == [
            ("sku-a", "Beans", 2, Decimal("40.00")),
            ("sku-b", "", 1, Decimal("10.00")),
        ]

    def test_counts_points_by_product_where_they_are_for_lines(self, draft: Campaign, shop: Shop):
        shop.sells("r1", "30.00", lines=(line("a", "20.00", category="tea"), line("b", "10.00")))
        of_tea = factories.definition(
            {
                "kind": "points_per_unit", "points": "2", "per": "1.00", "of": "matching_lines",
                "lines": {"all": [{"fact": "line.category", "operator": "eq", "value": "tea"}]},
            }
        )  # fmt: skip

        result = tried(draft, of_tea)

        assert [(t.key, t.points) for t in result.products] == [("sku-a", 40)]

    def test_names_who_gains_and_who_loses_by_a_change(self, program: Program, draft: Campaign, shop: Shop):
        bob = factories.MemberFactory.create(program=program, first_name="Bob")
        factories.IdentifierFactory.create(member=bob, kind="card", value="2002")
        campaigns.publish(draft, definition=FIFTY_FOR_TEN, by=None, at=shop.at - timedelta(minutes=1))
        program.refresh_from_db()
        shop.sells("r1", "10.00")
        small = factories.definition(
            {"kind": "fixed_points", "points": 20},
            conditions={"all": [{"fact": "sale.amount", "operator": "lt", "value": "10.00"}]},
        )
        shop.sells("r2", "9.00", member=type(shop.sale("x", "1").member)(kind="card", value="2002"))

        result = tried(draft, small)

        ada = Member.objects.exclude(pk=bob.pk).get()
        assert [(m.member_id, m.before, m.after) for m in result.best] == [(bob.pk, 9, 29)]
        assert [(m.member_id, m.before, m.after) for m in result.worst] == [(ada.pk, 60, 10)]
        assert (result.winners, result.losers, result.more_points) == (1, 1, -30)

    def test_a_multiplier_counts_what_the_others_gave(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()

        result = tried(draft, DOUBLE)

        assert (result.given.total, result.after.total) == (50, 100)

    def test_leaves_the_draft_s_dates_out_unless_asked_for_them(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        on_wednesday = FIFTY_FOR_TEN | {
            "schedule": {"starts_at": "2026-06-03T00:00:00+02:00", "ends_at": "2026-06-04T00:00:00+02:00"}
        }

        assert tried(draft, on_wednesday).matched == 3
        assert tried(draft, on_wednesday, keeps_dates=True).matched == 1

    def test_looks_only_at_the_days_chosen(self, draft: Campaign, a_week_of_sales: Callable[[], None]):
        a_week_of_sales()

        result = tried(draft, first=WEDNESDAY, last=WEDNESDAY)

        assert (result.activities, result.matched) == (1, 1)

    def test_looks_at_custom_events_too(self, draft: Campaign, shop: Shop):
        shop.hears_of("e1", "app.login")
        shop.sells("r1", "10.00")
        login = factories.definition({"kind": "fixed_points", "points": 5}) | {
            "trigger": {"kind": "event", "event_type": "app.login"}
        }

        result = tried(draft, login)

        assert (result.activities, result.matched, result.given.total) == (2, 1, 5)

    def test_a_return_is_no_activity_of_its_own(self, draft: Campaign, shop: Shop):
        shop.sells("r1", "10.00")
        shop.later(hours=1).takes_back("b1", "r1")

        assert tried(draft).activities == 1

    def test_nothing_is_booked(self, draft: Campaign, a_week_of_sales: Callable[[], None]):
        a_week_of_sales()
        entries, activities = Entry.objects.count(), Activity.objects.count()

        tried(draft)

        assert (Entry.objects.count(), Activity.objects.count()) == (entries, activities)

    def test_keeps_a_result_and_no_rows_of_members(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()

        tried(draft)

        backtest = Backtest.objects.get()
        assert (backtest.status, backtest.done, backtest.total) == (BacktestStatus.DONE, 4, 4)
        assert not BacktestMember.objects.exists()
        assert not BacktestTally.objects.exists()


class TestSameRules:
    """A backtest of what is in force gives exactly what was booked under it."""

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        cents=st.lists(st.integers(1, 20_000), min_size=1, max_size=6),
        hours=st.lists(st.integers(0, 400), min_size=6, max_size=6),
        factor=st.sampled_from(["1.5", "2", "3.25"]),
    )
    def test_the_booked_points_of_each_day(
        self, shop: Shop, program: Program, cents: Any, hours: Any, factor: Any
    ):
        mark = f"{Activity.objects.count()}-{factor}"
        campaign, _ = Campaign.objects.get_or_create(program=program, key="more", name="More")
        rule = factories.definition(
            {"kind": "multiplier", "factor": factor},
            {"kind": "fixed_points", "points": 7},
            conditions={"any": [
                {"fact": "sale.amount", "operator": "gte", "value": "50.00"},
                {"fact": "moment.weekday", "operator": "in", "value": ["saturday"]},
            ]},
        )  # fmt: skip
        if not campaign.versions.exists():
            campaigns.publish(
                campaign, definition=rule, by=None, at=shop.at, effective_at=shop.at - timedelta(days=900)
            )
            program.refresh_from_db()
            shop.program.refresh_from_db()
        for number, (amount, hour) in enumerate(zip(cents, hours, strict=False)):
            shop.later(hours=hour).sells(f"{mark}-{number}", f"{amount / 100:.2f}")

        result = tried(campaign, campaign.versions.get().definition)

        booked: Counter[date] = Counter()
        for activity in Activity.objects.filter(program=program):
            booked[(activity.occurred_at + timedelta(hours=2)).date()] += activity.points
        assert {day.day: day.before.total for day in result.days} == dict(booked)
        assert {day.day: day.after.total for day in result.days} == dict(booked)
        assert (result.winners, result.losers) == (0, 0)


class TestHistory:
    def test_is_worked_out_where_nobody_had_asked_for_it(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()

        def matched(fact: str, operator: str, value: Any, **more: Any) -> int:
            leaf = {"fact": fact, "operator": operator, "value": value, **more}
            return int(tried(draft, FIFTY_FOR_TEN | {"conditions": {"all": [leaf]}}).matched)

        assert matched("history.is_first_purchase", "eq", True) == 1
        assert matched("history.purchases", "gte", 2, days=1) == 1
        assert matched("history.purchases", "gte", 2, days=2) == 2
        assert matched("history.spend", "eq", "15.00", days=7) == 1
        assert matched("history.days_since_purchase", "eq", 2) == 1


class TestGifts:
    def test_are_counted_by_their_kind(self, draft: Campaign, a_week_of_sales: Callable[[], None]):
        a_week_of_sales()

        result = tried(
            draft, {"trigger": {"kind": "sale"}, "effects": [{"kind": "message", "text": "Thank you"}]}
        )

        assert (result.matched, result.members, result.given.total) == (4, 1, 0)
        assert result.stored["gifts"] == {"message": 4}
