"""Limits, budgets and audiences count in a backtest as they would have."""

from collections.abc import Callable
from typing import Any

import pytest

from loyalty.core.models import Program
from members.models import Member
from rewards.backtests import running, stream
from rewards.engine.assignment import is_held_out, part
from rewards.models import Campaign
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop
from tests.rewards.backtests.conftest import FIFTY_FOR_TEN, MONDAY, WEDNESDAY, tried

pytestmark = pytest.mark.usefixtures("ada")


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
