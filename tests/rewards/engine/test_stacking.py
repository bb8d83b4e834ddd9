import pytest

from rewards.engine import definition as definitions
from rewards.engine.evaluate import run
from rewards.engine.explain import explain, sentence
from rewards.engine.limits import Usage
from tests.rewards.engine.builders import campaign, definition, facts, fixed, per_unit, times


def points(*campaigns, usage=None):
    outcome = run(campaigns, facts(), rounding="down", usage=usage or Usage())
    return {award.campaign_key: award.points for award in outcome.awards}


def grouped(*effects, key, choose="best", priority=0, **parts):
    stacking = {"group": "weekend", "choose": choose, "priority": priority}
    return campaign(*effects, key=key, stacking=stacking, **parts)


class TestAGroup:
    def test_lets_the_best_for_the_member_give(self):
        found = points(grouped(fixed(10), key="a"), grouped(fixed(30), key="b"), campaign(fixed(1), key="c"))

        assert found == {"b": 30, "c": 1}

    def test_counts_what_a_multiplier_adds_to_base_points_outside_the_group(self):
        base = campaign(per_unit(), key="base")

        assert points(base, grouped(fixed(60), key="a"), grouped(times("3"), key="b")) == {
            "base": 53,
            "b": 106,
        }

    def test_of_equals_lets_the_higher_priority_give_and_then_the_first_key(self):
        assert points(grouped(fixed(5), key="a"), grouped(fixed(5), key="b")) == {"a": 5}
        assert points(grouped(fixed(5), key="a"), grouped(fixed(5), key="b", priority=1)) == {"b": 5}

    def test_lets_the_first_by_priority_give_that_gives_anything(self):
        first = {"choose": "first"}
        small = grouped(fixed(5), key="small", priority=9, **first)
        big = grouped(fixed(500), key="big", **first)
        nothing = grouped(times(), key="nothing", priority=10, **first)

        assert points(nothing, small, big) == {"small": 5}
        assert points(nothing) == {}

    def test_of_campaigns_that_give_nothing_gives_nothing(self):
        assert points(grouped(times(), key="a", choose="first"), grouped(times("3"), key="b")) == {}

    def test_passes_over_those_whose_limits_are_reached(self):
        best = grouped(fixed(30), key="best", limits={"per_member": [{"times": 1, "per": "ever"}]})
        other = grouped(fixed(10), key="other")

        assert points(best, other) == {"best": 30}
        assert points(best, other, usage=Usage({"best/ever": (1, 30)})) == {"other": 10}

    def test_passes_over_those_who_would_refuse(self):
        best = grouped(fixed(30), key="best", limits={"in_all": [{"points": 29}], "when_spent": "refuse"})

        assert points(best, grouped(fixed(10), key="other")) == {"other": 10}

    def test_prefers_a_gift_to_nothing(self):
        gift = grouped({"kind": "badge", "badge": "x"}, key="b")

        outcome = run([grouped(times(), key="a"), gift], facts(), rounding="down")

        assert [given.campaign_key for given in outcome.gifts] == ["b"]

    def test_says_to_the_others_who_gives(self):
        verdicts = explain(
            [grouped(fixed(10), key="a"), grouped(fixed(30), key="b")], facts(), rounding="down"
        )

        assert [verdict.text() for verdict in verdicts] == [
            "of the group weekend, “B” gives",
            "gave 30 points: 30 points",
        ]


class TestStacking:
    @pytest.mark.parametrize(
        ("choose", "words"), [("best", "the best for the member"), ("first", "the first by priority")]
    )
    def test_is_told_in_words(self, choose, words):
        raw = definition(fixed(), stacking={"group": "weekend", "choose": choose})

        assert sentence(raw, currency="EUR").endswith(
            f"Of the campaigns of the group weekend, {words} counts."
        )

    @pytest.mark.parametrize(
        ("stacking", "pointer", "text"),
        [
            ({"priority": 1_001}, "/priority", "from 0 to 1,000"),
            ({"group": "No key"}, "/group", "must be a key"),
            ({"choose": "any"}, "/choose", "best, first"),
        ],
    )
    def test_that_is_wrong_is_refused_at_its_place(self, stacking, pointer, text):
        [problem] = definitions.problems(definition(fixed(), stacking=stacking))

        assert problem.pointer == f"#/stacking{pointer}"
        assert text in problem.text()
