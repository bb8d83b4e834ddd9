from datetime import datetime
from decimal import Decimal

import pytest

from rewards.engine import definition as definitions
from rewards.engine.evaluate import Asks, Rulebook, run
from rewards.engine.explain import explain, sentence
from rewards.engine.limits import Usage, period_key
from tests.rewards.engine.builders import campaign, definition, facts, fixed, leaf, per_unit, sale, times

CENT = {"points": Decimal("0.01")}
COFFEE = leaf("line.category", "eq", "coffee")


def outcome(*campaigns, usage=None, given=None):
    return run(campaigns, given or facts(), rounding="down", usage=usage or Usage(point_values=CENT))


def points(*campaigns, usage=None):
    return [(award.campaign_key, award.points) for award in outcome(*campaigns, usage=usage).awards]


def reason(rule, usage):
    [verdict] = explain([rule], facts(), rounding="down", usage=usage)
    assert not verdict.has_matched
    return verdict.text()


class TestAPeriod:
    @pytest.mark.parametrize(
        ("period", "key"),
        [
            ("day", "day:2027-01-01"),
            ("week", "week:2026-W53"),
            ("month", "month:2027-01"),
            ("quarter", "quarter:2027-Q1"),
            ("year", "year:2027"),
            ("ever", "ever"),
        ],
    )
    def test_is_the_one_that_the_local_day_is_in(self, period, key):
        assert period_key(period, datetime(2027, 1, 1, 23, 59)) == key

    @pytest.mark.parametrize(("month", "quarter"), [(3, 1), (4, 2), (9, 3), (12, 4)])
    def test_is_a_quarter_of_three_months(self, month, quarter):
        assert period_key("quarter", datetime(2026, month, 5)) == f"quarter:2026-Q{quarter}"


class TestALimitOfAMember:
    @pytest.mark.parametrize(
        ("per", "text"),
        [
            ("day", "2 of 2 today"),
            ("week", "2 of 2 this week"),
            ("month", "2 of 2 this month"),
            ("quarter", "2 of 2 this quarter"),
            ("year", "2 of 2 this year"),
            ("ever", "2 of 2 in all"),
        ],
    )
    def test_ends_after_so_many_times_in_its_period(self, per, text):
        rule = campaign(limits={"per_member": [{"times": 2, "per": per}]})
        key = f"welcome/{period_key(per, facts().moment.local)}"

        once, twice = Usage({key: (1, 50)}), Usage({key: (2, 100)})

        assert points(rule, usage=once) == [("welcome", 50)]
        assert points(rule, usage=twice) == []
        assert reason(rule, twice) == text

    def test_on_points_leaves_what_is_left_and_then_nothing(self):
        rule = campaign(limits={"per_member": [{"points": 120, "per": "month"}]})

        assert points(rule, usage=Usage({"welcome/month:2026-06": (2, 100)})) == [("welcome", 20)]
        assert reason(rule, Usage({"welcome/month:2026-06": (3, 120)})) == "120 of 120 points this month"

    def test_counts_only_points_of_the_first_effects_kind(self):
        rule = campaign(
            fixed(50), fixed(70, "status"), limits={"per_member": [{"points": 30, "per": "ever"}]}
        )

        found = outcome(rule)

        assert [(award.wallet_type, award.points) for award in found.awards] == [
            ("points", 30),
            ("status", 70),
        ]
        assert found.uses[0].points == 30

    def test_on_points_does_not_bound_what_gives_none(self):
        rule = campaign(
            {"kind": "message", "text": "Hi"}, limits={"per_member": [{"points": 1, "per": "ever"}]}
        )

        found = outcome(rule, usage=Usage({"welcome/ever": (4, 1)}))

        assert len(found.gifts) == 1
        assert (found.uses[0].times, found.uses[0].points) == (1, 0)

    def test_says_why_an_award_is_smaller(self):
        rule = campaign(limits={"per_member": [{"points": 20, "per": "ever"}]})

        [verdict] = explain([rule], facts(), rounding="down")

        assert verdict.text() == "gave 20 points: 50 points, cut to 20 by a limit"


class TestABudget:
    def test_gives_what_is_left_and_then_nothing(self):
        rule = campaign(limits={"in_all": [{"points": 10_000}]})

        assert points(rule) == [("welcome", 50)]
        assert points(rule, usage=Usage(left={"welcome/points": 7})) == [("welcome", 7)]
        assert reason(rule, Usage(left={"welcome/points": 0})) == "its budget of 10,000 points is spent"

    def test_that_refuses_rather_gives_nothing_than_less(self):
        rule = campaign(limits={"in_all": [{"points": 10_000}], "when_spent": "refuse"})

        assert points(rule, usage=Usage(left={"welcome/points": 50})) == [("welcome", 50)]
        assert reason(rule, Usage(left={"welcome/points": 49})) == "what is left of its budget is not enough"

    def test_that_refuses_takes_its_base_points_from_those_who_multiply_them(self):
        base = campaign(per_unit(), key="base", limits={"in_all": [{"points": 100}], "when_spent": "refuse"})
        double = campaign(times(), key="double")

        assert points(base, double) == [("base", 53), ("double", 53)]
        assert points(base, double, usage=Usage(left={"base/points": 52})) == []

    def test_in_money_counts_what_all_its_points_cost(self):
        rule = campaign(fixed(50), fixed(70, "status"), limits={"in_all": [{"money": "1.00"}]})
        both = Usage(
            left={"welcome/money": Decimal("1.00")},
            point_values={"points": Decimal("0.01"), "status": Decimal("0.02")},
        )

        found = outcome(rule, usage=both)

        assert [(award.wallet_type, award.points) for award in found.awards] == [
            ("points", 50),
            ("status", 25),
        ]
        assert found.uses[0].cost == Decimal("1.00")

    def test_in_money_is_not_touched_by_points_that_cost_nothing(self):
        rule = campaign(limits={"in_all": [{"money": "0.01"}]})

        assert points(rule, usage=Usage()) == [("welcome", 50)]

    def test_in_money_says_when_it_is_spent_or_not_enough_for_a_point(self):
        rule = campaign(limits={"in_all": [{"money": "500.00"}]})

        def left(amount):
            return Usage(left={"welcome/money": Decimal(amount)}, point_values=CENT)

        assert reason(rule, left("0.00")) == "its budget of €500.00 is spent"
        assert reason(rule, left("0.009")) == "what is left of its budget is not enough"
        assert points(rule, usage=left("0.019")) == [("welcome", 1)]

    def test_of_times_ends_with_the_last(self):
        rule = campaign(limits={"in_all": [{"times": 1_000}]})

        assert points(rule, usage=Usage(left={"welcome/times": 1})) == [("welcome", 50)]
        text = reason(rule, Usage(left={"welcome/times": 0}))
        assert text == "it has been given 1,000 times, which is the most"


class TestOneActivity:
    def test_gives_at_most_the_cap_over_all_effects_and_the_lines_add_up(self):
        rule = campaign(
            per_unit(of="matching_lines", lines=COFFEE), fixed(50), limits={"per_activity": {"at_most": 40}}
        )

        coffee, more = outcome(rule).awards

        assert (coffee.points, coffee.line_points) == (30, {"1": 30})
        assert more.points == 10

    def test_cut_points_stay_with_their_lines_in_proportion(self):
        lines = leaf("line.category", "in", ["coffee", "tea"])
        rule = campaign(per_unit(of="matching_lines", lines=lines), limits={"per_activity": {"at_most": 9}})

        [award] = outcome(rule).awards

        assert award.line_points == {"1": 5, "2": 4}

    def test_gives_at_least_the_floor_even_where_the_amount_is_too_small(self):
        rule = campaign(per_unit(), limits={"per_activity": {"at_least": 5}})

        [award] = outcome(rule, given=facts(sale("0.20"))).awards

        assert award.points == 5
        assert award.reason.text() == "1 point per €1.00 of €0.20, filled up to 5"

    def test_with_a_floor_never_gives_more_than_the_budget(self):
        rule = campaign(per_unit(), limits={"per_activity": {"at_least": 100}, "in_all": [{"points": 60}]})

        assert points(rule) == [("welcome", 60)]

    def test_leaves_what_is_above_the_floor_as_it_is(self):
        rule = campaign(per_unit(), limits={"per_activity": {"at_least": 5, "at_most": 60}})

        assert points(rule) == [("welcome", 53)]


class TestWhatIsUsed:
    def test_is_told_of_limited_campaigns_that_gave_something_alone(self):
        limits = {"per_member": [{"times": 1, "per": "day"}]}
        gave = campaign(fixed(5), key="a", limits=limits)
        free = campaign(fixed(5), key="b")
        too_little = campaign(per_unit("0.001"), key="c", limits=limits)

        [use] = outcome(gave, free, too_little).uses

        assert (use.campaign_key, use.times, use.points, use.cost) == ("a", 1, 5, Decimal("0.05"))

    def test_must_be_known_of_campaigns_that_listen_and_count(self):
        limited = campaign(key="a", limits={"per_member": [{"times": 1, "per": "day"}]})
        capped = campaign(key="b", limits={"per_activity": {"at_most": 1}})
        other = campaign(
            key="c",
            limits={"in_all": [{"times": 1}]},
            trigger={"kind": "birthday"},
            conditions={"fact": "history.purchases", "days": 30, "operator": "gte", "value": 1},
        )
        book = Rulebook([limited, capped, other])

        assert book.asks("sale") == Asks(limited=(limited,))
        assert book.asks("event", "member.birthday") == Asks(
            history=frozenset({"purchases:30"}), limited=(other,)
        )
        assert book.asks("event", "app.login") == Asks()
        assert book.listens_to("event", "member.birthday")
        assert not book.listens_to("event", "app.login")
        assert limited.definition.limits.periods(facts().moment.local) == ("day:2026-06-06",)

    def test_can_be_kept_for_some_campaigns_only(self):
        usage = Usage({"a/ever": (1, 2), "b/ever": (3, 4)}, {"a/points": 5, "b/points": 6}, CENT)

        assert usage.of(frozenset({"a"})) == Usage({"a/ever": (1, 2)}, {"a/points": 5}, CENT)


class TestLimits:
    def test_are_told_in_words(self):
        raw = definition(
            fixed(),
            limits={
                "per_activity": {"at_least": 1, "at_most": 50},
                "per_member": [
                    {"times": 1, "per": "ever"},
                    {"times": 3, "per": "week"},
                    {"points": 9, "per": "day"},
                ],
                "in_all": [{"times": 1_000}, {"points": 10_000}, {"money": "500.00"}],
            },
        )

        assert sentence(raw, currency="EUR") == (
            "For every sale: 50 points. At least 1 point each time. At most 50 points each time."
            " Once for a member. 3 times a week for a member. 9 points a day for a member."
            " 1,000 times in all. 10,000 points in all. €500.00 in all."
        )

    @pytest.mark.parametrize(
        ("limits", "pointer", "text"),
        [
            ([], "", "must be an object"),
            ({"per_activity": {"at_least": 5, "at_most": 4}}, "/per_activity", "greater than the second"),
            ({"per_activity": {"at_most": 0}}, "/per_activity/at_most", "from 1 to"),
            ({"per_member": [{"times": 1, "points": 1, "per": "day"}]}, "/per_member/0", "exactly one of"),
            ({"per_member": [{"per": "day"}]}, "/per_member/0", "exactly one of: times, points"),
            ({"per_member": [{"times": 1, "per": "hour"}]}, "/per_member/0/per", "“hour” is no choice"),
            ({"per_member": [{"times": 0, "per": "day"}]}, "/per_member/0/times", "from 1 to"),
            ({"per_member": [7]}, "/per_member/0", "must be an object"),
            ({"per_member": {}}, "/per_member", "must be a list"),
            ({"in_all": [{"money": "0.00"}]}, "/in_all/0/money", "more than 0"),
            ({"in_all": [{"money": 5}]}, "/in_all/0/money", "amount as a text"),
            ({"in_all": [{"points": 1}, {"points": 2}]}, "/in_all", "may be there once"),
            ({"in_all": [None]}, "/in_all/0", "must be an object"),
            ({"when_spent": "shrug"}, "/when_spent", "“shrug” is no choice"),
        ],
    )
    def test_that_are_wrong_are_refused_at_their_place(self, limits, pointer, text):
        [problem] = definitions.problems(definition(fixed(), limits=limits))

        assert problem.pointer == f"#/limits{pointer}"
        assert text in problem.text()
