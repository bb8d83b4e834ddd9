from decimal import Decimal

import pytest

from rewards.engine import definition as definitions
from rewards.engine.evaluate import evaluate, run
from rewards.engine.explain import explain, sentence
from rewards.engine.facts import LineFacts
from tests.rewards.engine.builders import campaign, definition, facts, fixed, leaf, per_unit, sale, times

MUGS = leaf("line.sku", "eq", "mug")
DISCOUNTED = (
    LineFacts(id="1", sku="a", amount=Decimal("8.00"), discount=Decimal("2.00"), tax=Decimal("1.28")),
    LineFacts(id="2", sku="b", amount=Decimal("5.00"), tax=Decimal("0.80"), quantity=Decimal("2.5")),
)


def per_item(points=10, **more):
    return {"kind": "points_per_item", "wallet_type": "points", "points": points, **more}


def bonus(percent, **more):
    return {"kind": "bonus", "wallet_type": "points", "percent": percent, **more}


def points(*campaigns, given=None):
    return {
        award.campaign_key: award.points for award in evaluate(campaigns, given or facts(), rounding="down")
    }


class TestPointsPerUnit:
    @pytest.mark.parametrize(
        ("measure", "of_sale", "of_lines"),
        [("paid", 13, 8), ("before_discounts", 15, 10), ("without_tax", 10, 6)],
    )
    def test_count_what_was_paid_or_not(self, measure, of_sale, of_lines):
        given = facts(sale("13.00", lines=DISCOUNTED))
        lines = leaf("line.is_promotional", "eq", True)

        assert points(campaign(per_unit(measure=measure)), given=given) == {"welcome": of_sale}
        assert points(campaign(per_unit(measure=measure, of="matching_lines", lines=lines)), given=given) == {
            "welcome": of_lines
        }

    def test_that_count_as_bonus_are_not_multiplied(self):
        base = campaign(per_unit(), key="base")
        more = campaign(per_unit(counts_as="bonus"), key="more")

        assert points(base, more, campaign(times("2"), key="twice")) == {
            "base": 53,
            "more": 53,
            "twice": 53,
        }


class TestPointsPerItem:
    @pytest.mark.parametrize(
        ("effect", "expected"),
        [
            (per_item(), {"1": 10, "2": 10, "3": 20}),
            (per_item(lines=MUGS), {"3": 20}),
            (per_item(per_items=3), {"1": 3, "2": 2, "3": 5}),
            (per_item(lines=leaf("line.sku", "eq", "cup")), None),
            (per_item(lines=MUGS, per_items=3), None),
        ],
    )
    def test_are_for_each_full_number_of_pieces(self, effect, expected):
        awards = evaluate([campaign(effect)], facts(), rounding="down")

        assert [award.line_points for award in awards] == ([] if expected is None else [expected])

    def test_do_not_count_broken_pieces(self):
        given = facts(sale("13.00", lines=DISCOUNTED))

        assert points(campaign(per_item(lines=leaf("line.sku", "eq", "b"))), given=given) == {"welcome": 20}

    def test_may_be_base_points(self):
        rule = campaign(per_item(counts_as="base"), key="base")

        assert points(rule, campaign(times("2"), key="twice")) == {"base": 40, "twice": 40}


class TestMultiples:
    def test_by_percent_say_so(self):
        base = campaign(per_unit(), key="base")

        verdicts = explain([base, campaign(bonus("20"), key="more")], facts(), rounding="down")

        assert verdicts[1].text() == "gave 10 points: 20 % of 53 base points"

    def test_may_be_of_what_other_campaigns_give(self):
        base = campaign(per_unit(), key="base")
        coffee = campaign(fixed(100), key="coffee")

        assert points(base, coffee, campaign(bonus("50", of=["coffee"]), key="more")) == {
            "base": 53,
            "coffee": 100,
            "more": 50,
        }
        assert points(base, coffee, campaign(times("3") | {"of": ["coffee", "base"]}, key="more")) == {
            "base": 53,
            "coffee": 100,
            "more": 306,
        }


GIFTS = [
    ({"kind": "message", "text": "See you"}, "the message “See you”", "gave the message “See you”"),
    ({"kind": "webhook", "event_type": "x.y"}, "a signal “x.y” to other systems", "sent the signal “x.y”"),
    ({"kind": "reward", "reward": "tea"}, "the reward tea", "gave the reward tea"),
    ({"kind": "badge", "badge": "hero"}, "the badge hero", "gave the badge hero"),
    (
        {"kind": "challenge_progress", "challenge": "ten", "count": 2},
        "2 on the way to ten",
        "counted 2 for the challenge ten",
    ),
    (
        {"kind": "prize_draw_entry", "draw": "summer", "entries": 3},
        "3 chances in the draw summer",
        "gave 3 in the draw summer",
    ),
]


class TestGifts:
    @pytest.mark.parametrize(("effect", "said", "given"), GIFTS)
    def test_are_given_beside_points_and_told(self, effect, said, given):
        rule = campaign(fixed(5), effect)

        outcome = run([rule], facts(), rounding="down")
        [verdict] = explain([rule], facts(), rounding="down")

        [gift] = outcome.gifts
        assert (gift.kind, gift.effect, gift.campaign_key) == (effect["kind"], 1, "welcome")
        assert {"kind": gift.kind, **gift.parameters} == effect
        assert verdict.gifts == (gift,)
        assert verdict.text() == f"gave 5 points: 5 points; {given}"
        raw = definition(fixed(5), effect)
        assert sentence(raw, currency="EUR") == f"For every sale: 5 points, and {said}."

    def test_are_counted_once_if_nothing_else_is_said(self):
        rule = campaign({"kind": "challenge_progress", "challenge": "ten"})

        assert run([rule], facts(), rounding="down").gifts[0].parameters["count"] == 1


class TestAnEffect:
    @pytest.mark.parametrize(
        ("effect", "pointer", "text"),
        [
            (per_item(0), "/points", "from 1 to"),
            (per_item(per_items=0), "/per_items", "from 1 to"),
            (per_item(lines={}), "/lines", "which lines count"),
            (per_item(counts_as="gift"), "/counts_as", "base, bonus"),
            (per_unit(measure="weight"), "/measure", "paid, before_discounts, without_tax"),
            (bonus("0"), "/percent", "more than 0"),
            (bonus("10", of=[]), "/of", "at least one campaign"),
            (bonus("10", of=["A!"]), "/of/0", "must be a key"),
            ({"kind": "message"}, "/text", "must be a text"),
            ({"kind": "message", "text": "x", "points": 5}, "/points", "Known are: kind, text"),
            ({"kind": "webhook", "event_type": "No Event"}, "/event_type", "type of an event"),
            ({"kind": "prize_draw_entry", "draw": "x", "entries": 0}, "/entries", "from 1 to 1,000"),
        ],
    )
    def test_that_is_wrong_is_refused_at_its_place(self, effect, pointer, text):
        [problem] = definitions.problems(definition(effect))

        assert problem.pointer == f"#/effects/0{pointer}"
        assert text in problem.text()

    def test_for_items_is_refused_where_nothing_is_bought(self):
        [problem] = definitions.problems(definition(per_item(), trigger={"kind": "birthday"}))

        assert problem.text() == "An event has no items to give points for; use fixed points."
