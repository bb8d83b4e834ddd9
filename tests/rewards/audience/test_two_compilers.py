"""The predicate of Python and the condition of SQL are one: see Note [Two compilers]."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.core.db import fetch
from rewards import segmenting
from rewards.audience.members import selection
from rewards.engine.conditions import compile
from tests.rewards.audience import worlds
from tests.rewards.audience.trees import conditions, trees
from tests.rewards.audience.worlds import World

examples = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
moments = pytest.mark.parametrize(
    ("at", "zone"),
    list(zip(worlds.MOMENTS, [*worlds.ZONES, *worlds.ZONES], strict=False)),
    ids=lambda value: value if isinstance(value, str) else f"{value:%Y-%m-%d}",
)


def disagreements(world: World, trees: Iterable[Any]) -> list[Any]:
    """The members of whom the two compilers think differently, with the tree."""
    found = []
    for tree in trees:
        node = segmenting.parse(tree)
        assert node is not None
        holds = compile(node)
        by_python = {m.id for m in world.members if m.status == "active" and holds(world.facts(m, node))}
        text, parameters = selection(world.program, node, at=world.at)
        by_sql = {member_id for (member_id,) in fetch(text, parameters, is_kept=False)}
        found += [(tree, m) for m in world.members if m.id in by_python ^ by_sql]
    return found


@pytest.mark.django_db
class TestTwoCompilers:
    @moments
    def test_agree_on_each_fact_and_value_also_turned_round(self, at, zone):
        world = World(worlds.everybody(), zone=zone, at=at, has_ladder=True)

        @settings(examples, max_examples=150)
        @given(leaf=conditions())
        def agree(leaf):
            assert disagreements(world, [leaf, {"none": [leaf]}]) == []

        agree()

    @moments
    def test_agree_on_random_trees(self, at, zone):
        world = World(worlds.everybody(), zone=zone, at=at, has_ladder=False)

        @settings(examples, max_examples=40)
        @given(tree=trees)
        def agree(tree):
            assert disagreements(world, [tree]) == []

        agree()

    @settings(examples, max_examples=30)
    @given(
        tree=trees,
        members=st.lists(worlds.described, min_size=1, max_size=8),
        zone=st.sampled_from(worlds.ZONES),
        at=st.sampled_from(worlds.MOMENTS),
    )
    def test_agree_on_random_members(self, tree, members, zone, at):
        with transaction.atomic():
            world = World(members, zone=zone, at=at, has_ladder=True)
            found = disagreements(world, [tree])
            transaction.set_rollback(True)

        assert found == []
