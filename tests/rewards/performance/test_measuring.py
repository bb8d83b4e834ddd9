"""When results are counted, and what stays if that fails."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine

from loyalty.core.models import Program
from rewards import tasks
from rewards.models import Campaign, CampaignMeasurement, MeasurementStatus
from rewards.performance import loading, measuring
from rewards.planning import campaigns
from tests import factories


@pytest.fixture
def draft(program: Program) -> Campaign:
    return factories.CampaignFactory.create(program=program, key="draft")


class TestAsk:
    def test_waits_for_one_worker(self, base_rule: Campaign):
        first, is_new = measuring.ask(base_rule)
        second, is_new_again = measuring.ask(base_rule)

        assert (is_new, is_new_again) == (True, False)
        assert first == second

    def test_is_taken_from_a_worker_that_never_came_back(self, base_rule: Campaign):
        with time_machine.travel("2026-06-01T12:00:00Z", tick=False):
            measuring.ask(base_rule)
            CampaignMeasurement.objects.update(status=MeasurementStatus.RUNNING)
        with time_machine.travel("2026-06-01T12:31:00Z", tick=False):
            measurement, is_new = measuring.ask(base_rule)

        assert is_new
        assert measurement.status == MeasurementStatus.WAITING


class TestCarryOut:
    def test_keeps_the_figures_and_from_when_they_are(self, base_rule: Campaign, noon: datetime):
        measurement = measuring.measure(base_rule, at=noon)

        assert measurement.status == MeasurementStatus.DONE
        assert measurement.counted_at == noon
        assert measurement.figures["activities"] == 0

    def test_is_done_once_by_whoever_comes_first(self, base_rule: Campaign, noon: datetime):
        measurement, _is_new = measuring.ask(base_rule)

        measuring.carry_out(measurement, at=noon)
        measuring.carry_out(measurement, at=noon + timedelta(days=1))

        measurement.refresh_from_db()
        assert measurement.counted_at == noon

    def test_keeps_the_figures_of_the_time_before_if_it_fails(
        self, base_rule: Campaign, noon: datetime, monkeypatch: pytest.MonkeyPatch
    ):
        measuring.measure(base_rule, at=noon)
        before = CampaignMeasurement.objects.get().figures

        def broken(*_: Any, **__: Any) -> None:
            raise TimeoutError

        monkeypatch.setattr(loading, "figures", broken)
        with pytest.raises(TimeoutError):
            measuring.measure(base_rule, at=noon + timedelta(days=1))

        after = CampaignMeasurement.objects.get()
        assert (after.status, after.problem) == (MeasurementStatus.FAILED, "TimeoutError")
        assert (after.figures, after.counted_at) == (before, noon)

    def test_a_campaign_that_has_not_begun_has_none(self, draft: Campaign, noon: datetime):
        measurement = measuring.measure(draft, at=noon)

        assert (measurement.status, measurement.figures) == (MeasurementStatus.DONE, {})

    def test_a_worker_does_it_by_the_programs_clock(self, base_rule: Campaign):
        measurement, _is_new = measuring.ask(base_rule)

        tasks.measure_campaign(measurement_id=str(measurement.pk))

        measurement.refresh_from_db()
        assert measurement.status == MeasurementStatus.DONE


class TestDue:
    def test_is_what_runs_and_was_not_counted_for_hours(
        self, program: Program, base_rule: Campaign, draft: Campaign, noon: datetime
    ):
        assert measuring.due(program, at=noon) == [base_rule]
        measuring.measure(base_rule, at=noon)

        assert measuring.due(program, at=noon + timedelta(hours=5)) == []
        assert measuring.due(program, at=noon + timedelta(hours=7)) == [base_rule]

    def test_what_stopped_is_counted_once_more(self, program: Program, base_rule: Campaign, noon: datetime):
        measuring.measure(base_rule, at=noon)
        campaigns.end(base_rule, by=None, at=noon + timedelta(hours=1))
        later = noon + timedelta(hours=12)

        assert measuring.due(program, at=later) == [base_rule]
        measuring.measure(base_rule, at=later)
        assert measuring.due(program, at=later + timedelta(days=9)) == []

    def test_is_of_one_program(self, base_rule: Campaign, noon: datetime):
        elsewhere = factories.ProgramFactory.create(key="elsewhere")

        assert measuring.due(elsewhere, at=noon) == []


class TestTasks:
    def test_go_round_all_programs(self, base_rule: Campaign):
        tasks.keep_campaign_audiences()
        tasks.count_campaign_days()
        tasks.measure_campaigns()

        assert CampaignMeasurement.objects.get().status == MeasurementStatus.DONE
