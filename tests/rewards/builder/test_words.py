"""Texts, facts and kinds that the builder's sources use are those that the server brings."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from rewards.admin.building.kinds import EFFECTS, OCCASIONS
from rewards.admin.building.lists import LIST_OF_FACT, SOURCES
from rewards.admin.building.words import WORDS
from rewards.engine import effects, triggers
from rewards.engine.catalogue import SCOPES

SOURCES_OF_BUILDER = Path(settings.BASE_DIR) / "rewards" / "builder" / "src"
TEXT = "\n".join(path.read_text() for path in sorted(SOURCES_OF_BUILDER.glob("*.ts*")))
BEGINNINGS = tuple(re.findall(r"\bt\(`(\w+_)\$", TEXT))


class TestWords:
    def test_each_word_that_is_asked_for_is_there(self):
        asked = set(re.findall(r'\bt\("(\w+)"', TEXT))

        assert len(asked) > 150
        assert asked - WORDS.keys() == set()

    def test_none_is_brought_in_vain(self):
        quoted = set(re.findall(r'"(\w+)"', TEXT))

        assert {key for key in WORDS if key not in quoted and not key.startswith(BEGINNINGS)} == set()


class TestKinds:
    def test_every_trigger_of_the_engine_can_be_chosen(self):
        assert {occasion.kind for occasion in OCCASIONS} == set(triggers.KINDS)

    def test_every_effect_of_the_engine_can_be_chosen(self):
        assert {effect.kind for effect in EFFECTS} == set(effects.KINDS)


class TestLists:
    @pytest.mark.parametrize("fact", LIST_OF_FACT)
    def test_are_of_facts_that_there_are(self, fact: str):
        assert any(scope.find(fact) for scope in SCOPES.values())
        assert LIST_OF_FACT[fact] in SOURCES
