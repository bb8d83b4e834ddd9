"""Who is on a list, what is published of it, and that nothing crosses programs."""

import pytest

from loyalty.core.ids import new_id
from loyalty.core.models import Event
from members import segments
from members.models import Member, Segment, SegmentKind, SegmentMember
from members.segments import SegmentIsDynamic, Turnover
from tests import factories


@pytest.fixture
def guests(program) -> Segment:
    return Segment.objects.create(program=program, key="guests", name="Guests", kind=SegmentKind.LIST)


@pytest.fixture
def four(program) -> list[Member]:
    return factories.MemberFactory.create_batch(4, program=program)


def on(segment: Segment) -> set[object]:
    return set(SegmentMember.objects.filter(segment=segment).values_list("member_id", flat=True))


def told() -> list[tuple[str, object, object]]:
    rows = Event.objects.filter(type__startswith="segment.").order_by("number")
    return [(event.type, event.member_id, event.data["segment"]) for event in rows]


class TestAdd:
    def test_puts_members_on_the_list_and_publishes_it(self, guests, four, noon):
        entered = segments.add(guests, member_ids=[four[0].pk, four[1].pk, four[1].pk], at=noon)

        guests.refresh_from_db()
        assert entered == 2
        assert on(guests) == {four[0].pk, four[1].pk}
        assert (guests.member_count, guests.refreshed_at) == (2, noon)
        assert set(told()) == {("segment.entered", member.pk, "guests") for member in four[:2]}
        assert SegmentMember.objects.filter(since=noon, program=guests.program).count() == 2

    def test_leaves_alone_who_is_there_already(self, guests, four, noon):
        segments.add(guests, member_ids=[four[0].pk], at=noon)

        entered = segments.add(guests, member_ids=[four[0].pk, four[2].pk], at=noon)

        guests.refresh_from_db()
        assert (entered, guests.member_count, len(told())) == (1, 2, 2)

    def test_leaves_out_strangers_and_who_is_no_longer_active(self, guests, four, noon):
        stranger = factories.MemberFactory.create()
        Member.objects.filter(pk=four[3].pk).update(status="blocked")

        entered = segments.add(guests, member_ids=[stranger.pk, four[3].pk, new_id()], at=noon)

        assert (entered, on(guests), told()) == (0, set(), [])

    def test_refuses_a_segment_that_conditions_describe(self, program, four, noon):
        dynamic = Segment.objects.create(program=program, key="all", name="All")

        with pytest.raises(SegmentIsDynamic, match="kept by its conditions"):
            segments.add(dynamic, member_ids=[four[0].pk], at=noon)

        assert on(dynamic) == set()

    def test_costs_as_many_queries_for_many_as_for_one(self, guests, four, noon, django_assert_num_queries):
        with django_assert_num_queries(
            6
        ):  # a savepoint and its release, the turn, how to plan twice, one statement
            segments.add(guests, member_ids=[member.pk for member in four], at=noon)


class TestRemove:
    def test_takes_members_off_and_publishes_it(self, guests, four, noon):
        segments.add(guests, member_ids=[member.pk for member in four], at=noon)

        left = segments.remove(guests, member_ids=[four[0].pk, new_id()], at=noon)

        guests.refresh_from_db()
        assert (left, guests.member_count) == (1, 3)
        assert told()[-1] == ("segment.left", four[0].pk, "guests")


class TestReplace:
    def test_writes_only_what_differs(self, guests, four, noon):
        segments.add(guests, member_ids=[four[0].pk, four[1].pk], at=noon)

        moved = segments.replace(guests, member_ids=[four[1].pk, four[2].pk], at=noon)

        guests.refresh_from_db()
        assert moved == Turnover(entered=1, left=1)
        assert on(guests) == {four[1].pk, four[2].pk}
        assert guests.member_count == 2
        assert set(told()[2:]) == {
            ("segment.entered", four[2].pk, "guests"),
            ("segment.left", four[0].pk, "guests"),
        }
