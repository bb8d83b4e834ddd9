from datetime import date, timedelta
from typing import Any

import pytest

from rewards.engine import definition as definitions
from rewards.engine.catalogue import FAMILIES, SCOPES, attribute
from rewards.engine.evaluate import evaluate
from rewards.engine.explain import explain, sentence
from rewards.engine.facts import MemberFacts
from rewards.engine.problems import InvalidDefinition
from tests.rewards.engine.builders import (
    BERLIN,
    SATURDAY_NOON,
    campaign,
    definition,
    event,
    facts,
    fixed,
    leaf,
    per_unit,
    sale,
    times,
)

COFFEE = leaf("line.category", "eq", "coffee")
DETAILS: dict[str, dict[str, Any]] = {"days": {"days": 30}, "lines": {"lines": COFFEE}}
LOGIN = {"kind": "event", "event_type": "app.login"}
STRANGER = MemberFacts(tier="", balance=0, enrolled_date=date(2026, 6, 6))
OPERANDS = {
    "money": "5.00",
    "decimal": "1.5",
    "number": 2,
    "date": "2026-06-01",
    "time": "08:00",
    "text": "gold",
    "choice": "sunday",
    "set": "tea",
    "boolean": True,
    "attribute": "7",
}
LATER = {
    "money": "6.00",
    "decimal": "2",
    "number": 3,
    "date": "2026-06-02",
    "time": "09:00",
    "attribute": "8",
}


def verdict(*conditions, given=None, **parts):
    rule = campaign(conditions={"all": list(conditions)}, **parts)
    [found] = explain([rule], given or facts(), rounding="down")
    return found


def every_condition(scope):
    facts = [*SCOPES[scope].facts()]
    facts += [attribute(family, "x") for family in FAMILIES if family.startswith(SCOPES[scope].prefixes)]
    for fact in facts:
        for operator in fact.operators:
            operand = OPERANDS[fact.type]
            if operator == "known":
                operand = True
            elif operator == "between":
                operand = [operand, LATER[fact.type]]
            elif operator in ("in", "not_in") or operator.startswith("has"):
                operand = [operand]
            yield leaf(fact.key, operator, operand) | DETAILS.get(fact.takes, {})


class TestAVerdict:
    @pytest.mark.parametrize(
        ("condition", "text"),
        [
            (leaf("sale.amount", "gte", "56.40"), "€3.20 short of €56.40"),
            (leaf("sale.amount", "gt", "56.40"), "€3.20 short of €56.40"),
            (leaf("sale.amount", "gt", "53.20"), "only of more than €53.20 (sale amount: €53.20)"),
            (leaf("sale.amount", "lte", "50.00"), "€3.20 over €50.00"),
            (leaf("sale.amount", "lt", "53.20"), "only of less than €53.20 (sale amount: €53.20)"),
            (leaf("sale.amount", "between", ["60.00", "70.00"]), "€6.80 short of €60.00"),
            (leaf("sale.amount", "between", ["1.00", "50.00"]), "€3.20 over €50.00"),
            (leaf("sale.amount", "eq", "1.00"), "only of exactly €1.00 (sale amount: €53.20)"),
            (leaf("sale.line_count", "gte", 5), "number of lines: 2 short of 5"),
            (leaf("sale.quantity", "gte", "5.5"), "number of items: 1.5 short of 5.5"),
            (leaf("moment.weekday", "in", ["sunday", "monday"]), "runs on Monday or Sunday, not on Saturday"),
            (leaf("moment.weekday", "eq", "sunday"), "runs on Sunday, not on Saturday"),
            (leaf("moment.weekday", "ne", "saturday"), "only not on Saturday (weekday: Saturday)"),
            (leaf("member.tier", "eq", "gold"), "needs tier gold, member has silver"),
            (leaf("member.tier", "in", ["gold", "black"]), "needs tier black or gold, member has silver"),
            (leaf("member.is_birthday", "eq", False), "only not on the member's birthday"),
            (leaf("member.age_years", "lt", 18), "age in years: 18 over 18"),
            (leaf("member.attribute.score", "gte", 8), "member attribute score: 0.5 short of 8"),
            (
                leaf("member.attribute.city", "gte", 8),
                "only by a member whose city is at least 8 (member attribute city: Berlin)",
            ),
            (
                leaf("member.attribute.newsletter", "eq", False),
                "only by a member whose newsletter is no (member attribute newsletter: yes)",
            ),
            (leaf("sale.attribute.channel", "eq", "app"), "sale attribute channel is not known"),
            (leaf("sale.attribute.channel", "known", True), "sale attribute channel is not known"),
            (leaf("sale.store", "known", False), "only with unknown store (store: mitte)"),
            (
                leaf("sale.categories", "has_any", ["milk"]),
                "only with items of category milk (categories bought: coffee and tea)",
            ),
            (
                leaf("sale.skus", "has_none", ["mug"]),
                "only without items with SKU mug (items bought: espresso, mug and sencha)",
            ),
            (
                leaf("moment.time", "between", ["08:00", "10:00"]),
                "only at a time from 08:00 until 10:00 (time of day: 12:00)",
            ),
            (leaf("moment.date", "gte", "2026-07-01"), "only from 2026-07-01 on (date: 2026-06-06)"),
            ({"none": [leaf("sale.store", "eq", "mitte")]}, "not in store mitte"),
            ({"any": [leaf("sale.amount", "gte", "56.40")]}, "€3.20 short of €56.40"),
            (
                {"any": [leaf("sale.amount", "gte", "56.40"), leaf("member.tier", "eq", "gold")]},
                "needs one of: €3.20 short of €56.40; or needs tier gold, member has silver",
            ),
        ],
    )
    def test_says_what_was_missing(self, condition, text):
        found = verdict(condition)

        assert not found.has_matched
        assert found.awards == ()
        assert found.text() == text

    def test_names_everything_that_was_missing_and_nothing_else(self):
        found = verdict(
            leaf("sale.amount", "gte", "60.00"),
            leaf("sale.store", "eq", "mitte"),
            leaf("member.tier", "eq", "gold"),
            schedule={"ends_at": "2026-06-06T00:00:00+02:00"},
        )

        assert found.text() == (
            "ended on 2026-06-06 00:00; €6.80 short of €60.00; needs tier gold, member has silver"
        )

    def test_says_that_a_member_has_no_tier(self):
        found = verdict(leaf("member.tier", "eq", "gold"), given=facts(member=STRANGER))

        assert found.text() == "needs tier gold, member has none"

    def test_says_that_nothing_was_bought(self):
        found = verdict(leaf("sale.skus", "has_all", ["mug"]), given=facts(sale(lines=())))

        assert found.text() == "only with items with SKU mug (items bought: none)"

    def test_says_when_a_campaign_starts(self):
        found = verdict(
            schedule={"starts_at": "2026-07-01T00:00:00+02:00", "ends_at": "9999-12-31T23:59:00Z"},
        )

        assert found.text() == "starts on 2026-07-01 00:00"

    @pytest.mark.parametrize(
        ("trigger", "given", "text"),
        [
            ({"kind": "sale"}, facts(event()), "is for sales only"),
            (LOGIN, facts(), "is for the event app.login only"),
            (LOGIN, facts(event("app.logout")), "is for the event app.login only"),
        ],
    )
    def test_says_what_a_campaign_listens_to(self, trigger, given, text):
        [found] = explain([campaign(trigger=trigger)], given, rounding="down")

        assert found.text() == text

    def test_says_what_was_given_and_why(self):
        [found] = explain([campaign(per_unit(), fixed(1), times("1.5"))], facts(), rounding="down")

        assert found.has_matched
        assert [award.points for award in found.awards] == [53, 1, 26]
        assert found.text() == (
            "gave 53 points: 1 point per €1.00 of €53.20; gave 1 point: 1 point; "
            "gave 26 points: 53 base points times 1.5"
        )

    def test_says_why_a_campaign_that_matched_gave_nothing(self):
        [found] = explain([campaign(per_unit(), times("2"))], facts(sale("0.99")), rounding="down")

        assert found.has_matched
        assert found.awards == ()
        assert found.text() == (
            "the amount is too small for a point; there are too few base points to multiply"
        )

    def test_says_that_points_are_too_many_to_be_booked(self):
        rules = [campaign(per_unit("1000000000", "0.01"), key="a"), campaign(key="b", trigger=LOGIN)]

        found = explain(rules, facts(sale("999999999999.99")), rounding="down")

        assert [verdict.text() for verdict in found] == [
            "the points are more than can be booked",
            "is for the event app.login only",
        ]

    def test_names_the_campaign(self):
        found = verdict(key="spring")

        assert (found.campaign_key, found.name) == ("spring", "Spring")

    @pytest.mark.parametrize("scope", ["sale", "event"])
    @pytest.mark.parametrize("member", [STRANGER, facts().member])
    def test_is_found_for_every_condition_there_is(self, scope, member):
        trigger = {"kind": "sale"} if scope == "sale" else LOGIN
        given = facts(sale(lines=()) if scope == "sale" else event(), member=member)
        for condition in every_condition(scope):
            for tree in (condition, {"none": [condition]}):
                rule = campaign(conditions=tree, trigger=trigger)

                [found] = explain([rule], given, rounding="down")

                assert found.has_matched == bool(evaluate([rule], given, rounding="down"))
                assert found.text()

    def test_is_found_for_moments_far_away(self):
        rule = campaign(schedule={"starts_at": "9999-12-31T23:59:00Z"})

        [found] = explain([rule], facts(at=SATURDAY_NOON + timedelta(days=1)), rounding="down")

        assert found.text() == "starts on 9999-12-31 23:59"


class TestSentence:
    @pytest.mark.parametrize(
        ("pieces", "said"),
        [("1", "with at least 1 item of category coffee"), ("2", "with at least 2 items of category coffee")],
    )
    def test_counts_pieces_as_people_do(self, pieces, said):
        condition = leaf("lines.quantity", "gte", pieces) | {"lines": COFFEE}

        assert said in sentence(definition(fixed(), conditions=condition), currency="EUR")

    @pytest.mark.parametrize(
        ("effects", "conditions", "text"),
        [
            ([fixed(1)], None, "For every sale: 1 point."),
            ([fixed(1500)], {}, "For every sale: 1,500 points."),
            (
                [per_unit(), fixed(50)],
                {
                    "all": [
                        leaf("sale.amount", "gte", "50.00"),
                        {"any": [leaf("moment.weekday", "in", ["sunday", "saturday"])]},
                    ]
                },
                "For every sale of at least €50.00 on Saturday or Sunday: "
                "1 point for each full €1.00, and 50 points on top.",
            ),
            (
                [times("2"), per_unit("1.50"), fixed(5), fixed(7, "status")],
                None,
                "For every sale: 1.5 points for each €1.00, 5 points and 7 points (“status”) on top, "
                "and base points count 2 times.",
            ),
            (
                [per_unit(of="matching_lines", lines={"any": [COFFEE, leaf("line.sku", "in", ["b", "a"])]})],
                None,
                "For every sale: 1 point for each full €1.00 spent on items of category coffee, "
                "or with SKU a or b.",
            ),
            (
                [fixed(5)],
                {
                    "all": [
                        leaf("sale.line_count", "gte", 1),
                        {"any": [leaf("member.tier", "eq", "gold"), leaf("sale.store", "ne", "mitte")]},
                        {"none": [leaf("member.is_birthday", "eq", True), leaf("sale.quantity", "gt", "3")]},
                    ]
                },
                "For every sale with at least 1 line (by a member in tier gold, or not in store mitte) "
                "but not (on the member's birthday, or with more than 3 items): 5 points.",
            ),
            (
                [fixed(5)],
                {
                    "any": [
                        leaf("sale.brands", "has_none", ["x"]),
                        {"none": [leaf("moment.date", "ne", "2026-06-01")]},
                    ]
                },
                "For every sale without items of brand x, or but not not on 2026-06-01: 5 points.",
            ),
        ],
    )
    def test_tells_what_a_campaign_does(self, effects, conditions, text):
        assert sentence(definition(*effects, conditions=conditions), currency="EUR") == text

    def test_calls_units_full_only_where_that_is_so(self):
        assert sentence(definition(per_unit()), currency="EUR", rounding="up") == (
            "For every sale: 1 point for each €1.00."
        )

    @pytest.mark.parametrize(
        ("schedule", "text"),
        [
            ({"starts_at": "2026-06-01T00:00:00Z"}, "Starts on 2026-06-01 02:00."),
            ({"ends_at": "2026-06-01T00:00:00Z"}, "Ends on 2026-06-01 02:00."),
            (
                {"starts_at": "2026-06-01T00:00:00Z", "ends_at": "9999-12-31T23:59:59Z"},
                "Runs from 2026-06-01 02:00 until 9999-12-31 23:59.",
            ),
        ],
    )
    def test_tells_the_schedule_in_the_zone_of_the_program(self, schedule, text):
        told = sentence(definition(fixed(5), schedule=schedule), currency="EUR", zone=BERLIN)

        assert told == f"For every sale: 5 points. {text}"

    def test_tells_which_event_counts(self):
        raw = definition(fixed(5), trigger=LOGIN, conditions=leaf("event.attribute.level", "gte", 3))

        assert sentence(raw, currency="EUR") == (
            "For every event app.login where level is at least 3: 5 points."
        )

    def test_takes_a_definition_that_was_read_before(self):
        assert sentence(definitions.parse(definition()), currency="EUR") == "For every sale: 50 points."

    def test_refuses_what_is_no_definition(self):
        with pytest.raises(InvalidDefinition):
            sentence({}, currency="EUR")

    @pytest.mark.parametrize("scope", ["sale", "event"])
    def test_is_found_for_every_condition_there_is(self, scope):
        trigger = {"kind": "sale"} if scope == "sale" else LOGIN
        for condition in every_condition(scope):
            for tree in (condition, {"none": [condition, condition]}):
                told = sentence(definition(conditions=tree, trigger=trigger), currency="EUR")

                assert told.startswith("For every ")
                assert told.endswith(": 50 points.")

    def test_is_found_for_every_condition_on_lines(self):
        for condition in every_condition("line"):
            told = sentence(definition(per_unit(of="matching_lines", lines=condition)), currency="EUR")

            assert "spent on items " in told

    def test_is_found_for_the_biggest_tree(self):
        condition = leaf("sale.amount", "gte", "50.00")

        for kind in ("all", "any", "none"):
            told = sentence(definition(conditions={kind: [condition] * 199}), currency="EUR")

            assert told.count("of at least €50.00") == 199
