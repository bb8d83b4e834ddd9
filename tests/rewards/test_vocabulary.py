"""The names that texts use for the keys of rules."""

from members.models import Segment
from rewards import vocabulary
from tests import factories


class TestNamed:
    def test_names_tiers_and_segments_of_the_program_alone(self, ladder, program, django_assert_num_queries):
        Segment.objects.create(program=program, key="coffee", name="Coffee lovers")
        Segment.objects.create(program=factories.ProgramFactory.create(), key="tea", name="Tea")

        with django_assert_num_queries(2):
            names = vocabulary.named(program)

        assert names[("tier", "gold")] == "Gold"
        assert names[("segment", "coffee")] == "Coffee lovers"
        assert ("segment", "tea") not in names
