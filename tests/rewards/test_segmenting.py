"""Segments by conditions: who comes, who goes, and in which order segments are refreshed."""

from datetime import timedelta

import pytest

from loyalty.core.errors import InvalidInput
from loyalty.core.models import Event
from members.models import Member, Segment, SegmentMember
from members.segments import Turnover
from rewards import segmenting
from rewards.engine.problems import InvalidDefinition
from tests import factories


def leaf(fact, operator, value, **more):
    return {"fact": fact, "operator": operator, "value": value, **more}


CITY = leaf("member.attribute.city", "eq", "Berlin")


@pytest.fixture
def berliners(program) -> Segment:
    return Segment.objects.create(program=program, key="berliners", name="Berliners", conditions=CITY)


@pytest.fixture
def dora(program) -> Member:
    return factories.MemberFactory.create(program=program, attributes={"city": "Berlin"})


def keys_of(member: Member) -> set[str]:
    return set(SegmentMember.objects.filter(member=member).values_list("segment__key", flat=True))


def told() -> list[tuple[str, object, object]]:
    rows = Event.objects.filter(type__startswith="segment.").order_by("number")
    return [(event.type, event.member_id, event.data["segment"]) for event in rows]


class TestRefresh:
    def test_finds_who_meets_the_conditions_and_publishes_it(self, berliners, ada, dora, noon):
        moved = segmenting.refresh(berliners.pk, at=noon)

        berliners.refresh_from_db()
        assert moved == Turnover(entered=1, left=0)
        assert (keys_of(dora), keys_of(ada)) == ({"berliners"}, set())
        assert (berliners.member_count, berliners.refreshed_at) == (1, noon)
        assert told() == [("segment.entered", dora.pk, "berliners")]

    def test_writes_nothing_when_nothing_has_changed(self, berliners, dora, noon):
        segmenting.refresh(berliners.pk, at=noon)

        moved = segmenting.refresh(berliners.pk, at=noon + timedelta(hours=1))

        assert moved == Turnover(0, 0)
        assert SegmentMember.objects.get().since == noon
        assert len(told()) == 1

    def test_lets_go_whoever_no_longer_meets_them(self, berliners, dora, noon):
        segmenting.refresh(berliners.pk, at=noon)
        Member.objects.filter(pk=dora.pk).update(attributes={"city": "Bern"})

        segmenting.refresh(berliners.pk, at=noon)

        berliners.refresh_from_db()
        assert (keys_of(dora), berliners.member_count) == (set(), 0)
        assert told()[-1] == ("segment.left", dora.pk, "berliners")

    @pytest.mark.parametrize("status", ["blocked", "erased"])
    def test_lets_go_who_is_no_longer_active(self, berliners, dora, noon, status):
        segmenting.refresh(berliners.pk, at=noon)
        Member.objects.filter(pk=dora.pk).update(status=status)

        segmenting.refresh(berliners.pk, at=noon)

        assert keys_of(dora) == set()

    def test_sees_no_member_of_another_program(self, berliners, noon):
        stranger = factories.MemberFactory.create(attributes={"city": "Berlin"})

        segmenting.refresh(berliners.pk, at=noon)

        assert keys_of(stranger) == set()

    def test_sees_no_segment_of_another_program(self, program, dora, noon):
        elsewhere = factories.ProgramFactory.create()
        Segment.objects.create(program=elsewhere, key="others", name="Others", kind="list")
        Segment.objects.create(program=program, key="others", name="Others", kind="list")
        outside = leaf("member.segments", "has_none", ["others"])
        inner = Segment.objects.create(program=program, key="inner", name="Inner", conditions=outside)
        theirs = Segment.objects.get(program=elsewhere)
        SegmentMember.objects.create(program=elsewhere, segment=theirs, member=dora, since=noon)

        segmenting.refresh(inner.pk, at=noon)

        assert "inner" in keys_of(dora)

    def test_leaves_an_archived_one_as_it_is(self, berliners, dora, noon):
        segmenting.refresh(berliners.pk, at=noon)
        segmenting.archive(berliners, at=noon)
        Member.objects.filter(pk=dora.pk).update(attributes={})

        moved = segmenting.refresh(berliners.pk, at=noon)

        assert (moved, keys_of(dora)) == (Turnover(), {"berliners"})

    def test_counts_purchases_from_local_midnight_on(self, shop, ada, program, noon):
        conditions = leaf("history.purchases", "gte", 1, days=30)
        buyers = Segment.objects.create(program=program, key="buyers", name="B", conditions=conditions)
        shop.sells("r-1", "5.00")
        last_moment = noon.replace(hour=21, minute=59) + timedelta(days=30)  # 23:59 in Berlin

        segmenting.refresh(buyers.pk, at=last_moment)
        within = keys_of(ada)
        segmenting.refresh(buyers.pk, at=last_moment + timedelta(minutes=1))

        assert (within, keys_of(ada)) == ({"buyers"}, set())


class TestRefreshAll:
    def test_refreshes_first_what_others_name(self, program, berliners, dora, noon):
        within = leaf("member.segments", "has_any", ["berliners"])
        Segment.objects.create(program=program, key="a-first", name="A", conditions=within)

        segmenting.refresh_all(program, at=noon)

        assert keys_of(dora) == {"berliners", "a-first"}

    def test_goes_on_after_one_that_cannot_be_read(self, program, berliners, dora, noon):
        Segment.objects.create(program=program, key="broken", name="B", conditions={"fact": "gone"})

        with pytest.raises(ExceptionGroup) as raised:
            segmenting.refresh_all(program, at=noon)

        assert raised.group_contains(InvalidDefinition)
        assert keys_of(dora) == {"berliners"}

    def test_gets_through_two_that_name_each_other(self, program, dora, noon):
        for key, other in [("a", "b"), ("b", "a")]:
            conditions = leaf("member.segments", "has_none", [other])
            Segment.objects.create(program=program, key=key, name=key, conditions=conditions)

        segmenting.refresh_all(program, at=noon)

        assert keys_of(dora) == {"a"}


class TestCheck:
    def test_refuses_a_segment_that_is_not_there(self, program):
        with pytest.raises(InvalidInput, match="no segment “tea”"):
            segmenting.check(leaf("member.segments", "has_any", ["tea"]), program=program, key="new")

    def test_refuses_segments_that_would_depend_on_each_other(self, program, berliners):
        within = leaf("member.segments", "has_any", ["berliners"])
        Segment.objects.create(program=program, key="inner", name="Inner", conditions=within)

        with pytest.raises(InvalidInput, match="depend on each other: .*berliners"):
            segmenting.check(leaf("member.segments", "has_any", ["inner"]), program=program, key="berliners")

    def test_refuses_facts_of_a_sale(self, program):
        with pytest.raises(InvalidDefinition, match="no fact “sale.amount”"):
            segmenting.check(leaf("sale.amount", "gte", "1.00"), program=program, key="new")

    @pytest.mark.parametrize("value", ["a\0b", "\ud800"])
    def test_refuses_characters_that_cannot_be_stored(self, program, value):
        with pytest.raises(InvalidInput, match="character"):
            segmenting.check(leaf("member.attribute.city", "eq", value), program=program, key="new")
