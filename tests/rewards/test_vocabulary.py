"""The words of a program: facts, declared attributes, and what can be searched for."""

import pytest

from members.models import AttributeType, EventType, Segment
from rewards import vocabulary
from rewards.engine.catalogue import SCOPES
from rewards.vocabulary import Word
from tests import factories


def fact(words: vocabulary.Vocabulary, scope: str, key: str) -> vocabulary.KnownFact:
    (found,) = (known for known in words.facts[scope] if known.key == key)
    return found


class TestOf:
    def test_has_every_fact_of_the_engine_with_its_operators_in_words(self, program):
        words = vocabulary.of(program)

        assert all(
            [known.key for known in words.facts[name]] == [fact.key for fact in scope.facts()]
            for name, scope in SCOPES.items()
        )
        tier = fact(words, "member", "member.tier")
        assert (tier.label, tier.list, tier.type) == ("Tier", "tiers", "text")
        assert Word("not_in", "is none of") in tier.operators
        assert fact(words, "sale", "moment.weekday").choices[0] == Word("monday", "Monday")
        assert fact(words, "member", "history.spend").takes == "days"

    def test_has_the_attributes_that_the_program_declares_and_no_others(self, program):
        review = EventType.objects.create(program=program, name="review.posted", label="Review")
        AttributeType.objects.create(
            program=program, owner="event", event_type=review, name="stars", label="Stars", type="number"
        )
        AttributeType.objects.create(program=program, name="drink", label="Drink", choices=["tea", "coffee"])
        elsewhere = factories.ProgramFactory.create()
        AttributeType.objects.create(program=elsewhere, name="secret", label="Secret")

        words = vocabulary.of(program)

        drink = fact(words, "member", "member.attribute.drink")
        assert (drink.label, drink.declared, drink.choices[0]) == ("Drink", "text", Word("tea", "tea"))
        stars = fact(words, "event", "event.attribute.stars")
        assert (stars.type, stars.declared, stars.event_type) == ("decimal", "number", "review.posted")
        assert words.event_types == (Word("review.posted", "Review"),)
        assert not any(known.key.endswith("secret") for facts in words.facts.values() for known in facts)

    def test_asks_twice(self, program, django_assert_num_queries):
        with django_assert_num_queries(2):
            vocabulary.of(program)

    def test_names_lists_that_can_be_searched(self):
        assert set(vocabulary.LISTS_OF_FACTS.values()) <= set(vocabulary.LISTS)


class TestWithTypes:
    def test_says_the_type_of_what_is_declared_wherever_it_stands(self, program):
        AttributeType.objects.create(program=program, name="since", label="Since", type="date")
        leaf = {"fact": "member.attribute.since", "operator": "known", "value": True}
        other = {"fact": "member.attribute.other", "operator": "known", "value": True}

        typed = vocabulary.with_types({"all": [{"none": [leaf]}, other]}, program=program)

        assert typed == {"all": [{"none": [{**leaf, "type": "date"}]}, other]}

    def test_keeps_the_type_that_is_said(self, program):
        AttributeType.objects.create(program=program, name="since", label="Since", type="date")
        leaf = {"fact": "member.attribute.since", "operator": "known", "value": True, "type": "text"}

        assert vocabulary.with_types(leaf, program=program) == leaf

    def test_asks_which_event_it_is_about(self, program):
        review = EventType.objects.create(program=program, name="review.posted", label="Review")
        AttributeType.objects.create(
            program=program, owner="event", event_type=review, name="stars", label="Stars", type="number"
        )
        leaf = {"fact": "event.attribute.stars", "operator": "known", "value": True}

        assert "type" not in vocabulary.with_types(leaf, program=program, event_type="app.login")
        assert vocabulary.with_types(leaf, program=program, event_type="review.posted")["type"] == "number"


class TestSearch:
    @pytest.mark.parametrize("name", [name for name in vocabulary.LISTS if name not in vocabulary._KNOWN])
    def test_finds_nothing_of_another_program(self, program, ladder, name):
        elsewhere = factories.ProgramFactory.create()

        assert vocabulary.search(elsewhere, name, "") == []

    def test_finds_segments_by_part_of_their_name_those_that_begin_with_it_first(self, program):
        for key, label in [("a", "Not coffee"), ("b", "Coffee lovers"), ("c", "Tea")]:
            Segment.objects.create(program=program, key=key, name=label)

        assert vocabulary.search(program, "segments", "coff") == [("b", "Coffee lovers"), ("a", "Not coffee")]

    def test_does_not_offer_what_is_archived_and_still_names_it(self, program, noon):
        Segment.objects.create(program=program, key="old", name="Old", archived_at=noon)

        assert vocabulary.search(program, "segments", "") == []
        assert vocabulary.labels(program, "segments", ["old", "none"]) == {"old": "Old"}


class TestNamed:
    def test_names_tiers_and_segments_of_the_program_alone(self, ladder, program, django_assert_num_queries):
        Segment.objects.create(program=program, key="coffee", name="Coffee lovers")
        Segment.objects.create(program=factories.ProgramFactory.create(), key="tea", name="Tea")

        with django_assert_num_queries(2):
            names = vocabulary.named(program)

        assert names[("tier", "gold")] == "Gold"
        assert names[("segment", "coffee")] == "Coffee lovers"
        assert ("segment", "tea") not in names
