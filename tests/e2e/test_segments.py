"""What marketers do about segments, in a real browser. Leaves pictures in var/screenshots."""

import pytest
from playwright.sync_api import expect

from loyalty.core.models import Program
from members import segments
from members.models import AttributeType, EventType, Member, Segment, SegmentKind
from rewards import segmenting
from tests import factories
from tests.e2e.conftest import DESKTOP, NARROW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CITY = {"fact": "member.attribute.city", "operator": "eq", "value": "Berlin"}
PEOPLE = ["Grace Hopper", "Alan Turing", "Mary Somerville", "Emmy Noether", "Dora Maar"]


@pytest.fixture
def club(staffed: Program, ladder, ada: Member, noon) -> Program:
    for name in PEOPLE:
        first, last = name.split()
        factories.MemberFactory.create(
            program=staffed, first_name=first, last_name=last, attributes={"city": "Berlin"}
        )
    lovers = Segment.objects.create(
        program=staffed,
        key="coffee-lovers",
        name="Coffee lovers",
        description="Berliners, by what they told us.",
        conditions={"all": [CITY]},
    )
    segmenting.refresh(lovers.pk, at=noon)
    guests = Segment.objects.create(
        program=staffed, key="guests", name="Opening night", kind=SegmentKind.LIST
    )
    segments.add(guests, member_ids=[ada.pk], at=noon)
    AttributeType.objects.create(program=staffed, name="city", label="City", choices=["Berlin", "Bern"])
    review = EventType.objects.create(program=staffed, name="review.posted", label="Review written")
    AttributeType.objects.create(
        program=staffed, owner="event", event_type=review, name="stars", label="Stars", type="number"
    )
    return staffed


def test_a_marketer_describes_a_segment_and_sees_at_once_who_is_in_it(visitors, club: Program):
    marketer = visitors("marketer", DESKTOP)
    page = marketer.logs_in("marketer@example.org")
    marketer.goes_to("/admin/members/segment/add/")
    marketer.looks("segment-new")
    marketer.goes_to("/admin/members/segment/")
    marketer.looks("segments")
    page.get_by_role("link", name="Coffee lovers").first.click()
    marketer.looks("segment")

    page.locator("[name=name]").fill("Berliners")
    found = page.locator("#found")
    expect(found).to_contain_text("by these conditions, now")
    marketer.looks("segment-live")

    expect(found.get_by_role("link", name="Grace Hopper")).to_be_visible()
    page.get_by_role("link", name="All", exact=True).click()
    marketer.looks("segment-members")


def test_a_marketer_is_told_which_lines_of_a_list_name_nobody(visitors, club: Program):
    guests = Segment.objects.get(key="guests")
    marketer = visitors("marketer", DESKTOP)
    page = marketer.logs_in("marketer@example.org")
    marketer.goes_to(f"/admin/members/segment/{guests.pk}/change/")
    marketer.looks("segment-list")
    page.get_by_role("link", name="Change the list").click()

    page.locator("[name=text]").fill("1001\nnobody")
    page.get_by_role("button", name="Change the list").click()
    marketer.looks("segment-list-problems")

    expect(page.get_by_text("Line 2: “nobody” is no active member of this program.")).to_be_visible()


def test_segments_and_attributes_are_read_on_a_phone(visitors, club: Program):
    lovers = Segment.objects.get(key="coffee-lovers")
    marketer = visitors("marketer", NARROW)
    marketer.logs_in("marketer@example.org")

    marketer.goes_to(f"/admin/members/segment/{lovers.pk}/change/")
    marketer.looks("segment-narrow")
    marketer.goes_to(f"/admin/members/segment/{lovers.pk}/members/")
    marketer.looks("segment-members-narrow")
    marketer.goes_to("/admin/members/attributetype/")
    marketer.looks("attributes-narrow")


def test_a_marketer_declares_attributes(visitors, club: Program):
    marketer = visitors("marketer", DESKTOP)
    marketer.logs_in("marketer@example.org")

    for picture, path in {
        "attributes": "attributetype/",
        "attribute-new": "attributetype/add/",
        "event-type": f"eventtype/{EventType.objects.get().pk}/change/",
        "event-types": "eventtype/",
    }.items():
        marketer.goes_to(f"/admin/members/{path}")
        marketer.looks(picture)
