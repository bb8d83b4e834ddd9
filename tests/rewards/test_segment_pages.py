"""The pages about segments and attributes: what marketers see, change, and are told when it is wrong."""

import html
import json
import re
from io import BytesIO
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from loyalty.core.models import Program, Role
from members import segments
from members.models import AttributeType, EventType, Member, Segment, SegmentMember
from rewards import segmenting
from rewards.admin.segment import described
from tests import factories
from tests.clients import staff

BERLIN = {"fact": "member.attribute.city", "operator": "eq", "value": "Berlin"}


def url(action: str, *args) -> str:
    return reverse(f"admin:members_segment_{action}", args=args)


@pytest.fixture
def marketer(program: Program) -> Client:
    return staff(program, Role.MARKETER)


@pytest.fixture
def dora(program: Program) -> Member:
    return factories.MemberFactory.create(program=program, first_name="Dora", attributes={"city": "Berlin"})


@pytest.fixture
def berliners(program: Program, dora: Member, noon) -> Segment:
    segment = Segment.objects.create(program=program, key="berliners", name="Berliners", conditions=BERLIN)
    segmenting.refresh(segment.pk, at=noon)
    segment.refresh_from_db()
    return segment


@pytest.fixture
def guests(program: Program) -> Segment:
    return Segment.objects.create(program=program, key="guests", name="Guests", kind="list")


class TestMaking:
    def test_saves_a_segment_and_finds_its_members(
        self, marketer, program, dora, ada, django_capture_on_commit_callbacks, settings
    ):
        settings.CELERY_TASK_ALWAYS_EAGER = True
        values = {"name": "Coffee lovers", "kind": "dynamic", "conditions": json.dumps(BERLIN)}

        with django_capture_on_commit_callbacks(execute=True):
            answer = marketer.post(url("add"), values)

        made = Segment.objects.get(program=program)
        assert answer.status_code == 302
        assert (made.key, made.name, made.conditions) == ("coffee-lovers", "Coffee lovers", BERLIN)
        assert (made.member_count, made.refreshed_at is None) == (1, False)
        assert list(SegmentMember.objects.values_list("member_id", flat=True)) == [dora.pk]

    @pytest.mark.parametrize(
        ("conditions", "said"),
        [
            ("{", "This cannot be read as JSON"),
            (
                '{"fact": "sale.amount", "operator": "gte", "value": "1.00"}',
                "Choose what to look at|There is no fact",
            ),
            (
                '{"all": [{"fact": "member.tier", "operator": "gte", "value": "gold"}]}',
                "Choose how to compare|has no operator",
            ),
            ('{"fact": "member.segments", "operator": "has_any", "value": ["tea"]}', "no segment “tea”"),
            ('{"fact": "member.tier", "operator": "eq", "value": "a\\u0000"}', "U+0000"),
            ("[" * 100_000, "This cannot be read as JSON"),
        ],
    )
    def test_says_what_is_wrong_with_the_conditions_and_keeps_nothing(self, marketer, conditions, said):
        answer = marketer.post(url("add"), {"name": "X", "kind": "dynamic", "conditions": conditions})

        assert answer.status_code == 200
        assert re.search(said.replace("+", r"\+"), html.unescape(answer.content.decode()))
        assert not Segment.objects.exists()

    def test_gives_two_of_one_name_two_keys(self, marketer, program):
        for _number in range(2):
            marketer.post(url("add"), {"name": "Tea", "kind": "list", "conditions": ""})

        assert set(Segment.objects.values_list("key", flat=True)) == {"tea", "tea-2"}


class TestChanging:
    def test_keeps_the_number_of_members_that_was_counted_meanwhile(self, marketer, berliners, noon):
        answer = marketer.get(url("change", berliners.pk))
        Segment.objects.filter(pk=berliners.pk).update(member_count=7)

        values = {"name": "All of Berlin", "description": "", "conditions": json.dumps(BERLIN)}
        marketer.post(url("change", berliners.pk), values)

        berliners.refresh_from_db()
        assert answer.status_code == 200
        assert (berliners.name, berliners.member_count, berliners.refreshed_at) == ("All of Berlin", 7, noon)

    def test_says_that_members_are_being_found_once_the_conditions_changed(self, marketer, berliners):
        marketer.post(url("change", berliners.pk), {"name": "Berliners", "conditions": "{}"})

        berliners.refresh_from_db()
        assert (berliners.conditions, berliners.refreshed_at) == ({}, None)
        assert "Its members are being found." in marketer.get(url("change", berliners.pk)).content.decode()

    def test_archives_and_takes_up_again(self, marketer, berliners, settings):
        settings.CELERY_TASK_ALWAYS_EAGER = True
        marketer.post(url("step", berliners.pk, "archive"))
        listed = marketer.get(url("changelist")).content.decode()
        berliners.refresh_from_db()

        marketer.post(url("step", berliners.pk, "restore"))

        assert berliners.archived_at is not None
        assert "Berliners" not in listed
        assert "Berliners" in marketer.get(url("changelist")).content.decode()


class TestLive:
    def test_counts_and_shows_members_by_the_conditions_in_the_form(
        self, marketer, dora, ada, django_assert_max_num_queries
    ):
        with django_assert_max_num_queries(20):
            answer = marketer.post(url("live"), {"key": "", "conditions": json.dumps(BERLIN)})

        body = answer.content.decode()
        assert ">1</span>" in body
        assert "Dora Lovelace" in body
        assert "Ada Lovelace" not in body

    def test_says_what_is_wrong(self, marketer):
        answer = marketer.post(url("live"), {"conditions": "{"})

        assert "This cannot be read as JSON" in answer.content.decode()


class TestList:
    def test_puts_pasted_members_on_the_list(self, marketer, guests, ada):
        marketer.post(url("list", guests.pk), {"step": "add", "kind": "card", "text": "1001"})

        guests.refresh_from_db()
        assert guests.member_count == 1

    def test_changes_nothing_if_a_line_names_nobody_and_says_which(self, marketer, guests, ada):
        values = {"step": "add", "kind": "card", "text": "1001\nnobody\n"}

        answer = marketer.post(url("list", guests.pk), values)

        assert "Line 2: “nobody” is no active member of this program." in answer.content.decode()
        assert not SegmentMember.objects.exists()

    def test_goes_on_without_those_lines_if_asked_to(self, marketer, guests, ada):
        values = {"step": "add", "kind": "card", "text": "1001\nnobody\n", "skips": "on"}

        marketer.post(url("list", guests.pk), values)

        assert SegmentMember.objects.get().member_id == ada.pk

    def test_reads_a_file_and_replaces_the_list(self, marketer, guests, ada, dora, noon):
        segments.add(guests, member_ids=[dora.pk], at=noon)
        file = SimpleUploadedFile("guests.csv", b"\xef\xbb\xbfcard\r\n1001\r\n")

        marketer.post(url("list", guests.pk), {"step": "replace", "kind": "card", "file": file})

        assert SegmentMember.objects.get().member_id == ada.pk

    def test_says_that_a_file_is_not_in_utf_8(self, marketer, guests):
        file = BytesIO(b"\xff\xfe1\x000\x00")
        file.name = "guests.csv"

        answer = marketer.post(url("list", guests.pk), {"step": "add", "kind": "card", "file": file})

        assert "not in UTF-8" in answer.content.decode()

    def test_is_not_offered_for_what_conditions_describe(self, marketer, berliners):
        assert marketer.get(url("list", berliners.pk)).status_code == 404


class TestMembers:
    def test_shows_a_page_at_a_time(self, marketer, program, guests, noon, django_assert_max_num_queries):
        members = factories.MemberFactory.create_batch(51, program=program)
        segments.add(guests, member_ids=[member.pk for member in members], at=noon)

        with django_assert_max_num_queries(15):
            first = marketer.get(url("members", guests.pk)).content.decode()
        second = marketer.get(url("members", guests.pk), {"after": str(members[1].pk)}).content.decode()

        assert f"?after={members[1].pk}" in first
        assert str(members[0].pk) not in first
        assert str(members[0].pk) in second

    def test_reads_a_page_of_many_by_an_index(self, marketer, program, guests, noon):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO members_segmentmember (segment_id, member_id, program_id, since)"
                " SELECT %s, gen_random_uuid(), %s, now() FROM generate_series(1, 20000)",
                [guests.pk, program.pk],
            )
            cursor.execute("ANALYZE members_segmentmember")
            places = described.places_of(guests).select_related(None)
            plan = places.filter(member_id__lt=UUID(int=2**127))[:51].explain()

        assert "Index" in plan
        assert "Seq Scan on members_segmentmember" not in plan
        assert "Sort" not in plan


class TestIsolation:
    @pytest.mark.parametrize("role", [Role.SUPPORT, Role.FINANCE])
    def test_who_may_only_look_changes_nothing(self, program, berliners, role):
        client = staff(program, role)

        answers = [
            client.get(url("change", berliners.pk)).status_code,
            client.post(url("change", berliners.pk), {"name": "X"}).status_code,
            client.post(url("step", berliners.pk, "archive")).status_code,
        ]

        assert answers == [200, 403, 403]

    @pytest.mark.parametrize("page", ["change", "members", "list"])
    def test_no_page_shows_a_segment_of_another_program(self, marketer, page):
        elsewhere = factories.ProgramFactory.create()
        theirs = Segment.objects.create(program=elsewhere, key="theirs", name="Theirs", kind="list")

        assert marketer.get(url(page, theirs.pk)).status_code == 404


class TestAttributes:
    def test_declares_an_attribute_of_members(self, marketer, program):
        page = reverse("admin:members_attributetype_add")
        values = {
            "owner": "member",
            "label": "Drink",
            "name": "drink",
            "type": "text",
            "choices": "tea\n\ncoffee\ntea",
        }

        marketer.post(page, values)

        made = AttributeType.objects.get(program=program)
        assert (made.owner, made.name, made.choices) == ("member", "drink", ["tea", "coffee"])

    def test_refuses_choices_of_what_is_no_text(self, marketer):
        page = reverse("admin:members_attributetype_add")
        values = {"owner": "sale", "label": "Bags", "name": "bags", "type": "number", "choices": "1\n2"}

        answer = marketer.post(page, values)

        assert "Only texts are chosen from" in answer.content.decode()
        assert not AttributeType.objects.exists()

    def test_refuses_a_second_one_of_a_name(self, marketer, program):
        AttributeType.objects.create(program=program, name="drink", label="Drink")
        values = {"owner": "member", "label": "Other", "name": "drink", "type": "text", "choices": ""}

        answer = marketer.post(reverse("admin:members_attributetype_add"), values)

        assert "declared this attribute already" in answer.content.decode()

    def test_declares_a_type_of_event_with_its_attributes(self, marketer, program):
        values = {
            "label": "Review",
            "name": "review.posted",
            "attributes-TOTAL_FORMS": "1",
            "attributes-INITIAL_FORMS": "0",
            "attributes-0-label": "Stars",
            "attributes-0-name": "stars",
            "attributes-0-type": "number",
            "attributes-0-choices": "",
        }

        marketer.post(reverse("admin:members_eventtype_add"), values)

        attribute = AttributeType.objects.get(program=program)
        assert attribute.event_type == EventType.objects.get(name="review.posted")
        assert (attribute.owner, attribute.name, attribute.type) == ("event", "stars", "number")
