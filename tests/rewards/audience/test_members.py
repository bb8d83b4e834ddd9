"""Counting and listing the members whom conditions describe: exactly, for one program, and not for ever."""

import pytest
from django.db import connection

from members.models import Segment
from members.segments import add
from rewards import segmenting
from rewards.audience import members
from rewards.audience.members import Reach, TooManyToCount
from rewards.engine.assignment import is_held_out
from rewards.engine.audience import Audience
from tests import factories

BERLIN = {"fact": "member.attribute.city", "operator": "eq", "value": "Berlin"}


@pytest.fixture
def dora(program):
    return factories.MemberFactory.create(program=program, attributes={"city": "Berlin"})


class TestCount:
    def test_counts_active_members_of_the_program_alone(self, program, ada, dora, noon):
        factories.MemberFactory.create(program=program, status="blocked")
        factories.MemberFactory.create()

        assert members.count(program, None, at=noon) == 2
        assert members.count(program, segmenting.parse(BERLIN), at=noon) == 1

    def test_gives_up_in_time_and_leaves_the_transaction_usable(self, program, noon, monkeypatch):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO members_member (id, program_id, status, first_name, last_name, attributes,"
                " enrolled_at, recorded_at) SELECT gen_random_uuid(), %s, 'active', '', '',"
                ' \'{"x": "7"}\', now(), now() FROM generate_series(1, 20000)',
                [program.pk],
            )
        slow = {"fact": "member.attribute.x", "operator": "gte", "value": 7}
        monkeypatch.setattr(members, "MILLISECONDS_AT_MOST", 1)

        with pytest.raises(TooManyToCount, match="More than we can count now"):
            members.count(program, segmenting.parse(slow), at=noon)

        monkeypatch.undo()
        assert members.count(program, segmenting.parse(slow), at=noon) == 20_000


class TestAudience:
    @pytest.fixture
    def guests(self, program, dora, noon) -> Segment:
        segment = Segment.objects.create(program=program, key="guests", name="Guests", kind="list")
        add(segment, member_ids=[dora.pk], at=noon)
        return segment

    @pytest.mark.parametrize(
        ("audience", "expected"),
        [
            (Audience(segments=frozenset({"guests"})), {"dora"}),
            (Audience(segments=frozenset({"guests", "nobody"})), {"dora"}),
            (Audience(not_segments=frozenset({"guests"})), {"ada"}),
            (Audience(segments=frozenset({"nobody"})), set()),
            (Audience(tiers=frozenset({"basic"})), {"ada", "dora"}),
            (Audience(tiers=frozenset({"gold"})), set()),
        ],
    )
    def test_is_whom_a_campaign_is_for(self, program, ladder, ada, dora, guests, noon, audience, expected):
        program.refresh_from_db()

        found = members.bounded(*members.selection(program, None, at=noon, audience=audience))

        assert {member_id for (member_id,) in found} == {
            member.pk for name, member in {"ada": ada, "dora": dora}.items() if name in expected
        }


class TestReach:
    def test_holds_out_whom_the_engine_holds_out(self, program, noon):
        batch = factories.MemberFactory.create_batch(200, program=program)
        audience = Audience(control_percent=30)

        found = members.reach(program, audience, campaign_key="double-points", at=noon)

        held_out = sum(is_held_out("double-points", str(member.pk), 30) for member in batch)
        assert 0 < held_out < 200
        assert found == Reach(members=200, held_out=held_out)


class TestSample:
    def test_shows_who_enrolled_last_first(self, program, noon, django_assert_num_queries):
        batch = factories.MemberFactory.create_batch(5, program=program)
        members.count(program, None, at=noon)

        with django_assert_num_queries(9):
            number, found = members.sample(program, None, at=noon, at_most=2)

        assert (number, found) == (5, [batch[4], batch[3]])
