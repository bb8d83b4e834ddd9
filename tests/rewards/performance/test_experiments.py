"""Which versions of a campaign belong to one comparison, from when to when."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from rewards.performance.experiments import Experiment, Version, experiments, split_of, variant_names

START = datetime(2026, 3, 1, tzinfo=UTC)
TENTH: dict[str, Any] = {"control_percent": 10}


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def version(
    number: int, at: int, *, audience: dict[str, Any] = TENTH, is_running: bool = True, **schedule: Any
) -> Version:
    return Version(
        UUID(int=number), number, day(at), is_running, {"audience": audience, "schedule": schedule}
    )


def spans(found: list[Experiment]) -> list[tuple[datetime, datetime | None, tuple[int, ...]]]:
    return [(one.starts_at, one.ends_at, tuple(v.number for v in one.versions)) for one in found]


class TestExperiments:
    def test_begins_when_the_version_or_its_schedule_does(self):
        assert spans(experiments([version(1, 0)], at=day(9))) == [(day(0), None, (1,))]
        scheduled = version(1, 0, starts_at=day(3).isoformat(), ends_at=day(5).isoformat())

        assert spans(experiments([scheduled], at=day(9))) == [(day(3), day(5), (1,))]
        assert experiments([scheduled], at=day(2)) == []

    def test_goes_on_through_a_pause_and_another_effect(self):
        versions = [
            version(1, 0), version(2, 4, is_running=False), version(3, 6), version(4, 8),
            version(5, 9, is_running=False),
        ]  # fmt: skip

        assert spans(experiments(versions, at=day(20))) == [(day(0), day(9), (1, 3, 4))]

    def test_another_control_group_is_another_experiment(self):
        versions = [version(1, 0), version(2, 5, audience={"control_percent": 20})]

        assert spans(experiments(versions, at=day(20))) == [(day(0), day(5), (1,)), (day(5), None, (2,))]

    def test_another_effect_or_name_of_a_variant_is_the_same_one(self):
        first = {
            "variants": [
                {"key": "a", "name": "A", "percent": 50, "effects": [1]},
                {"key": "b", "percent": 50},
            ]
        }
        later = {
            "variants": [
                {"key": "a", "name": "X", "percent": 50, "effects": [2]},
                {"key": "b", "percent": 50},
            ]
        }
        versions = [version(1, 0, audience=first), version(2, 5, audience=later)]

        assert spans(experiments(versions, at=day(20))) == [(day(0), None, (1, 2))]
        assert variant_names(versions[1].definition) == {"variant:a": "X", "variant:b": "b"}

    def test_a_version_that_a_newer_one_overtook_never_counted(self):
        versions = [version(1, 0), version(2, 9), version(3, 5, audience={})]

        assert spans(experiments(versions, at=day(20))) == [(day(0), day(5), (1,)), (day(5), None, (3,))]

    def test_the_time_before_is_as_long_as_the_time_so_far(self):
        (one,) = experiments([version(1, 0, ends_at=day(10).isoformat())], at=day(20))

        assert (one.until(day(4)), one.before(day(4))) == (day(4), day(-4))
        assert (one.until(day(20)), one.before(day(20))) == (day(10), day(-10))

    def test_there_is_none_without_versions(self):
        assert experiments([], at=START) == []


class TestSplit:
    def test_variants_share_what_is_not_held_out(self):
        split = split_of(
            {
                "audience": {
                    "control_percent": 10,
                    "tiers": ["gold"],
                    "variants": [{"key": "a", "percent": 60}, {"key": "b", "percent": 40}],
                }
            }
        )

        assert split.control == 1000
        assert split.variants == (("a", 6000), ("b", 10000))
        assert not split.is_everyone
        assert split.is_experiment

    def test_a_campaign_for_all_is_no_experiment(self):
        assert split_of({}).is_everyone
        assert not split_of({"audience": {"control_percent": 0}}).is_experiment
