import random
from datetime import timedelta
from decimal import Decimal

import pytest

from rewards.engine.effects import TooManyPoints, spread
from rewards.engine.evaluate import Rulebook, evaluate
from rewards.engine.facts import LineFacts
from tests.rewards.engine.builders import (
    SATURDAY_NOON,
    campaign,
    event,
    facts,
    fixed,
    leaf,
    per_unit,
    sale,
    times,
)

COFFEE = leaf("line.category", "eq", "coffee")


def points(*campaigns, given=None, rounding="down"):
    awards = evaluate(campaigns, given or facts(), rounding=rounding)
    return [(award.campaign_key, award.wallet_type, award.points) for award in awards]


class TestPointsPerUnit:
    @pytest.mark.parametrize(
        ("amount", "rate", "per", "rounding", "expected"),
        [
            ("53.20", "1", "1.00", "down", 53),
            ("53.20", "1", "1.00", "half_up", 53),
            ("53.20", "1", "1.00", "up", 54),
            ("53.50", "1", "1.00", "half_up", 54),
            ("53.49", "1", "1.00", "half_up", 53),
            ("53.00", "1", "1.00", "up", 53),
            ("53.20", "2", "1.00", "down", 106),
            ("53.20", "0.5", "1.00", "down", 26),
            ("10.00", 1, "3.00", "down", 3),
            ("10.00", 1, "3.00", "up", 4),
            ("1.00", "0.333333", "0.01", "down", 33),
            ("0.01", "1", "0.03", "half_up", None),
            ("0.99", "1", "1.00", "down", None),
            ("0.00", "1", "1.00", "up", None),
            ("999999999999.99", "1", "0.01", "down", 99_999_999_999_999),
        ],
    )
    def test_gives_in_proportion_and_rounds_once(self, amount, rate, per, rounding, expected):
        given = facts(sale(amount))

        awards = evaluate([campaign(per_unit(rate, per))], given, rounding=rounding)

        assert [award.points for award in awards] == ([] if expected is None else [expected])

    def test_rounds_each_award_for_itself(self):
        two = [campaign(per_unit("0.5"), key="a"), campaign(per_unit("0.5"), key="b")]

        assert points(*two, given=facts(sale("3.00"))) == [("a", "points", 1), ("b", "points", 1)]

    def test_says_why(self):
        [award] = evaluate([campaign(per_unit("2"))], facts(), rounding="down")

        assert award.reason.text() == "2 points per €1.00 of €53.20"
        assert award.is_base
        assert award.line_points is None

    def test_of_matching_lines_counts_only_these(self):
        [award] = evaluate(
            [campaign(per_unit(of="matching_lines", lines={"any": [COFFEE, leaf("line.sku", "eq", "mug")]}))],
            facts(),
            rounding="down",
        )

        assert award.points == 33
        assert award.line_points == {"1": 30, "3": 3}
        assert award.reason.text() == "1 point per €1.00 of €33.20 spent on matching items"

    def test_of_matching_lines_gives_nothing_where_none_matches(self):
        rule = campaign(per_unit(of="matching_lines", lines=leaf("line.quantity", "gte", "99")))

        assert points(rule) == []

    def test_of_matching_lines_takes_off_what_lines_take_off_but_not_more(self):
        rule = campaign(per_unit(of="matching_lines", lines=COFFEE))
        cheaper = (*sale().lines, LineFacts(id="4", category="coffee", amount=Decimal("-5.00")))
        free = (*sale().lines, LineFacts(id="4", category="coffee", amount=Decimal("-35.00")))

        assert points(rule, given=facts(sale(lines=cheaper))) == [("welcome", "points", 25)]
        assert points(rule, given=facts(sale(lines=free))) == []


class TestSpreadingPointsOverLines:
    @pytest.mark.parametrize(
        ("points", "amounts", "expected"),
        [
            (10, ["5", "5"], [5, 5]),
            (10, ["1", "1", "1"], [4, 3, 3]),
            (1, ["0.01", "99.99"], [0, 1]),
            (0, ["1", "2"], [0, 0]),
            (7, ["10", "-3", "4"], [5, 0, 2]),
        ],
    )
    def test_is_in_proportion_and_loses_none(self, points, amounts, expected):
        lines = [LineFacts(id=str(index), amount=Decimal(amount)) for index, amount in enumerate(amounts)]

        shares = spread(points, lines)

        assert [shares.get(line.id, 0) for line in lines] == expected

    def test_adds_up_lines_that_share_an_id(self):
        lines = [LineFacts(id="1", amount=Decimal(1)), LineFacts(id="1", amount=Decimal(2))]

        assert spread(10, lines) == {"1": 10}


class TestMultiplier:
    def test_gives_what_is_on_top_of_the_base_points(self):
        rules = [campaign(per_unit(), key="base"), campaign(times("3"), key="triple")]

        assert points(*rules) == [("base", "points", 53), ("triple", "points", 106)]

    def test_adds_to_other_multipliers_instead_of_multiplying_them(self):
        rules = [
            campaign(per_unit(), key="base"),
            campaign(times("2"), key="x2"),
            campaign(times("3"), key="x3"),
        ]

        awards = evaluate(rules, facts(), rounding="down")

        assert [award.points for award in awards] == [53, 53, 106]
        assert sum(award.points for award in awards) == 4 * 53

    def test_leaves_fixed_points_and_other_wallets_alone(self):
        base = campaign(per_unit(), fixed(1000), per_unit(wallet_type="status"), key="base")

        assert points(base, campaign(times("2"), key="x2"))[-1] == ("x2", "points", 53)

    def test_multiplies_all_base_points_of_its_wallet(self):
        rules = [campaign(per_unit(), times("2"), key="a"), campaign(per_unit("2"), key="b")]

        assert points(*rules) == [("a", "points", 53), ("a", "points", 159), ("b", "points", 106)]

    def test_rounds_by_the_rule_of_the_program(self):
        rules = [campaign(per_unit(), times("1.5"))]

        assert points(*rules, rounding="down")[1] == ("welcome", "points", 26)
        assert points(*rules, rounding="half_up", given=facts(sale("53.00")))[1] == ("welcome", "points", 27)

    def test_gives_nothing_without_base_points(self):
        assert points(campaign(times("2"))) == []


class TestEvaluate:
    def test_tells_the_whole_award(self):
        rule = campaign(fixed(10, "status"), fixed(50), key="hello")

        awards = evaluate([rule], facts(), rounding="down")

        assert [(award.effect, award.wallet_type) for award in awards] == [(0, "status"), (1, "points")]
        assert awards[1].campaign_key == "hello"
        assert awards[1].version_id == rule.version_id
        assert awards[1].reason.text() == "50 points"
        assert not awards[1].is_base

    def test_gives_nothing_where_conditions_are_not_met(self):
        rule = campaign(conditions={"all": [leaf("sale.amount", "gte", "53.21")]})

        assert points(rule) == []
        assert points(rule, given=facts(sale("53.21"))) == [("welcome", "points", 50)]

    def test_looks_only_at_campaigns_that_listen_to_the_activity(self):
        login = {"kind": "event", "event_type": "app.login"}
        rules = [
            campaign(key="sale"),
            campaign(key="login", trigger=login),
            campaign(key="review", trigger={**login, "event_type": "review"}),
        ]

        assert points(*rules) == [("sale", "points", 50)]
        assert points(*rules, given=facts(event("app.login"))) == [("login", "points", 50)]
        assert points(*rules, given=facts(event("app.logout"))) == []

    @pytest.mark.parametrize(("seconds", "expected"), [(-1, []), (0, [50]), (3599, [50]), (3600, [])])
    def test_keeps_to_the_schedule_whose_end_is_exclusive(self, seconds, expected):
        rule = campaign(
            schedule={"starts_at": "2026-06-06T10:00:00Z", "ends_at": "2026-06-06T13:00:00+02:00"},
            conditions={"all": [leaf("sale.store", "eq", "mitte")]},
        )
        given = facts(at=SATURDAY_NOON + timedelta(seconds=seconds))

        assert [award.points for award in evaluate([rule], given, rounding="down")] == expected

    def test_takes_a_schedule_with_open_ends(self):
        started = campaign(schedule={"starts_at": "2026-01-01T00:00:00Z", "ends_at": None}, key="a")
        ending = campaign(schedule={"ends_at": "2027-01-01T00:00:00Z"}, key="b")
        timeless = campaign(schedule={}, conditions={}, key="c")

        assert [key for key, _, _ in points(started, ending, timeless)] == ["a", "b", "c"]

    def test_does_not_depend_on_the_order_of_campaigns(self):
        rules = [campaign(per_unit(), fixed(index + 1), times("2"), key=f"k{index}") for index in range(10)]
        expected = evaluate(rules, facts(), rounding="down")

        random.Random(1).shuffle(rules)

        assert evaluate(rules, facts(), rounding="down") == expected
        assert evaluate(Rulebook(rules), facts(), rounding="down") == expected

    def test_refuses_two_versions_of_one_campaign(self):
        with pytest.raises(ValueError, match="one version of a campaign at most"):
            evaluate([campaign(), campaign()], facts(), rounding="down")

    def test_refuses_more_points_than_an_award_can_hold(self):
        rule = campaign(per_unit("1000000000", "0.01"))

        with pytest.raises(TooManyPoints, match="more than one award may be"):
            evaluate([rule], facts(sale("999999999999.99")), rounding="down")

    def test_refuses_a_multiple_that_is_too_big(self):
        rules = [campaign(per_unit("90000"), times("1000"))]

        with pytest.raises(TooManyPoints):
            evaluate(rules, facts(sale("99999999999.99")), rounding="down")

    def test_books_the_most_that_an_award_can_hold(self):
        assert points(campaign(fixed(2**53 - 1))) == [("welcome", "points", 2**53 - 1)]
