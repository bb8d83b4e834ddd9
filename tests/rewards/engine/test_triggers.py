from typing import Any

import pytest

from rewards.engine import definition as definitions
from rewards.engine.evaluate import Rulebook
from rewards.engine.explain import explain
from rewards.engine.triggers import KINDS, OCCASIONS
from tests.rewards.engine.builders import campaign, definition, event, facts, fixed, sale

NARROWED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "identifier_added": ({"identifiers": ["email"]}, {"identifier": "email"}, {"identifier": "card"}),
    "tier_reached": ({"tiers": ["gold"]}, {"tier": "gold"}, {"tier": "silver"}),
    "segment_entered": ({"segments": ["vips"]}, {"segment": "vips"}, {"segment": "others"}),
    "challenge_completed": ({"challenges": ["ten"]}, {"challenge": "ten"}, {}),
    "inactivity": ({"days": 60}, {"days": 60}, {"days": 90}),
    "code_entered": ({"codes": ["Summer 26"]}, {"code": " SUMMER26"}, {"code": "winter26"}),
    "check_in": ({"stores": ["mitte"]}, {"store": "mitte"}, {"store": "wedding"}),
}


def matching(trigger, activity):
    return bool(Rulebook([campaign(trigger=trigger)]).matching(facts(activity)))


class TestATrigger:
    @pytest.mark.parametrize("kind", OCCASIONS)
    def test_hears_the_event_of_its_occasion_and_no_sale(self, kind):
        more, found, _ = NARROWED.get(kind, ({}, {}, {}))

        assert matching({"kind": kind, **more}, event(OCCASIONS[kind], **found))
        assert not matching({"kind": kind, **more}, sale())
        assert not matching({"kind": kind, **more}, event("app.login"))

    @pytest.mark.parametrize("kind", NARROWED)
    def test_that_is_narrowed_hears_only_what_is_wanted_and_says_so(self, kind):
        more, _, other = NARROWED[kind]
        activity = event(OCCASIONS[kind], **other)

        assert not matching({"kind": kind, **more}, activity)
        [verdict] = explain([campaign(trigger={"kind": kind, **more})], facts(activity), rounding="down")
        assert "is for another" in verdict.text() or "is not one of its codes" in verdict.text()

    @pytest.mark.parametrize(
        "kind", [kind for kind in NARROWED if kind not in ("inactivity", "code_entered")]
    )
    def test_that_is_not_narrowed_hears_all(self, kind):
        assert matching({"kind": kind}, event(OCCASIONS[kind], **NARROWED[kind][2]))

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("sale", "event")])
    def test_says_in_words_what_it_hears(self, kind):
        more, _, _ = NARROWED.get(kind, ({}, {}, {}))
        [verdict] = explain([campaign(trigger={"kind": kind, **more})], facts(sale()), rounding="down")

        assert verdict.text().startswith("is for ")

    @pytest.mark.parametrize(
        ("trigger", "pointer", "text"),
        [
            ({"kind": "birthday", "event_type": "x"}, "#/trigger/event_type", "Only events"),
            ({"kind": "birthday", "tiers": ["gold"]}, "#/trigger/tiers", "does not go with “birthday”"),
            ({"kind": "inactivity"}, "#/trigger/days", "must be a whole number"),
            ({"kind": "inactivity", "days": 1_096}, "#/trigger/days", "from 1 to 1,095"),
            ({"kind": "code_entered"}, "#/trigger/codes", "must be a list"),
            ({"kind": "code_entered", "codes": [""]}, "#/trigger/codes/0", "must be a text"),
            ({"kind": "tier_reached", "tiers": ["Gold!"]}, "#/trigger/tiers/0", "must be a key"),
            ({"kind": "tier_reached", "tiers": []}, "#/trigger/tiers", "needs at least one tier"),
            (
                {"kind": "event", "event_type": "member.birthday"},
                "#/trigger/event_type",
                "choose “birthday” instead",
            ),
        ],
    )
    def test_that_is_wrong_is_refused_at_its_place(self, trigger, pointer, text):
        [problem] = definitions.problems(definition(fixed(), trigger=trigger))

        assert problem.pointer == pointer
        assert text in problem.text()
