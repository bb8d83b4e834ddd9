"""Segments and who is in them; lists take members from partners."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, bulk, filters, pagination, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.errors import DomainError, NotFound
from loyalty.core.models import Program
from members import references, segments
from members.api import examples
from members.api.bodies import IdentifierBody
from members.api.views import REFERENCE, find
from members.models import Segment, SegmentKind, SegmentMember
from members.references import MemberIsBlocked, MemberIsMerged, MemberReference, UnknownMember
from members.segments import SegmentIsArchived, SegmentIsDynamic

KEY: Final = OpenApiParameter(
    "key",
    {"type": "string", "minLength": 1, "maxLength": 40},
    location=OpenApiParameter.PATH,
    description="Key of the segment.",
)


class SegmentBody(Struct, frozen=True, kw_only=True):
    """A group of members with a name: kept by conditions, or a list that people and partners fill."""

    key: str
    name: str
    description: str
    kind: Literal["dynamic", "list"]
    member_count: int
    refreshed_at: Annotated[
        Moment | None, Meta(description="When its members were last written; null before the first time")
    ]
    archived_at: Annotated[Moment | None, Meta(description="Since when its members stay as they are")]

    @classmethod
    def of(cls, segment: Segment) -> Self:
        return cls(
            key=segment.key,
            name=segment.name,
            description=segment.description,
            kind=segment.kind,  # type: ignore[arg-type]  # the column's choices
            member_count=segment.member_count,
            refreshed_at=segment.refreshed_at,
            archived_at=segment.archived_at,
        )


class SegmentList(Struct, frozen=True):
    """A page of segments; `next` and `previous` are the addresses of its neighbours."""

    data: tuple[SegmentBody, ...]
    next: str | None
    previous: str | None


class SegmentMemberBody(Struct, frozen=True):
    """A member of a segment, and since when."""

    member_id: UUID
    identifiers: tuple[IdentifierBody, ...]
    since: Moment


class SegmentMemberList(Struct, frozen=True):
    """A page of a segment's members; `next` and `previous` are the addresses of its neighbours."""

    data: tuple[SegmentMemberBody, ...]
    next: str | None
    previous: str | None


class MembershipBody(Struct, frozen=True):
    """A segment that the member is in, and since when."""

    key: str
    name: str
    kind: Literal["dynamic", "list"]
    since: Moment


class MembershipList(Struct, frozen=True):
    """A page of a member's segments; `next` and `previous` are the addresses of its neighbours."""

    data: tuple[MembershipBody, ...]
    next: str | None
    previous: str | None


class Listed(Struct, frozen=True):
    """Whether a member is on the list now, and whether this call has changed that."""

    member_id: UUID
    is_in: bool
    changed: bool


class SegmentFilter(filters.PartnerFilterSet):
    kind = filters.ChoiceFilter(choices=SegmentKind.choices, label=_("Segments of that kind."))
    is_archived = filters.BooleanFilter(
        "archived_at",
        "isnull",
        exclude=True,
        label=_("Only those that are archived, or only those that are not."),
    )


_SEGMENT: Final[dict[str, Any]] = {
    "key": "coffee-lovers",
    "name": "Coffee lovers",
    "description": "Chosen by the CRM every night.",
    "kind": "list",
    "member_count": 1204,
    "refreshed_at": "2026-06-01T02:00:00Z",
    "archived_at": None,
}
_MEMBERSHIP: Final[dict[str, Any]] = {
    "key": "coffee-lovers",
    "name": "Coffee lovers",
    "kind": "list",
    "since": "2026-06-01T02:00:00Z",
}
_WHOM: Final[dict[str, Any]] = {"items": [{"kind": "card", "value": "1001"}, {"kind": "id", "value": "x"}]}
_NOBODY: Final[dict[str, Any]] = {
    "type": "https://regulars.example/v1/docs/problems/unknown_member",
    "title": "No such member",
    "status": 404,
    "detail": "No member of this program has the id “x”.",
    "instance": "/v1/segments/coffee-lovers/members",
    "code": "unknown_member",
    "errors": [{"detail": "No member of this program has the id “x”.", "pointer": "#/items/1/value"}],
}


class SegmentsView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="list_segments",
        tag="Segments",
        summary="List segments, newest first",
        description="All segments of the program, archived ones too.",
        parameters=(*filters.parameters(SegmentFilter), *pagination.PARAMETERS),
        answer=SegmentList,
        example={"data": [_SEGMENT], "next": None, "previous": None},
        refuses=(pagination.InvalidCursor, pagination.InvalidFilter),
    )
    def get(self, request: Request) -> HttpResponse:
        of_program = Segment.objects.of(auth.caller(request).program)
        rows, given = filters.apply(request, SegmentFilter, of_program)
        page = pagination.paginate(request, rows, filters=given)
        return rendering.answer(SegmentList(tuple(map(SegmentBody.of, page.rows)), page.next, page.previous))


class SegmentView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="read_segment",
        tag="Segments",
        summary="Read a segment",
        description="What the segment is, and how many members it has. Who they are is a list of its own.",
        parameters=(KEY,),
        answer=SegmentBody,
        example=_SEGMENT,
        refuses=(NotFound,),
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        return rendering.answer(SegmentBody.of(_find(auth.caller(request).program, key)))


class SegmentMembersView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read", "post": "members:write"}

    @operation(
        id="list_segment_members",
        tag="Segments",
        summary="List a segment's members, newest members first",
        description="""
        Who is in the segment, with what they are known by. They come in the order in which they became
        members of the program, whenever they came into the segment.
        """,
        parameters=(KEY, *pagination.PARAMETERS),
        answer=SegmentMemberList,
        example={
            "data": [
                {
                    "member_id": examples.MEMBER["id"],
                    "identifiers": examples.MEMBER["identifiers"],
                    "since": "2026-06-01T02:00:00Z",
                }
            ],
            "next": None,
            "previous": None,
        },
        refuses=(NotFound, pagination.InvalidCursor, pagination.InvalidFilter),
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        program = auth.caller(request).program
        given = pagination.given(request)
        places = SegmentMember.objects.of(program).filter(segment=_find(program, key))
        page = pagination.paginate(
            request, places.prefetch_related("member__identifiers"), filters=given, by=("member_id",)
        )
        return rendering.answer(SegmentMemberList(tuple(map(_placed, page.rows)), page.next, page.previous))

    @operation(
        id="add_segment_members",
        tag="Segments",
        summary="Put members on a list",
        description="""
        Puts up to 1,000 members on a list; only segments of the kind `list` take any, and staff make those
        in the admin. Each is answered by itself: `is_in` says that the member is on the list now, `changed`
        that they were not before. Repeats change nothing, so the whole call can be sent again. Publishes
        `segment.entered` for each who is new.
        """,
        parameters=(KEY,),
        takes_many=MemberReference,
        takes_example=_WHOM,
        answers_many=Listed,
        example={
            "results": [
                {
                    "index": 0,
                    "status": 200,
                    "body": {"member_id": examples.MEMBER["id"], "is_in": True, "changed": True},
                },
                {"index": 1, "status": 404, "problem": _NOBODY},
            ]
        },
        refuses=(NotFound, SegmentIsDynamic, SegmentIsArchived),
    )
    def post(self, request: Request, key: str) -> HttpResponse:
        return _rewrite(request, key, is_in=True)


class SegmentRemovalView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"post": "members:write"}

    @operation(
        id="remove_segment_members",
        tag="Segments",
        summary="Take members off a list",
        description="""
        Takes up to 1,000 members off a list; only segments of the kind `list` let go of any. Each is answered
        by itself: `changed` says that the member was on it before. Repeats change nothing, so the whole
        call can be sent again. Publishes `segment.left` for each who was on it.
        """,
        parameters=(KEY,),
        takes_many=MemberReference,
        takes_example=_WHOM,
        answers_many=Listed,
        example={
            "results": [
                {
                    "index": 0,
                    "status": 200,
                    "body": {"member_id": examples.MEMBER["id"], "is_in": False, "changed": True},
                },
                {"index": 1, "status": 404, "problem": _NOBODY},
            ]
        },
        refuses=(NotFound, SegmentIsDynamic, SegmentIsArchived),
    )
    def post(self, request: Request, key: str) -> HttpResponse:
        return _rewrite(request, key, is_in=False)


class MemberSegmentsView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="list_member_segments",
        tag="Members",
        summary="List a member's segments, newest segments first",
        description="The segments that the member is in. Archived ones keep those whom they had.",
        parameters=(REFERENCE, *pagination.PARAMETERS),
        answer=MembershipList,
        example={"data": [_MEMBERSHIP], "next": None, "previous": None},
        refuses=(NotFound, pagination.InvalidCursor, pagination.InvalidFilter),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        given = pagination.given(request)
        member = find(program, references.read(reference))
        places = SegmentMember.objects.of(program).filter(member=member).select_related("segment")
        page = pagination.paginate(request, places, filters=given, by=("segment_id",))
        return rendering.answer(MembershipList(tuple(map(_membership, page.rows)), page.next, page.previous))


def _find(program: Program, key: str) -> Segment:
    segment = Segment.objects.of(program).filter(key=key).first()
    if segment is None:
        raise NotFound(gettext("There is no such segment in this program."))
    return segment


def _placed(place: SegmentMember) -> SegmentMemberBody:
    known_by = sorted(place.member.identifiers.all(), key=lambda one: (one.kind, one.value))
    return SegmentMemberBody(place.member_id, tuple(map(IdentifierBody.of, known_by)), place.since)


def _membership(place: SegmentMember) -> MembershipBody:
    segment = place.segment
    kind: Any = segment.kind
    return MembershipBody(segment.key, segment.name, kind, place.since)


def _rewrite(request: Request, key: str, *, is_in: bool) -> HttpResponse:
    program = auth.caller(request).program
    segment = _find(program, key)
    segments.check_list(segment)

    def work(asked: list[Any]) -> list[bulk.Done | DomainError]:
        found = _found(program, asked, is_in=is_in)
        member_ids = {one for one in found if isinstance(one, UUID)}
        write = segments.enter if is_in else segments.leave
        changed = set(write(segment, member_ids=member_ids, at=clock.now(program)))
        results: list[bulk.Done | DomainError] = []
        for one in found:
            if isinstance(one, DomainError):
                results.append(one)
                continue
            results.append(bulk.Done(200, Listed(one, is_in, one in changed)))
            changed.discard(one)  # who is named twice is changed once
        return results

    return bulk.answer(request, MemberReference, work)


def _found(program: Program, asked: Sequence[MemberReference], *, is_in: bool) -> list[UUID | DomainError]:
    """The ids of those who are meant; anybody who is known can be taken off a list."""
    found: list[UUID | DomainError] = []
    for reference, known in zip(asked, references.known(program.pk, asked), strict=True):
        if known is not None and not is_in:
            found.append(known.member_id)
            continue
        try:
            found.append(references.member_of(known, reference, pointer="#").member_id)
        except (UnknownMember, MemberIsBlocked, MemberIsMerged) as refusal:
            found.append(refusal)
    return found
