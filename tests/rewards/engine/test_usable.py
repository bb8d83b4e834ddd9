from typing import Any
from uuid import UUID

import pytest
from hypothesis import given

from rewards.engine import conditions, usable
from rewards.engine.evaluate import CompiledCampaign, compile_campaign
from rewards.engine.facts import MemberFacts, Moment
from rewards.engine.limits import NOTHING_USED, Usage
from rewards.engine.usable import Candidate
from tests.rewards.engine import strategies
from tests.rewards.engine.builders import ADA, SATURDAY_NOON, campaign, fixed, leaf, times

GOLD = MemberFacts(tier="gold", balance=0, enrolled_date=ADA.enrolled_date, segments=frozenset({"coffee"}))
BIG = leaf("sale.amount", "gte", "50.00")
SILVER = leaf("member.tier", "eq", "silver")
GOLDEN = leaf("member.tier", "eq", "gold")
WEEKEND = leaf("moment.weekday", "in", ["saturday", "sunday"])


def text(
    rule: CompiledCampaign, *, member: MemberFacts = ADA, at: Any = SATURDAY_NOON, usage: Usage = NOTHING_USED
) -> str | None:
    """What the member is told of the campaign; None if nothing, or if there is nothing to be used."""
    for found in usable.usable([Candidate(rule)], member=member, moment=Moment(at), usage=usage):
        variant = rule.definition.variant_of(rule.key, member.id)
        said = usable.said(rule, found.left, variant, currency="EUR", rounding="down")
        return said.text() if said else None
    return None


def rule(*tree: Any, **parts: Any) -> CompiledCampaign:
    if tree:
        parts["conditions"] = {"all": list(tree)}
    return campaign(fixed(100), **parts)


class TestUsable:
    def test_tells_what_the_purchase_must_be_like_and_not_what_the_member_is_like(self):
        assert text(rule(BIG, SILVER)) == "For every sale of at least €50.00: 100 points."

    def test_of_a_campaign_for_any_purchase_tells_just_that(self):
        assert text(rule()) == "For every sale: 100 points."
        assert text(rule(SILVER, WEEKEND)) == "For every sale: 100 points."

    @pytest.mark.parametrize(
        "parts",
        [
            {"audience": {"tiers": ["gold"]}},
            {"audience": {"segments": ["coffee"]}},
            {"conditions": {"all": [GOLDEN, BIG]}},
            {"conditions": {"none": [SILVER, BIG]}},
            {"conditions": {"any": [GOLDEN, {"all": [GOLDEN, BIG]}]}},
            {"schedule": {"starts_at": "2026-06-07T00:00:00Z"}},
            {"schedule": {"ends_at": "2026-06-06T10:00:00Z"}},
            {"schedule": {"weekdays": ["monday"]}},
        ],
    )
    def test_leaves_out_what_no_purchase_of_the_member_could_meet_now(self, parts):
        assert text(campaign(fixed(100), **parts)) is None

    def test_is_another_for_another_member(self):
        assert text(campaign(fixed(100), audience={"segments": ["coffee"]}), member=GOLD) is not None

    def test_of_several_ways_tells_those_that_are_open_to_the_member(self):
        tea = leaf("sale.categories", "has_any", ["tea"])

        either = campaign(fixed(100), conditions={"any": [{"all": [GOLDEN, BIG]}, tea]})

        assert "50.00" in str(text(either, member=GOLD))
        assert "50.00" not in str(text(either))

    def test_knows_that_one_way_is_enough(self):
        assert text(campaign(fixed(100), conditions={"any": [SILVER, BIG]})) == "For every sale: 100 points."

    @pytest.mark.parametrize(("counted", "is_told"), [((1, 100), True), ((2, 200), False), ((0, 500), False)])
    def test_leaves_out_what_the_member_has_had_as_often_as_one_may(self, counted, is_told):
        limited = rule(limits={"per_member": [{"times": 2, "per": "day"}, {"points": 500, "per": "day"}]})

        found = text(limited, usage=Usage(counters={"welcome/day:2026-06-06": counted}))

        assert (found is not None) is is_told

    def test_leaves_out_what_has_nothing_left(self):
        limited = rule(limits={"in_all": [{"points": 1000}]})

        assert text(limited, usage=Usage(left={"welcome/points": 0})) is None
        assert text(limited) is not None

    def test_leaves_out_those_who_are_held_out_to_compare_with(self):
        held_out = rule(audience={"control_percent": 50})
        people = [MemberFacts(**{**_known(ADA), "id": f"member-{number}"}) for number in range(200)]

        told = [person.id for person in people if text(held_out, member=person)]

        treated = [p.id for p in people if not held_out.definition.audience.holds_out("welcome", p)]
        assert told == treated
        assert 0 < len(told) < 200

    def test_tells_each_member_their_own_variant(self):
        variants = [
            {"key": key, "percent": 50, "effects": [fixed(points)]} for key, points in (("a", 10), ("b", 20))
        ]
        parts = compile_campaign(
            version_id=UUID(int=1),
            campaign_key="ab",
            name="A or B",
            definition={"trigger": {"kind": "sale"}, "audience": {"variants": variants}},
        )
        people = [MemberFacts(**{**_known(ADA), "id": f"member-{number}"}) for number in range(50)]

        told = {text(parts, member=person) for person in people}

        assert told == {"For every sale: 10 points.", "For every sale: 20 points."}

    def test_says_nothing_of_messages_and_signals(self):
        message = {"kind": "message", "text": "Hello"}

        assert usable.could_be_used([campaign(message)]) == []
        assert text(campaign(fixed(100), message)) == "For every sale: 100 points."

    @pytest.mark.parametrize("trigger", [{"kind": "birthday"}, {"kind": "code_entered", "codes": ["SPRING"]}])
    def test_tells_of_nothing_that_happens_by_itself_or_takes_a_secret(self, trigger):
        assert usable.could_be_used([campaign(fixed(100), trigger=trigger)]) == []

    @pytest.mark.parametrize(
        ("parts", "is_personal"),
        [
            ({}, False),
            ({"conditions": {"all": [BIG]}}, False),
            ({"conditions": {"all": [BIG, SILVER]}}, True),
            ({"audience": {"tiers": ["silver"]}}, True),
        ],
    )
    def test_knows_which_are_not_for_everybody(self, parts, is_personal):
        (found,) = usable.usable(
            [Candidate(campaign(fixed(100), **parts))],
            member=ADA,
            moment=Moment(SATURDAY_NOON),
            usage=NOTHING_USED,
        )

        assert found.is_personal is is_personal

    def test_keeps_what_it_has_worked_out_apart_for_those_who_differ(self):
        kept = [
            Candidate(rule({"any": [{"all": [GOLDEN, BIG]}, leaf("sale.categories", "has_any", ["tea"])]}))
        ]

        for_ada, for_gold, for_ada_again = (
            usable.usable(kept, member=member, moment=Moment(SATURDAY_NOON), usage=NOTHING_USED)
            for member in (ADA, GOLD, ADA)
        )

        assert for_ada[0].left != for_gold[0].left
        assert for_ada_again[0] is for_ada[0]

    @given(tree=strategies.trees, seen=strategies.facts())
    def test_a_purchase_meets_a_campaign_if_it_was_offered_and_meets_what_was_left(self, tree, seen):
        one = campaign(fixed(100), conditions=tree)

        found = usable.usable([Candidate(one)], member=seen.member, moment=seen.moment, usage=NOTHING_USED)

        left_is_met = any(offer.left is None or conditions.compile(offer.left)(seen) for offer in found)
        assert left_is_met == bool(one.applies(seen))


class TestNames:
    def test_names_all_that_may_be_said_of_it(self):
        rules = [campaign(times(), {"kind": "badge", "badge": "early"}, key="double")]

        assert usable.names(rules) == {("campaign", "double"), ("badge", "early")}


def _known(member: MemberFacts) -> dict[str, Any]:
    return {name: getattr(member, name) for name in member.__struct_fields__}


class TestGroups:
    """Campaigns of which one gives for an activity."""

    FIRST = {"group": "deals", "choose": "first"}

    def keys(self, *rules: CompiledCampaign) -> list[str]:
        found = usable.usable(
            [Candidate(rule) for rule in rules], member=ADA, moment=Moment(SATURDAY_NOON), usage=NOTHING_USED
        )
        return [one.campaign.key for one in found]

    def test_leave_out_what_another_always_comes_before(self):
        always = campaign(fixed(10), key="always", stacking={**self.FIRST, "priority": 9})
        never = campaign(fixed(500), key="never", conditions={"all": [BIG]}, stacking=self.FIRST)

        assert self.keys(always, never) == ["always"]

    def test_keep_what_comes_before_or_asks_for_something_else(self):
        first = campaign(
            fixed(10), key="first", conditions={"all": [BIG]}, stacking={**self.FIRST, "priority": 9}
        )
        second = campaign(fixed(500), key="second", stacking=self.FIRST)

        assert self.keys(first, second) == ["first", "second"]

    @pytest.mark.parametrize(
        "parts",
        [
            {"limits": {"per_member": [{"per": "day", "times": 1}]}},
            {"trigger": {"kind": "event", "event_type": "app.login"}},
            {"stacking": {"group": "deals", "choose": "best", "priority": 9}},
            {"stacking": {"group": "others", "choose": "first", "priority": 9}},
        ],
    )
    def test_keep_what_another_may_leave_room_for(self, parts):
        stacking = {"stacking": {**self.FIRST, "priority": 9}}
        before = campaign(fixed(10), key="before", **{**stacking, **parts})
        after = campaign(fixed(500), key="after", stacking=self.FIRST)

        assert "after" in self.keys(before, after)

    def test_are_told_as_alternatives(self):
        found = usable.instead_of([("a", "deals"), ("b", ""), ("c", "deals"), ("d", "others")])

        assert found == {"a": ("c",), "c": ("a",), "d": ()}
