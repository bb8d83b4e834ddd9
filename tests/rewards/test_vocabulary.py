"""The names that texts use for the keys of rules."""

from members.models import Segment
from rewards.engine import reasons
from rewards.telling import vocabulary
from tests import factories


class TestNamed:
    def test_names_what_is_asked_for_of_the_program_alone(self, ladder, program, django_assert_num_queries):
        Segment.objects.create(program=program, key="coffee", name="Coffee lovers")
        Segment.objects.create(program=factories.ProgramFactory.create(), key="tea", name="Tea")
        wanted = [("tier", "gold"), ("segment", "coffee"), ("segment", "tea"), ("moon", "full")]

        with django_assert_num_queries(2):
            names = vocabulary.named(program, wanted)

        assert names[("tier", "gold")] == "Gold"
        assert names[("segment", "coffee")] == "Coffee lovers"
        assert names[("segment", "tea")] == "tea"
        assert ("moon", "full") not in names

    def test_looks_nothing_up_twice(self, program, django_assert_num_queries):
        vocabulary.named(program, [("segment", "coffee")])

        with django_assert_num_queries(0):
            vocabulary.named(program, [("segment", "coffee")])


class TestSpoken:
    def test_says_names_wherever_a_reason_has_keys(self, program):
        Segment.objects.create(program=program, key="coffee", name="Coffee lovers")
        several = reasons.listed([reasons.key("segment", "coffee"), reasons.key("segment", "tea")], by="or")
        reason = reasons.Reason("not_in_segment", {"wanted": several})

        assert vocabulary.spoken(reason, program=program) == "not in segment Coffee lovers or tea"

    def test_asks_nothing_for_what_names_nothing(self, program, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert vocabulary.spoken(reasons.Reason("nothing"), program=program) == "none"
