from datetime import UTC, datetime

import pytest

from rewards.engine import conditions
from rewards.engine.catalogue import SCOPES
from rewards.engine.problems import Place
from tests.rewards.engine.builders import SATURDAY_NOON, event, facts, leaf, sale

TRUE = leaf("sale.amount", "gte", "1.00")
FALSE = leaf("sale.amount", "gte", "1000.00")


def parse(raw, *, scope="sale"):
    place = Place()
    return conditions.parse(raw, scope=SCOPES[scope], place=place), place.problems


def holds(raw, given=None, *, scope="sale"):
    node, problems = parse(raw, scope=scope)
    assert node
    assert problems == []
    return conditions.compile(node)(given or facts())


class TestAComparison:
    @pytest.mark.parametrize(
        ("fact", "operator", "value", "expected"),
        [
            ("sale.amount", "eq", "53.2", True),
            ("sale.amount", "ne", "53.20", False),
            ("sale.amount", "gte", "53.20", True),
            ("sale.amount", "gt", "53.20", False),
            ("sale.amount", "gt", "53.19", True),
            ("sale.amount", "lte", "53.20", True),
            ("sale.amount", "lt", "53.20", False),
            ("sale.amount", "lt", "53.21", True),
            ("sale.amount", "between", ["53.20", "60.00"], True),
            ("sale.amount", "between", ["50.00", "53.20"], True),
            ("sale.amount", "between", ["53.21", "60.00"], False),
            ("sale.store", "eq", "mitte", True),
            ("sale.store", "eq", "Mitte", False),
            ("sale.store", "not_in", ["mitte", "nord"], False),
            ("sale.store", "known", True, True),
            ("sale.quantity", "eq", "4", True),
            ("sale.quantity", "gte", 4, True),
            ("sale.line_count", "in", [1, 3], True),
            ("sale.line_count", "not_in", [1, 3], False),
            ("sale.categories", "has_any", ["tea", "milk"], True),
            ("sale.categories", "has_any", ["milk"], False),
            ("sale.categories", "has_all", ["tea", "coffee"], True),
            ("sale.categories", "has_all", ["tea", "milk"], False),
            ("sale.categories", "has_none", ["milk"], True),
            ("sale.categories", "has_none", ["tea", "milk"], False),
            ("member.tier", "in", ["silver", "gold"], True),
            ("member.balance", "between", [120, 120], True),
            ("member.is_birthday", "eq", True, True),
            ("member.is_birthday", "eq", False, False),
            ("moment.weekday", "in", ["saturday", "sunday"], True),
            ("moment.weekday", "ne", "saturday", False),
            ("moment.hour", "lt", 12, False),
            ("moment.date", "eq", "2026-06-06", True),
            ("moment.date", "between", ["2026-06-01", "2026-06-06"], True),
            ("moment.date", "gt", "2026-06-06", False),
            ("moment.time", "between", ["12:00", "12:01"], True),
            ("moment.time", "between", ["11:00", "12:00"], False),
            ("moment.time", "between", ["22:00", "12:00:01"], True),
            ("moment.time", "between", ["22:00", "06:00"], False),
            ("moment.time", "between", ["12:00", "06:00"], True),
            ("moment.time", "between", ["13:00", "12:00"], False),
            ("member.attribute.city", "eq", "Berlin", True),
            ("member.attribute.city", "ne", "Berlin", False),
            ("member.attribute.city", "ne", "Bonn", True),
            ("member.attribute.city", "in", ["Bonn", "Berlin"], True),
            ("member.attribute.city", "not_in", ["Bonn", "Berlin"], False),
            ("member.attribute.city", "not_in", ["Bonn"], True),
            ("member.attribute.city", "gte", "1", False),
            ("member.attribute.children", "gte", 2, True),
            ("member.attribute.children", "gt", 2, False),
            ("member.attribute.children", "lte", "2", True),
            ("member.attribute.children", "lt", 2, False),
            ("member.attribute.children", "between", [1, "2.5"], True),
            ("member.attribute.children", "in", [1, 2], True),
            ("member.attribute.score", "gt", "7.4", True),
            ("member.attribute.score", "eq", "7.5", True),
            ("member.attribute.newsletter", "eq", True, True),
            ("member.attribute.newsletter", "eq", 1, False),
            ("member.attribute.newsletter", "in", [1], False),
            ("member.attribute.newsletter", "ne", 1, True),
            ("member.attribute.children", "known", False, False),
        ],
    )
    def test_decides_by_its_operator(self, fact, operator, value, expected):
        assert holds(leaf(fact, operator, value)) is expected

    @pytest.mark.parametrize(
        ("operator", "value"),
        [
            ("eq", "x"),
            ("ne", "x"),
            ("in", ["x"]),
            ("not_in", ["x"]),
            ("gte", 1),
            ("between", [0, 1]),
            ("known", True),
        ],
    )
    def test_is_never_met_by_an_attribute_that_nobody_told(self, operator, value):
        assert not holds(leaf("sale.attribute.unheard", operator, value))

    @pytest.mark.parametrize("operator", ["eq", "ne", "gte", "gt", "lte", "lt", "in", "not_in"])
    def test_is_never_met_by_an_age_that_nobody_told(self, operator):
        node, _ = parse(leaf("member.age_years", operator, [0] if "in" in operator else 0))
        given = facts()
        given[node.fact] = None

        assert not conditions.compile(node)(given)

    def test_takes_a_text_that_was_not_told_as_different_from_every_text(self):
        online = facts(sale(store=""))

        assert holds(leaf("sale.store", "ne", "mitte"), online)
        assert holds(leaf("sale.store", "not_in", ["mitte"]), online)
        assert holds(leaf("sale.store", "known", False), online)

    def test_finds_nothing_in_a_sale_without_lines(self):
        bare = facts(sale(lines=()))

        assert not holds(leaf("sale.skus", "has_any", ["mug"]), bare)
        assert not holds(leaf("sale.skus", "has_all", ["mug"]), bare)
        assert holds(leaf("sale.skus", "has_none", ["mug"]), bare)

    def test_goes_by_the_local_time_and_not_by_utc(self):
        at_night = datetime(2026, 6, 5, 22, 30, tzinfo=UTC).astimezone(SATURDAY_NOON.tzinfo)

        assert holds(leaf("moment.weekday", "eq", "saturday"), facts(at=at_night))
        assert holds(leaf("moment.time", "between", ["22:00", "06:00"]), facts(at=at_night))

    def test_compares_the_attributes_of_events(self):
        assert holds(leaf("event.attribute.level", "gte", 3), facts(event(level=3)), scope="event")

    def test_compares_attributes_beyond_all_bounds(self):
        assert holds(leaf("sale.attribute.n", "gt", 3), facts(sale(attributes={"n": 10**400})))


class TestAGroup:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ({"all": [TRUE]}, True),
            ({"all": [TRUE, FALSE]}, False),
            ({"all": [TRUE, TRUE, FALSE]}, False),
            ({"all": [TRUE, TRUE, TRUE, TRUE]}, True),
            ({"any": [FALSE]}, False),
            ({"any": [FALSE, TRUE]}, True),
            ({"any": [FALSE, FALSE, TRUE]}, True),
            ({"any": [FALSE, FALSE, FALSE, FALSE]}, False),
            ({"none": [FALSE]}, True),
            ({"none": [FALSE, TRUE]}, False),
            ({"all": [TRUE, {"any": [FALSE, {"none": [FALSE]}]}]}, True),
        ],
    )
    def test_holds_as_its_name_says(self, raw, expected):
        assert holds(raw) is expected

    def test_stops_at_what_decides(self):
        given = facts()

        assert not holds({"all": [FALSE, leaf("sale.categories", "has_any", ["tea"])]}, given)
        assert {fact.key for fact in given} == {"sale.amount"}

    @pytest.mark.parametrize("raw", [None, {}, {"all": []}, {"any": []}, {"none": []}])
    def test_that_is_empty_at_the_top_asks_for_nothing(self, raw):
        assert parse(raw) == (None, [])


class TestReadingConditions:
    @pytest.mark.parametrize(
        ("raw", "pointer", "text"),
        [
            ({"all": [TRUE, {"any": []}]}, "#/all/1/any", "needs at least one condition"),
            ({"all": {}}, "#/all", "must be a list with at least one condition, not an object"),
            ({"all": [TRUE], "any": [TRUE]}, "#", "exactly one of the groups"),
            ({"each": [TRUE]}, "#", "exactly one of the groups"),
            ([TRUE], "#", "this is a list"),
            ("sale.amount > 5", "#", "this is sale.amount > 5"),
            ({"all": [None]}, "#/all/0", "this is nothing"),
            (leaf("sale.amuont", "eq", "1.00"), "#/fact", "The nearest are: sale.amount"),
            (leaf("member.attribut.x", "eq", "1.00"), "#/fact", "member.attribute.<name>"),
            (leaf("", "eq", "1.00"), "#/fact", "The nearest are: sale.amount, sale.store, sale.source."),
            (leaf(None, "eq", "1.00"), "#/fact", "no fact “nothing”"),
            (leaf(["sale.amount"], "eq", "1.00"), "#/fact", "no fact “a list”"),
            (leaf("event.attribute.x", "eq", "1"), "#/fact", "no fact “event.attribute.x” here"),
            (leaf("sale.attribute.", "eq", "1"), "#/fact", "no fact “sale.attribute.”"),
            (leaf("sale.attribute.a b", "eq", "1"), "#/fact", "no fact “sale.attribute.a b”"),
            (
                leaf("sale.amount", "has_any", ["1"]),
                "#/operator",
                "It has: eq, ne, gte, gt, lte, lt, between.",
            ),
            (leaf("sale.amount", "__class__", "1"), "#/operator", "no operator “__class__”"),
            (leaf("sale.amount", ["eq"], "1"), "#/operator", "no operator “a list”"),
            ({"fact": "sale.amount", "value": "1.00"}, "#/operator", "no operator “nothing”"),
            ({"fact": "sale.amount", "operator": "eq"}, "#/value", 'such as "12.50", not nothing'),
            ({**TRUE, "vaule": 1}, "#/vaule", "“vaule” is not known here"),
            ({**TRUE, "a/b~c": 1}, "#/a~1b~0c", "“a/b~c” is not known here"),
            (
                leaf("sale.amount", "gte", 50),
                "#/value",
                'must be an amount as a text such as "12.50", not 50',
            ),
            (leaf("sale.amount", "gte", True), "#/value", "not true"),
            (leaf("sale.amount", "gte", "50,00"), "#/value", "not 50,00"),
            (leaf("sale.amount", "gte", "1.005"), "#/value", "not 1.005"),
            (leaf("sale.amount", "gte", "NaN"), "#/value", "not NaN"),
            (leaf("sale.amount", "gte", "Infinity"), "#/value", "not Infinity"),
            (leaf("sale.amount", "gte", "1e400"), "#/value", "not 1e400"),
            (leaf("sale.amount", "gte", "٣"), "#/value", "not ٣"),
            (leaf("sale.amount", "gte", "1" * 5000), "#/value", "1…"),
            (leaf("sale.amount", "between", ["1.00"]), "#/value", "list of two values"),
            (leaf("sale.amount", "between", "1.00"), "#/value", "list of two values"),
            (leaf("sale.amount", "between", ["1.00", 2]), "#/value/1", "not 2"),
            (
                leaf("sale.amount", "between", ["2.00", "1.00"]),
                "#/value",
                "2.00, is greater than the second, 1.00",
            ),
            (leaf("sale.line_count", "eq", True), "#/value", "whole number such as 50, not true"),
            (leaf("sale.line_count", "eq", "3"), "#/value", "whole number such as 50, not 3"),
            (leaf("sale.line_count", "eq", 3.0), "#/value", "not 3.0"),
            (leaf("sale.line_count", "eq", float("nan")), "#/value", "not nan"),
            (leaf("sale.line_count", "eq", 10**400), "#/value", "a huge number is too big"),
            (leaf("sale.line_count", "eq", 10**5000), "#/value", "a huge number is too big"),
            (leaf("sale.line_count", "eq", 2**63), "#/value", "9223372036854775808 is too big"),
            (leaf("sale.quantity", "eq", 1.5), "#/value", 'such as "1.5", or a whole number, not 1.5'),
            (leaf("sale.quantity", "eq", False), "#/value", "not false"),
            (leaf("sale.quantity", "eq", 10**12), "#/value", "not 1000000000000"),
            (leaf("sale.store", "eq", ""), "#/value", "a text that is not empty"),
            (leaf("sale.store", "eq", 5), "#/value", "a text that is not empty, not 5"),
            (leaf("sale.store", "eq", "x" * 201), "#/value", "201 characters; it may have 200"),
            (leaf("sale.store", "in", "mitte"), "#/value", "list with at least one value, not mitte"),
            (leaf("sale.store", "in", []), "#/value", "The list is empty; it needs at least one value."),
            (leaf("sale.store", "in", ["a", None, "b", 2]), "#/value/1", "not nothing"),
            (leaf("sale.store", "in", ["x"] * 1001), "#/value", "has 1,001 entries; it may have 1,000"),
            (leaf("sale.store", "known", "yes"), "#/value", "must be true or false, not yes"),
            (leaf("moment.weekday", "eq", "Saturday"), "#/value", "The choices are: monday, tuesday"),
            (leaf("moment.weekday", "eq", 6), "#/value", "“6” is no choice here"),
            (leaf("member.is_birthday", "eq", 1), "#/value", "must be true or false, not 1"),
            (leaf("moment.date", "eq", "2026-02-30"), "#/value", "must be a date"),
            (leaf("moment.date", "eq", "20260201"), "#/value", "must be a date"),
            (leaf("moment.date", "eq", 20260201), "#/value", "must be a date"),
            (leaf("moment.time", "between", ["25:00", "26:00"]), "#/value/0", "must be a time of day"),
            (leaf("moment.time", "between", ["8", "09:00"]), "#/value/0", "must be a time of day"),
            (leaf("moment.time", "between", ["08:00", "08:00:00"]), "#/value", "Nothing lies between 08:00"),
            (leaf("sale.attribute.x", "in", ["a", 1]), "#/value", "all texts or all numbers"),
            (leaf("sale.attribute.x", "in", [True]), "#/value", "all texts or all numbers"),
            (leaf("sale.attribute.x", "eq", 1.5), "#/value", "must be a number as a text"),
            (leaf("sale.attribute.x", "gte", "many"), "#/value", "must be a number as a text"),
            (leaf("sale.attribute.x", "between", ["a", "b"]), "#/value/0", "must be a number as a text"),
        ],
    )
    def test_names_the_place_and_what_would_be_right(self, raw, pointer, text):
        node, problems = parse(raw)

        assert node is None or "vaule" in raw or "a/b~c" in raw
        assert problems[0].pointer == pointer
        assert text in problems[0].text()

    def test_names_every_problem_at_once(self):
        _, problems = parse(
            {"all": [leaf("sale.amount", "gte", 5), {"any": [leaf("nothing", "eq", 1)]}, {"none": []}]}
        )

        assert [problem.pointer for problem in problems] == [
            "#/all/0/value",
            "#/all/1/any/0/fact",
            "#/all/2/none",
        ]

    def test_stops_counting_problems_at_a_hundred(self):
        _, problems = parse(leaf("sale.store", "in", [0] * 1000))

        assert len(problems) == 100

    def test_refuses_trees_that_are_too_deep(self):
        raw = TRUE
        for _ in range(50_000):
            raw = {"all": [raw]}

        node, problems = parse(raw)

        assert node is None
        assert problems[0].pointer == "#" + "/all/0" * 8
        assert problems[0].text() == "The conditions are nested too deep; 8 levels are the most."

    def test_accepts_trees_of_eight_levels(self):
        raw = TRUE
        for _ in range(7):
            raw = {"all": [raw]}

        assert holds(raw)

    def test_refuses_trees_that_are_too_big(self):
        _, problems = parse({"all": [{"any": [TRUE] * 100}, {"any": [TRUE] * 100}]})

        assert problems[0].pointer == "#/all/1/any/97"
        assert "there may be 200 at most" in problems[0].text()

    def test_refuses_huge_lists_without_reading_them(self):
        _, problems = parse({"all": [TRUE] * 1_000_000})

        assert [problem.text() for problem in problems] == [
            "The list has 1,000,000 entries; it may have 200 at most."
        ]

    def test_accepts_and_runs_as_many_conditions_as_are_allowed(self):
        assert holds({"all": [TRUE] * 199})
        assert not holds({"any": [FALSE] * 199})
