import copy
import json
from decimal import Decimal
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.engine import conditions, definition
from rewards.engine.catalogue import SCOPES
from rewards.engine.evaluate import Rulebook, compile_campaign, evaluate, run
from rewards.engine.explain import explain, sentence
from rewards.engine.facts import MemberFacts
from rewards.engine.limits import period_key
from rewards.engine.problems import Place
from rewards.engine.tally import Entrant
from tests.rewards.engine import reference, strategies

roundings = st.sampled_from(["down", "half_up", "up"])
many = settings(max_examples=100)


def compiled(definitions):
    return [
        compile_campaign(version_id=UUID(int=number), campaign_key=f"c{number}", name="", definition=raw)
        for number, raw in enumerate(definitions)
    ]


class TestAnyTree:
    @many
    @given(tree=strategies.trees, facts=strategies.facts())
    def test_means_what_the_reference_says(self, tree, facts):
        place = Place()
        node = conditions.parse(tree, scope=SCOPES["sale"], place=place)

        assert place.problems == []
        assert node
        assert conditions.compile(node)(facts) is reference.meets(tree, facts)


class TestAnyCampaigns:
    @many
    @given(
        raws=st.lists(strategies.definitions, min_size=1, max_size=5),
        facts=strategies.facts(),
        rounding=roundings,
        shuffle=st.randoms(),
    )
    def test_give_the_same_in_any_order_and_explain_the_same(self, raws, facts, rounding, shuffle):
        campaigns = compiled(raws)
        awards = evaluate(Rulebook(campaigns), facts, rounding=rounding)

        shuffle.shuffle(campaigns)
        verdicts = explain(campaigns, facts, rounding=rounding)

        assert evaluate(campaigns, facts, rounding=rounding) == awards
        assert tuple(award for verdict in verdicts for award in verdict.awards) == awards
        assert all(verdict.text() for verdict in verdicts)
        assert all(verdict.has_matched or not verdict.awards for verdict in verdicts)

    @many
    @given(
        raws=st.lists(strategies.definitions, min_size=1, max_size=5),
        facts=strategies.facts(),
        rounding=roundings,
    )
    def test_give_multiples_of_the_base_points_and_account_for_every_line(self, raws, facts, rounding):
        awards = evaluate(compiled(raws), facts, rounding=rounding)

        base = {"points": 0, "status": 0}
        for award in awards:
            base[award.wallet_type] += award.points if award.is_base else 0
        for award in awards:
            effect = raws[award.version_id.int]["effects"][award.effect]
            assert award.points > 0
            if award.line_points is not None:
                assert sum(award.line_points.values()) == award.points
            if effect["kind"] == "multiplier":
                exact = (Decimal(effect["factor"]) - 1) * base[award.wallet_type]
                assert abs(award.points - exact) < 1

    @many
    @given(raw=strategies.definitions, facts=strategies.facts(), rounding=roundings)
    def test_give_the_same_again_from_what_is_stored(self, raw, facts, rounding):
        [campaign] = compiled([raw])
        stored = msgspec.json.decode(msgspec.json.encode(facts.member.to_json()))
        later = type(facts)(
            activity=facts.activity, member=MemberFacts.from_json(stored), moment=facts.moment
        )
        [read_again] = compiled([json.loads(json.dumps(raw))])

        assert evaluate([read_again], later, rounding=rounding) == evaluate(
            [campaign], facts, rounding=rounding
        )

    @many
    @given(raw=strategies.definitions, rounding=roundings)
    def test_can_be_told_in_a_sentence(self, raw, rounding):
        assert sentence(raw, currency="EUR", rounding=rounding).startswith("For every sale")


class TestAnyLimitedCampaigns:
    @many
    @given(
        raws=st.lists(strategies.whole_definitions, min_size=1, max_size=5),
        facts=strategies.facts(),
        data=st.data(),
        shuffle=st.randoms(),
    )
    def test_give_the_same_in_any_order_and_explain_the_same(self, raws, facts, data, shuffle):
        campaigns = compiled(raws)
        usage = data.draw(strategies.usages(campaigns=len(raws), at=facts.moment.local))
        outcome = run(Rulebook(campaigns), facts, rounding="down", usage=usage)

        shuffle.shuffle(campaigns)
        verdicts = explain(campaigns, facts, rounding="down", usage=usage)

        assert run(campaigns, facts, rounding="down", usage=usage) == outcome
        assert tuple(award for verdict in verdicts for award in verdict.awards) == outcome.awards
        assert tuple(gift for verdict in verdicts for gift in verdict.gifts) == outcome.gifts
        assert all(verdict.text() for verdict in verdicts)
        assert all(verdict.has_matched or not verdict.awards for verdict in verdicts)

    @many
    @given(
        raws=st.lists(strategies.whole_definitions, min_size=1, max_size=5),
        facts=strategies.facts(),
        data=st.data(),
    )
    def test_never_give_more_than_any_limit_leaves(self, raws, facts, data):
        local = facts.moment.local
        usage = data.draw(strategies.usages(campaigns=len(raws), at=local))

        outcome = run(compiled(raws), facts, rounding="up", usage=usage)

        for campaign in compiled(raws):
            own = [award for award in outcome.awards if award.campaign_key == campaign.key]
            gives = bool(own) or any(gift.campaign_key == campaign.key for gift in outcome.gifts)
            uses = [use for use in outcome.uses if use.campaign_key == campaign.key]
            limits = campaign.definition.limits
            assert len(uses) == (1 if gives and limits.are_counted else 0)
            if not gives:
                continue
            points = sum(a.points for a in own if a.wallet_type == main_wallet_type(campaign, facts))
            cost = sum(a.points for a in own if a.wallet_type == "points") * Decimal("0.01")
            assert limits.at_most is None or points <= limits.at_most
            for limit in limits.per_member:
                times, before = usage.counted(campaign.key, period_key(limit.period, local))
                assert limit.times is None or times < limit.times
                assert limit.points is None or before + points <= max(limit.points, before)
            for budget in limits.in_all:
                left = usage.left_of(campaign.key, budget)
                assert {"times": 1, "points": points, "money": cost}[budget.unit] <= left

    @many
    @given(
        raws=st.lists(strategies.whole_definitions, min_size=1, max_size=5),
        facts=strategies.facts(),
        data=st.data(),
    )
    def test_account_for_every_line_and_give_of_each_group_once(self, raws, facts, data):
        usage = data.draw(strategies.usages(campaigns=len(raws), at=facts.moment.local))

        outcome = run(compiled(raws), facts, rounding="half_up", usage=usage)

        givers = {award.campaign_key for award in outcome.awards}
        givers |= {gift.campaign_key for gift in outcome.gifts}
        groups = [raws[int(key[1:])].get("stacking", {}).get("group") for key in givers]
        assert all(groups.count(group) == 1 for group in groups if group)
        for award in outcome.awards:
            assert award.points > 0
            assert not award.line_points or sum(award.line_points.values()) == award.points

    @many
    @given(raw=strategies.whole_definitions)
    def test_can_be_told_in_a_sentence(self, raw):
        assert sentence(raw, currency="EUR", rounding="down").startswith("For every sale")

    @many
    @given(raw=strategies.whole_definitions, data=st.data())
    def test_with_anything_in_place_of_a_part_are_refused_without_an_error(self, raw, data):
        for problem in definition.problems(with_something_else(raw, data)):
            assert problem.text()


def main_wallet_type(campaign, facts):
    """The kind of points that a campaign's limits count for this member."""
    return Entrant(campaign, facts).wallet_type


class TestAnyJson:
    @many
    @given(raw=strategies.json)
    def test_is_refused_as_a_definition_with_its_problems(self, raw):
        found = definition.problems(raw)

        assert found
        assert all(problem.text() and problem.pointer.startswith("#") for problem in found)

    @many
    @given(raw=strategies.definitions, data=st.data())
    def test_in_place_of_a_part_never_gets_past_the_reader_as_an_error(self, raw, data):
        for problem in definition.problems(with_something_else(raw, data)):
            assert problem.text()


def with_something_else(raw, data):
    """The definition with any JSON in place of any part of it."""
    broken = copy.deepcopy(raw)
    parent = broken
    while True:
        keys = list(parent) if isinstance(parent, dict) else range(len(parent))
        step = data.draw(st.sampled_from(list(keys)))
        if not isinstance(parent[step], dict | list) or not parent[step] or data.draw(st.booleans()):
            break
        parent = parent[step]
    parent[step] = data.draw(strategies.json)
    return broken
