"""Backtests go on slice by slice, survive their worker, and wait for their turn."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from members.models import TierLadder
from rewards.backtests import asking, running, stream
from rewards.backtests.results import Result
from rewards.models import Backtest, BacktestMember, BacktestStatus, Campaign
from tests import factories
from tests.cast import Shop
from tests.rewards.backtests.conftest import DOUBLE, carried_out, tried

pytestmark = pytest.mark.usefixtures("ada")


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
