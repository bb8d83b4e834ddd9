from hashlib import sha256

import pytest
from msgspec.structs import replace

from rewards.engine import definition as definitions
from rewards.engine.assignment import part
from rewards.engine.evaluate import compile_campaign, evaluate, run
from rewards.engine.explain import explain, sentence
from tests.rewards.engine.builders import ADA, campaign, definition, facts, fixed

MEMBERS = [str(number) for number in range(4_000)]


def verdict(audience, member=ADA):
    [found] = explain([campaign(audience=audience)], facts(member=member), rounding="down")
    return found


def member(**known):
    return replace(ADA, **known)


class TestAnAudience:
    @pytest.mark.parametrize(
        ("audience", "segments", "text"),
        [
            ({"segments": ["coffee"]}, {"coffee", "vips"}, None),
            ({"segments": ["coffee", "tea"]}, {"tea"}, None),
            ({"segments": ["coffee"]}, {"vips"}, "not in segment coffee"),
            ({"segments": ["coffee", "tea"]}, set(), "not in segment coffee or tea"),
            ({"not_segments": ["staff"]}, {"vips"}, None),
            ({"not_segments": ["staff"]}, {"staff"}, "not for members of staff"),
            ({"tiers": ["silver", "gold"]}, set(), None),
            ({"tiers": ["gold"]}, set(), "needs tier gold, member has silver"),
            ({}, set(), None),
        ],
    )
    def test_is_who_is_in_its_segments_and_tiers(self, audience, segments, text):
        found = verdict(audience, member(segments=frozenset(segments)))

        assert found.has_matched is (text is None)
        assert text is None or found.text() == text

    def test_asks_for_the_segments_that_it_and_its_conditions_look_at(self):
        rule = campaign(
            audience={"segments": ["coffee"], "not_segments": ["staff"]},
            conditions={
                "none": [{"fact": "member.segments", "operator": "has_any", "value": ["lost", "new"]}]
            },
        )

        assert rule.definition.segments == {"coffee", "staff", "lost", "new"}

    def test_is_told_in_words_by_names_where_there_are_any(self):
        raw = definition(
            fixed(),
            audience={
                "segments": ["coffee"],
                "not_segments": ["staff"],
                "tiers": ["gold"],
                "control_percent": 10,
            },
        )

        said = sentence(raw, currency="EUR", names={("segment", "coffee"): "Coffee lovers"})

        assert said == (
            "For every sale by members of Coffee lovers by members outside staff by a member in tier gold:"
            " 50 points. 10 % of members are held out as a control group."
        )


class TestTheControlGroup:
    def test_is_a_stated_share_that_stays_when_the_share_grows(self):
        def held_out(percent):
            rule = campaign(audience={"control_percent": percent})
            return {
                each
                for each in MEMBERS
                if not evaluate([rule], facts(member=member(id=each)), rounding="down")
            }

        tenth, half = held_out(10), held_out(50)

        assert 340 < len(tenth) < 460
        assert 1_880 < len(half) < 2_120
        assert tenth < half

    def test_is_said_to_those_who_would_have_got_something(self):
        lost = next(each for each in MEMBERS if part("welcome", each, "control") < 1_000)

        found = verdict({"control_percent": 10}, member(id=lost))

        assert not found.has_matched
        assert found.text() == "in the control group, which is 10 % of the members"

    def test_is_not_said_to_those_whom_it_is_not_for(self):
        lost = next(each for each in MEMBERS if part("welcome", each, "control") < 1_000)

        found = verdict({"control_percent": 10, "tiers": ["gold"]}, member(id=lost))

        assert found.text() == "needs tier gold, member has silver"

    def test_comes_from_four_bytes_of_a_hash(self):
        expected = int(sha256(b"control:welcome:ada").hexdigest()[:8], 16) % 10_000

        assert part("welcome", "ada", "control") == expected


TWO_WAYS = {
    "variants": [
        {"key": "small", "name": "Ten points", "percent": 30, "effects": [fixed(10)]},
        {"key": "big", "percent": 70, "effects": [fixed(20), {"kind": "message", "text": "Thanks"}]},
    ]
}


class TestVariants:
    def test_go_to_their_shares_of_the_members_for_good(self):
        rule = campaign_with(TWO_WAYS)
        given = [run([rule], facts(member=member(id=each)), rounding="down") for each in MEMBERS]

        small = [outcome for outcome in given if outcome.awards[0].variant == "small"]

        assert 1_100 < len(small) < 1_300
        assert {(o.awards[0].points, o.awards[0].effect, len(o.gifts)) for o in small} == {(10, 0, 0)}
        assert {
            (o.awards[0].points, o.awards[0].effect, o.gifts[0].effect, o.gifts[0].variant)
            for o in given
            if o not in small
        } == {(20, 1, 2, "big")}

    def test_are_told_apart_in_the_sentence(self):
        raw = {"trigger": {"kind": "sale"}, "audience": TWO_WAYS}

        assert sentence(raw, currency="EUR") == (
            "For every sale: 30 % of members (“Ten points”): 10 points;"
            " 70 % of members (“big”): 20 points, and the message “Thanks”."
        )

    @pytest.mark.parametrize(
        ("variants", "pointer", "text"),
        [
            ([], "/variants", "at least one variant"),
            (TWO_WAYS["variants"][:1], "/variants", "at least 2 variants"),
            ([*TWO_WAYS["variants"], *TWO_WAYS["variants"]][:3], "/variants", "key of its own"),
            ([{**each, "percent": 40} for each in TWO_WAYS["variants"]], "/variants", "make 80 percent"),
            ([{"key": "a", "percent": 0, "effects": [fixed()]}] * 2, "/variants/0/percent", "from 1 to 99"),
            ([{"key": "a", "percent": 50, "effects": []}] * 2, "/variants/0/effects", "at least one effect"),
            ([7, 8], "/variants/0", "must be an object"),
            (
                [{**each, "name": "x" * 61} for each in TWO_WAYS["variants"]],
                "/variants/0/name",
                "60 characters",
            ),
        ],
    )
    def test_that_do_not_hold_together_are_refused(self, variants, pointer, text):
        found = definitions.problems({"trigger": {"kind": "sale"}, "audience": {"variants": variants}})

        assert found[0].pointer == f"#/audience{pointer}"
        assert text in found[0].text()

    def test_leave_no_effects_outside_them(self):
        found = definitions.problems(definition(fixed(), audience=TWO_WAYS))

        assert [problem.pointer for problem in found] == ["#/effects"]


def campaign_with(audience):
    return compile_campaign(
        version_id=campaign().version_id,
        campaign_key="welcome",
        name="Welcome",
        definition={"trigger": {"kind": "sale"}, "audience": audience},
    )
