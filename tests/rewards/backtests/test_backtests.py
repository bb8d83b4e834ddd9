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
from members.models import Entry, Member, TierLadder
from rewards.backtests import asking, running, stream
from rewards.backtests.results import Result
from rewards.engine.assignment import is_held_out, part
from rewards.models import Activity, Backtest, BacktestMember, BacktestStatus, BacktestTally, Campaign
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop, line
from tests.rewards.backtests.conftest import DOUBLE, FIFTY_FOR_TEN, carried_out, tried

pytestmark = pytest.mark.usefixtures("ada")
MONDAY, WEDNESDAY = date(2026, 6, 1), date(2026, 6, 3)


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


class TestSlices:
    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(stream, "AT_ONCE", 1)
        monkeypatch.setattr(running, "SLICE_ACTIVITIES", 1)

    def test_many_slices_come_to_the_same_as_one(
        self, draft: Campaign, a_week_of_sales: Callable[[], None], monkeypatch: pytest.MonkeyPatch
    ):
        a_week_of_sales()

        in_slices = tried(draft).stored
        monkeypatch.setattr(running, "SLICE_ACTIVITIES", 1_000)
        monkeypatch.setattr(stream, "AT_ONCE", 1_000)

        assert in_slices == tried(draft).stored

    def test_goes_on_where_a_lost_worker_stopped(self, draft: Campaign, a_week_of_sales: Callable[[], None]):
        a_week_of_sales()
        asked, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        first = running.claimed(asked.pk)
        assert first is not None
        running.go_on(first)
        lost = running.claimed(asked.pk)
        assert lost is not None  # and is never heard of again

        assert running.claimed(asked.pk) is None
        assert lost.heard_at is not None
        Backtest.objects.update(heard_at=lost.heard_at - timedelta(minutes=2))
        assert running.abandoned() == [asked.pk]
        carried_out(asked)

        assert (asked.status, asked.done) == (BacktestStatus.DONE, 4)
        assert Result(asked).given.total == 150

    def test_the_slice_of_a_worker_that_was_taken_for_dead_does_not_count_twice(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        asked, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        slow = running.claimed(asked.pk)
        assert slow is not None
        assert slow.heard_at is not None
        Backtest.objects.update(heard_at=slow.heard_at - timedelta(minutes=2))
        other = running.claimed(asked.pk)
        assert other is not None

        running.go_on(other)
        running.go_on(slow)

        asked.refresh_from_db()
        assert asked.done == 1
        assert Result(carried_out(asked)).given.total == 150

    def test_gives_up_on_a_place_at_which_every_worker_is_lost(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        asked, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        for _ in range(running.RESUMED_AT_MOST + 1):
            assert running.claimed(asked.pk) is not None
            Backtest.objects.update(heard_at=asked.asked_at - timedelta(days=1))

        carried_out(asked)

        assert asked.status == BacktestStatus.FAILED
        assert "again and again" in asked.problem

    def test_what_goes_wrong_is_remembered_and_leaves_nothing_behind(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        asked, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        mine = running.claimed(asked.pk)
        assert mine is not None
        mine.definition = {"trigger": {"kind": "sale"}, "effects": []}

        with pytest.raises(ValueError, match="effect"):
            running.go_on(mine)

        asked.refresh_from_db()
        assert asked.status == BacktestStatus.FAILED
        assert asked.problem.startswith("InvalidDefinition")

    def test_cancelling_stops_it_and_keeps_no_result(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        asked, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        mine = running.claimed(asked.pk)
        assert mine is not None

        asking.cancel(asked)
        goes_on = running.go_on(mine)

        asked.refresh_from_db()
        assert (goes_on, asked.status, asked.result, asked.done) == (False, BacktestStatus.CANCELLED, {}, 0)
        assert not BacktestMember.objects.exists()

    def test_one_that_waits_is_cancelled_at_once(self, draft: Campaign, a_week_of_sales: Callable[[], None]):
        a_week_of_sales()
        asked, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")

        asking.cancel(asked)

        asked.refresh_from_db()
        assert asked.status == BacktestStatus.CANCELLED
        assert running.claimed(asked.pk) is None


class TestTurns:
    def test_of_a_program_one_runs_and_the_next_waits_for_its_end(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        first, _ = asking.ask(draft, definition=draft.draft, actor="staff:1")
        second, _ = asking.ask(draft, definition=DOUBLE, actor="staff:1")
        mine = running.claimed(first.pk)
        assert mine is not None

        assert running.claimed(second.pk) is None
        assert running.next_of(first.program_id) is None
        running.go_on(mine)

        assert running.next_of(first.program_id) == second.pk
        assert carried_out(second).status == BacktestStatus.DONE

    def test_the_same_asked_twice_is_one(self, draft: Campaign, a_week_of_sales: Callable[[], None]):
        a_week_of_sales()

        first, is_new = asking.ask(draft, definition=draft.draft, actor="staff:1")
        second, is_new_again = asking.ask(draft, definition=draft.draft, actor="staff:2")

        assert (first.pk, is_new, is_new_again) == (second.pk, True, False)

    def test_sales_of_another_program_are_none_of_its_business(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        other = factories.ProgramFactory.create(key="other")
        points = factories.WalletTypeFactory.create(program=other)
        ladder: TierLadder = factories.TierLadderFactory.create(program=other, wallet_type=points)
        factories.TierFactory.create(ladder=ladder, threshold=0)
        eve = factories.MemberFactory.create(program=other)
        factories.IdentifierFactory.create(member=eve, kind="card", value="1001")
        Shop(program=other, at=factories.NOON).sells("foreign", "100.00")

        result = tried(draft)

        assert (result.activities, result.given.total) == (4, 150)


class TestAsk:
    def test_refuses_without_past_activities(self, draft: Campaign):
        with pytest.raises(asking.NothingHappened):
            asking.ask(draft, definition=draft.draft, actor="staff:1")

    @pytest.mark.parametrize(
        ("first", "last"),
        [(WEDNESDAY, MONDAY), (date(2020, 1, 1), WEDNESDAY), (date(2999, 1, 1), date(2999, 2, 1))],
    )
    def test_refuses_a_period_that_is_none(
        self, draft: Campaign, a_week_of_sales: Callable[[], None], first: date, last: date
    ):
        a_week_of_sales()

        with pytest.raises(asking.PeriodOutOfRange):
            asking.ask(draft, definition=draft.draft, actor="staff:1", first=first, last=last)

        assert not Backtest.objects.exists()

    def test_refuses_a_definition_that_cannot_be_run(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        unknown = factories.definition({"kind": "fixed_points", "points": 5, "wallet_type": "miles"})

        with pytest.raises(ValueError, match="miles"):
            asking.ask(draft, definition=unknown, actor="staff:1")

    def test_takes_the_last_twelve_months_of_what_there_is(self, program: Program, shop: Shop):
        shop.later(days=-500).sells("old", "1.00")
        shop.sells("new", "1.00")

        assert asking.usual_period(program) == (date(2025, 6, 2), MONDAY)

    def test_a_backtest_of_what_is_published_is_kept_with_its_version(
        self, base_rule: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        version = base_rule.versions.get()

        backtest, _ = asking.ask(base_rule, definition=version.definition, actor="staff:1")

        assert (backtest.version, backtest.replaced) == (version, version)


class TestLimits:
    def test_a_limit_per_member_and_day_holds_across_slices(
        self, draft: Campaign, a_week_of_sales: Callable[[], None], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(stream, "AT_ONCE", 1)
        monkeypatch.setattr(running, "SLICE_ACTIVITIES", 1)
        a_week_of_sales()

        result = tried(draft, FIFTY_FOR_TEN | {"limits": {"per_member": [{"times": 1, "per": "day"}]}})

        assert [(day.day, day.matched, day.given.total) for day in result.days] == [
            (MONDAY, 1, 50),
            (WEDNESDAY, 1, 50),
        ]
        assert result.stored["stopped"] == {"limit_reached.day": 1}

    @pytest.mark.parametrize(
        ("budget", "when_spent", "given_by_day", "ended"),
        [
            ({"points": 120}, "trim", [100, 20], "2026-06-03"),
            ({"points": 120}, "refuse", [100, 0], "2026-06-03"),
            ({"points": 100}, "trim", [100, 0], "2026-06-01"),
            ({"times": 1}, "trim", [50, 0], "2026-06-01"),
            ({"money": "1.20"}, "trim", [100, 20], "2026-06-03"),
            ({"points": 500}, "trim", [100, 50], ""),
        ],
    )
    def test_names_the_day_on_which_the_budget_would_end(
        self,
        draft: Campaign,
        a_week_of_sales: Callable[[], None],
        budget: dict[str, Any],
        when_spent: str,
        given_by_day: list[int],
        ended: str,
    ):
        a_week_of_sales()

        result = tried(draft, FIFTY_FOR_TEN | {"limits": {"in_all": [budget], "when_spent": when_spent}})

        assert [day.given.total for day in result.days] == given_by_day
        assert result.stored["budget_ended"] == ended

    def test_what_another_campaign_s_budget_has_left_depends_on_the_draft(
        self, program: Program, draft: Campaign, shop: Shop
    ):
        """Of a group one gives: where the draft does, the other's budget lasts for the next sale."""
        other = factories.CampaignFactory.create(program=program, key="other", name="Other")
        in_group = {"stacking": {"group": "g", "choose": "best"}}
        forty = factories.definition({"kind": "fixed_points", "points": 40}, **in_group)
        budget = {"limits": {"in_all": [{"points": 40}]}}
        campaigns.publish(other, definition=forty | budget, by=None, at=shop.at, effective_at=shop.at)
        program.refresh_from_db()
        shop.sells("r1", "10.00")
        shop.later(hours=1).sells("r2", "5.00")

        result = tried(draft, FIFTY_FOR_TEN | in_group)

        assert (result.before.total, result.after.total) == (15 + 40, 15 + 50 + 40)


class TestAudience:
    @pytest.fixture
    def nine(self, program: Program, shop: Shop) -> list[Member]:
        members = [factories.MemberFactory.create(program=program) for _ in range(9)]
        for number, member in enumerate(members):
            reference = type(shop.sale("x", "1").member)(kind="id", value=str(member.pk))
            shop.later(minutes=number).sells(f"r{number}", "10.00", member=reference)
        return members

    def test_members_held_out_are_counted_and_get_nothing(self, draft: Campaign, nine: list[Member]):
        held_out = [m for m in nine if is_held_out("fifty", str(m.pk), 50)]

        result = tried(draft, FIFTY_FOR_TEN | {"audience": {"control_percent": 50}})

        assert (result.matched, result.given.total) == (9 - len(held_out), 50 * (9 - len(held_out)))
        parts = [["(control)", len(held_out), len(held_out), 0]] if held_out else []
        assert result.stored["parts"] == parts

    def test_variants_are_told_apart(self, draft: Campaign, nine: list[Member]):
        variants = [
            {"key": key, "name": key, "percent": 50, "effects": [
                {"kind": "fixed_points", "wallet_type": "points", "points": points}]}
            for key, points in (("a", 10), ("b", 20))
        ]  # fmt: skip
        first = [m for m in nine if part("fifty", str(m.pk), "variant") < 5_000]

        result = tried(draft, {"trigger": {"kind": "sale"}, "audience": {"variants": variants}})

        told = {"a": (len(first), 10 * len(first)), "b": (9 - len(first), 20 * (9 - len(first)))}
        assert {key: (members, points) for key, _, members, points in result.stored["parts"]} == {
            key: figures for key, figures in told.items() if figures[0]
        }


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
