import pytest

from rewards.engine.definition import parse, problems
from rewards.engine.problems import InvalidDefinition
from tests.rewards.engine.builders import campaign, definition, fixed, leaf, per_unit, times

EVENT = {"kind": "event", "event_type": "app.login"}
COFFEE = leaf("line.category", "eq", "coffee")


class TestADefinition:
    @pytest.mark.parametrize(
        ("raw", "pointer", "text"),
        [
            (None, "#", "must be an object, not nothing"),
            ([], "#", "must be an object, not a list"),
            ({"effects": [fixed()]}, "#/trigger", "must be an object, not nothing"),
            (
                definition(trigger={"kind": "refund"}),
                "#/trigger/kind",
                "choices are: sale, event, return",
            ),
            (definition(trigger={"kind": ["sale"]}), "#/trigger/kind", "“a list” is no choice"),
            (definition(trigger={"kind": "event"}), "#/trigger/event_type", 'such as "app.login", not '),
            (definition(trigger={"kind": "event", "event_type": 5}), "#/trigger/event_type", "not 5"),
            (definition(trigger={"kind": "event", "event_type": "a b"}), "#/trigger/event_type", "not a b"),
            (
                definition(trigger={"kind": "sale", "event_type": "x"}),
                "#/trigger/event_type",
                "a sale has none",
            ),
            (definition(trigger={"kind": "sale", "when": 1}), "#/trigger/when", "“when” is not known here"),
            (definition(limit={}), "#/limit", "Known are: trigger, audience, conditions, effects, limits"),
            (definition(schedule=[]), "#/schedule", "must be an object, not a list"),
            (definition(schedule={"starts_at": "2026-06-01"}), "#/schedule/starts_at", "with its time zone"),
            (definition(schedule={"starts_at": "soon"}), "#/schedule/starts_at", "not soon"),
            (definition(schedule={"ends_at": 1767222000}), "#/schedule/ends_at", "not 1767222000"),
            (
                definition(schedule={"starts_at": "0001-01-01T00:00:00+14:00"}),
                "#/schedule/starts_at",
                "not 0001-01-01T00:00:00+14:00",
            ),
            (
                definition(
                    schedule={"starts_at": "2026-06-01T12:00:00+02:00", "ends_at": "2026-06-01T10:00:00Z"}
                ),
                "#/schedule/ends_at",
                "The end must be after the start.",
            ),
            ({"trigger": {"kind": "sale"}}, "#/effects", "list with at least one effect, not nothing"),
            ({"trigger": {"kind": "sale"}, "effects": []}, "#/effects", "needs at least one effect"),
            (definition(*[fixed()] * 21), "#/effects", "has 21 entries; it may have 20"),
            (definition("points"), "#/effects/0", "must be an object, not points"),
            (
                definition({"kind": "cake"}),
                "#/effects/0/kind",
                "points_per_unit, points_per_item, ",
            ),
            (definition({"kind": {}}), "#/effects/0/kind", "“an object” is no kind"),
            (definition(fixed(wallet_type="Points!")), "#/effects/0/wallet_type", "not Points!"),
            (definition(fixed(wallet_type=None)), "#/effects/0/wallet_type", "not nothing"),
            (
                definition({**fixed(), "per": "1.00"}),
                "#/effects/0/per",
                "Known are: kind, wallet_type, points, expiry, pending.",
            ),
            (definition(fixed("50")), "#/effects/0/points", "whole number such as 50, not 50"),
            (definition(fixed(True)), "#/effects/0/points", "not true"),
            (definition(fixed(0)), "#/effects/0/points", "from 1 to 9,007,199,254,740,991"),
            (definition(fixed(-5)), "#/effects/0/points", "from 1 to"),
            (definition(fixed(2**53)), "#/effects/0/points", "from 1 to 9,007,199,254,740,991"),
            (definition(fixed(10**400)), "#/effects/0/points", "a huge number is too big"),
            (definition(per_unit("0")), "#/effects/0/points", "more than 0 and at most 1000000000"),
            (definition(per_unit("-1")), "#/effects/0/points", "more than 0"),
            (definition(per_unit("1000000001")), "#/effects/0/points", "more than 0"),
            (definition(per_unit(1.5)), "#/effects/0/points", "not 1.5"),
            (definition(per_unit("NaN")), "#/effects/0/points", "not NaN"),
            (definition(per_unit(per="0.00")), "#/effects/0/per", "more than 0"),
            (definition(per_unit(per=1)), "#/effects/0/per", 'as a text such as "12.50", not 1'),
            (definition(per_unit(), trigger=EVENT), "#/effects/0/kind", "An event has no amount"),
            (definition(per_unit(of="items")), "#/effects/0/of", "The choices are: sale, matching_lines."),
            (definition(per_unit(of=[])), "#/effects/0/of", "“a list” is no choice"),
            (definition(per_unit(lines=COFFEE)), "#/effects/0/lines", "only where “of” is “matching_lines”"),
            (definition(per_unit(of="matching_lines")), "#/effects/0/lines", "which lines count"),
            (
                definition(
                    per_unit(of="matching_lines", lines={"all": [leaf("sale.amount", "gte", "1.00")]})
                ),
                "#/effects/0/lines/all/0/fact",
                "The nearest are: line.amount",
            ),
            (definition(times("1")), "#/effects/0/factor", "more than 1 and at most 1000"),
            (definition(times("1000.1")), "#/effects/0/factor", "more than 1 and at most 1000"),
            (definition(times(2.5)), "#/effects/0/factor", "not 2.5"),
            (definition(times("Infinity")), "#/effects/0/factor", "not Infinity"),
        ],
    )
    def test_that_is_wrong_names_the_place_and_what_would_be_right(self, raw, pointer, text):
        found = problems(raw)

        assert [problem.pointer for problem in found] == [pointer]
        assert text in found[0].text()

    def test_that_is_wrong_in_many_places_names_them_all(self):
        raw = definition(
            fixed(0),
            times("x"),
            trigger={"kind": "sail"},
            conditions={"all": [leaf("sale.amount", "gte", 50), leaf("member.teir", "eq", "gold")]},
            schedule={"starts_at": "now"},
        )

        assert [problem.pointer for problem in problems(raw)] == [
            "#/trigger/kind",
            "#/conditions/all/0/value",
            "#/conditions/all/1/fact",
            "#/effects/0/points",
            "#/effects/1/factor",
            "#/schedule/starts_at",
        ]

    def test_that_is_wrong_is_not_compiled(self):
        with pytest.raises(InvalidDefinition, match="#/effects/0/points: This must be from 1") as refused:
            campaign(fixed(0))

        assert len(refused.value.problems) == 1

    def test_may_only_name_wallet_types_that_there_are_where_they_are_told(self):
        raw = definition(fixed(), fixed(wallet_type="stars"))

        found = problems(raw, wallet_types=["points", "status"])

        assert [str(problem) for problem in found] == [
            "#/effects/1/wallet_type: There is no wallet type “stars”. There are: points, status."
        ]
        assert problems(raw) == ()
        assert problems(raw, wallet_types=["points", "stars"]) == ()

    def test_of_an_event_may_ask_for_the_events_attributes(self):
        raw = definition(trigger=EVENT, conditions=leaf("event.attribute.level", "gte", 3))

        assert parse(raw).trigger.event_type == "app.login"

    def test_of_an_event_may_not_ask_for_a_sale(self):
        raw = definition(trigger=EVENT, conditions=leaf("sale.amount", "gte", "3.00"))

        assert [problem.pointer for problem in problems(raw)] == ["#/conditions/fact"]
