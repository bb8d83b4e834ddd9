from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import time_machine

from loyalty.core.models import Event, Program
from members import segments
from members.models import Member, Segment, SegmentMember
from tests import factories
from tests.clients import PartnerClient


@pytest.fixture(autouse=True)
def _at_noon(noon: datetime) -> Iterator[None]:
    with time_machine.travel(noon, tick=False):
        yield


@pytest.fixture
def bert(program: Program) -> Member:
    """A member with card 2002."""
    bert = factories.MemberFactory.create(program=program, first_name="Bert")
    factories.IdentifierFactory.create(member=bert, kind="card", value="2002")
    return bert


@pytest.fixture
def vip(program: Program) -> Segment:
    return Segment.objects.create(program=program, key="vip", name="VIP", kind="list")


def cards(*numbers: str) -> list[dict[str, str]]:
    return [{"kind": "card", "value": number} for number in numbers]


def results_of(till: PartnerClient, items: Any, *, to: str = "vip/members") -> list[dict[str, Any]]:
    response = till.post(f"/v1/segments/{to}", {"items": items}, idempotency_key=None)
    assert response.status_code == 207, response.content
    found: list[dict[str, Any]] = response.json()["results"]
    return found


class TestAdd:
    def test_puts_members_on_the_list_and_tells_of_it(self, till, ada, bert, vip):
        results = results_of(till, cards("1001", "2002"))

        assert [(one["status"], one["body"]) for one in results] == [
            (200, {"member_id": str(ada.pk), "is_in": True, "changed": True}),
            (200, {"member_id": str(bert.pk), "is_in": True, "changed": True}),
        ]
        assert set(SegmentMember.objects.values_list("member_id", flat=True)) == {ada.pk, bert.pk}
        assert Event.objects.filter(type="segment.entered").count() == 2
        vip.refresh_from_db()
        assert vip.member_count == 2

    def test_of_a_repeat_changes_nothing(self, till, ada, bert, vip):
        results_of(till, cards("1001"))

        results = results_of(till, cards("1001", "2002", "2002"))

        assert [one["body"]["changed"] for one in results] == [False, True, False]
        assert Event.objects.filter(type="segment.entered").count() == 2

    def test_refuses_each_by_itself_and_adds_the_others(self, till, ada, bert, vip, program):
        blocked = factories.MemberFactory.create(program=program, status="blocked")
        stranger = factories.MemberFactory.create()
        asked = [
            {"kind": "id", "value": str(blocked.pk)},
            {"kind": "id", "value": str(stranger.pk)},
            {"kind": "id", "value": "nonsense"},
            {"kind": "passport", "value": "1"},
            *cards("1001", "9999"),
        ]

        results = results_of(till, asked)

        told = [one.get("problem", {}).get("code", "") for one in results]
        assert told == [
            "member_blocked", "unknown_member", "unknown_member", "invalid_input", "", "unknown_member"
        ]  # fmt: skip
        assert results[5]["problem"]["errors"][0]["pointer"] == "#/items/5/value"
        assert list(SegmentMember.objects.values_list("member_id", flat=True)) == [ada.pk]

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"kind": "dynamic"}, "segment_is_dynamic"),
            ({"archived_at": "2026-05-01T00:00:00Z"}, "segment_is_archived"),
        ],
    )
    @pytest.mark.parametrize("to", ["vip/members", "vip/members/remove"])
    def test_refuses_a_segment_that_takes_none(self, till, ada, vip, changes, code, to):
        Segment.objects.filter(pk=vip.pk).update(**changes)

        response = till.post(f"/v1/segments/{to}", {"items": cards("1001")}, idempotency_key=None)

        assert (response.status_code, response.json()["code"]) == (409, code)
        assert not SegmentMember.objects.exists()

    @pytest.mark.parametrize("items", [[], cards("1001") * 1001, "1001", None])
    def test_refuses_what_are_not_one_to_a_thousand_items(self, till, ada, vip, items):
        response = till.post("/v1/segments/vip/members", {"items": items}, idempotency_key=None)

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "#/items"

    def test_needs_no_more_queries_for_a_thousand(self, till, ada, vip, program, django_assert_num_queries):
        people = factories.MemberFactory.create_batch(300, program=program)
        asked = [{"kind": "id", "value": str(person.pk)} for person in people]

        # Five of them are savepoints, inside the test's own transaction.
        with django_assert_num_queries(14):
            results = results_of(till, asked)

        assert all(one["body"]["changed"] for one in results)


class TestRemove:
    def test_takes_members_off_the_list_and_tells_of_it(self, till, ada, bert, vip, noon):
        segments.add(vip, member_ids=[ada.pk], at=noon)

        results = results_of(till, cards("1001", "2002", "9999"), to="vip/members/remove")

        assert [one.get("body", {}).get("changed") for one in results] == [True, False, None]
        assert not SegmentMember.objects.exists()
        assert Event.objects.filter(type="segment.left").count() == 1

    def test_lets_go_of_those_who_are_blocked(self, till, ada, vip, noon):
        segments.add(vip, member_ids=[ada.pk], at=noon)
        Member.objects.update(status="blocked")

        (result,) = results_of(till, cards("1001"), to="vip/members/remove")

        assert result["body"]["changed"]


class TestLists:
    def test_shows_segments_by_kind_and_state(self, till, vip, program, noon):
        Segment.objects.create(program=program, key="coffee", name="Coffee lovers")
        Segment.objects.create(program=program, key="old", name="Old", archived_at=noon)
        Segment.objects.create(program=factories.ProgramFactory.create(), key="theirs", name="Theirs")

        def keys(**filters: str) -> list[str]:
            return [one["key"] for one in till.get("/v1/segments", filters).json()["data"]]

        assert keys() == ["old", "coffee", "vip"]
        assert keys(kind="list") == ["vip"]
        assert keys(is_archived="true") == ["old"]
        assert keys(is_archived="false") == ["coffee", "vip"]
        assert till.get("/v1/segments", {"kind": "other"}).status_code == 400

    def test_reads_a_segment(self, till, ada, vip, noon):
        segments.add(vip, member_ids=[ada.pk], at=noon)

        assert till.get("/v1/segments/vip").json() == {
            "key": "vip",
            "name": "VIP",
            "description": "",
            "kind": "list",
            "member_count": 1,
            "refreshed_at": "2026-06-01T12:00:00Z",
            "archived_at": None,
        }

    def test_lists_the_members_of_a_segment_page_by_page(
        self, till, ada, bert, vip, noon, django_assert_num_queries
    ):
        segments.add(vip, member_ids=[ada.pk, bert.pk], at=noon)

        with django_assert_num_queries(5):
            first = till.get("/v1/segments/vip/members", {"limit": 1}).json()
        second = till.get(first["next"]).json()

        assert first["data"] == [
            {
                "member_id": str(bert.pk),
                "identifiers": [{"kind": "card", "value": "2002"}],
                "since": "2026-06-01T12:00:00Z",
            }
        ]
        assert [one["member_id"] for one in second["data"]] == [str(ada.pk)]
        assert second["next"] is None

    def test_lists_the_segments_of_a_member(self, till, ada, bert, vip, noon, django_assert_num_queries):
        segments.add(vip, member_ids=[ada.pk], at=noon)

        with django_assert_num_queries(3):
            answer = till.get("/v1/members/card:1001/segments").json()

        assert answer["data"] == [
            {"key": "vip", "name": "VIP", "kind": "list", "since": "2026-06-01T12:00:00Z"}
        ]
        assert till.get("/v1/members/card:2002/segments").json()["data"] == []

    def test_follows_pages_of_a_members_segments(self, till, ada, program, noon):
        for number in range(5):
            made = Segment.objects.create(program=program, key=f"s{number}", name="S", kind="list")
            segments.add(made, member_ids=[ada.pk], at=noon)

        first = till.get("/v1/members/card:1001/segments", {"limit": 2}).json()
        second = till.get(first["next"]).json()

        assert [one["key"] for one in (*first["data"], *second["data"])] == ["s4", "s3", "s2", "s1"]
