from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import clock
from loyalty.core.api import auth, etags, filters, idempotency, pagination, parsing, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.errors import NotFound
from loyalty.core.models import Program
from members import details, enrolment, references
from members.api import examples
from members.api.bodies import ChangedMember, MemberBody, MemberChanges, MemberList, Registration
from members.api.filters import MemberFilter, meant
from members.models import Identifier, Member, MemberStatus
from members.references import MemberIsErased, MemberIsMerged

REFERENCE = OpenApiParameter(
    "reference",
    {"type": "string", "minLength": 1, "maxLength": 300, "pattern": "^([a-z]+:.+|[0-9A-Fa-f-]{36})$"},
    location=OpenApiParameter.PATH,
    description="The member's id, or an identifier as `card:1001`, `email:…`, `phone:+49…`, `external:…`.",
)


class MembersView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read", "post": "members:write"}

    @operation(
        id="list_members",
        tag="Members",
        summary="List members, newest first",
        description="All members of the program, or those with an identifier or a status.",
        parameters=(*filters.parameters(MemberFilter), *pagination.PARAMETERS),
        answer=MemberList,
        example={"data": [examples.MEMBER], "next": None, "previous": None},
        refuses=(pagination.InvalidCursor, pagination.InvalidFilter),
    )
    def get(self, request: Request) -> HttpResponse:
        of_program = Member.objects.of(auth.caller(request).program)
        members, given = filters.apply(request, MemberFilter, of_program)
        members = members.prefetch_related("identifiers")
        page = pagination.paginate(request, members, filters=given, by=("enrolled_at", "id"))
        data = tuple(MemberBody.of(member, list(member.identifiers.all())) for member in page.rows)
        return rendering.answer(MemberList(data, page.next, page.previous))

    @operation(
        id="register_member",
        tag="Members",
        summary="Register a member",
        description="""
        Makes a person a member, known by one or more identifiers, with empty wallets and at the foot of
        each tier ladder. Publishes `member.registered`.

        Identifiers are unique in the program: e-mail addresses regardless of case, phone numbers as
        E.164. An identifier that another member has is refused with `identifier_taken`.
        """,
        takes=Registration,
        takes_example=examples.REGISTRATION,
        answer=MemberBody,
        status=201,
        example=examples.MEMBER,
        refuses=(enrolment.IdentifierTaken,),
    )
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        caller = auth.caller(request)
        wanted = parsing.decode(request, Registration)
        member = enrolment.enrol(
            program=caller.program,
            identifiers=[(identifier.kind, identifier.value) for identifier in wanted.identifiers],
            first_name=wanted.first_name,
            last_name=wanted.last_name,
            birth_date=wanted.birth_date,
            attributes=wanted.attributes,
            enrolled_at=wanted.enrolled_at,
            at=clock.now(caller.program),
            actor=caller.actor,
        )
        return Response(described(member), status=201)


class MemberView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read", "patch": "members:write"}

    @operation(
        id="read_member",
        tag="Members",
        summary="Read a member",
        description="""
        Who the member is and how they are known. What they hold is in their status. The `ETag` is needed to
        change it. An erased member can be read by id: nothing is left but that.
        """,
        parameters=(REFERENCE,),
        answer=MemberBody,
        example=examples.MEMBER,
        has_tag=True,
        refuses=(NotFound,),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        return etags.answer(request, described(known(program, references.read(reference))))

    @operation(
        id="update_member",
        tag="Members",
        summary="Change what is known about a member",
        description="""
        Send what is to change; what is left out stays. Of the attributes, too, only those that you send
        change, and one that is null goes. Send the `ETag` that you have read as `If-Match`, so that you
        overwrite nothing that you have not seen, whoever changed it. Publishes `member.updated` with the
        names of the fields, if anything is different from before. Identifiers have operations of their own.

        A credential without `members:read` is answered with `id` and `status` alone.
        """,
        parameters=(REFERENCE,),
        takes=MemberChanges,
        takes_example={"last_name": "King", "attributes": {"favourite_store": "Berlin Kreuzberg"}},
        answer=ChangedMember,
        example={
            **examples.MEMBER,
            "last_name": "King",
            "attributes": {"favourite_store": "Berlin Kreuzberg"},
        },
        edits=True,
        refuses=(NotFound, MemberIsMerged, MemberIsErased),
    )
    def patch(self, request: Request, reference: str) -> HttpResponse:
        """Change what was sent, if the caller has seen the present state."""
        wanted = parsing.decode(request, MemberChanges)
        caller = auth.caller(request)
        member = details.change(
            find(caller.program, references.read(reference)),
            given=wanted.given(),
            agree=lambda present: etags.require(request, described(present)),
            actor=caller.actor,
            at=clock.now(caller.program),
        )
        changed = described(member)
        return etags.answer(request, changed, shown=told(request, changed))


def find(program: Program, reference: references.Reference) -> Member:
    """:raises NotFound: if the program has no such member, or the member was erased"""
    member = known(program, reference)
    if member.status == MemberStatus.ERASED:
        raise references.unknown()
    return member


def known(program: Program, reference: references.Reference) -> Member:
    """
    The member, even one who was erased.

    :raises NotFound: if the program never had such a member
    """
    member = meant(Member.objects.of(program), reference).first()
    if member is None:
        raise references.unknown()
    member.program = program
    return member


def identified(asked: references.MemberReference, *, program: Program, pointer: str = "#/member") -> Member:
    """
    The member that a body means; `pointer` is where.

    :raises members.references.UnknownMember: if the program has no such member
    """
    kind, value = references.reference(asked)
    known_by = references.Reference("id" if kind == "id" else "identifier", kind, value)
    member = meant(Member.objects.of(program), known_by).first() if kind else None
    if member is None or member.status == MemberStatus.ERASED:
        raise references.nobody(asked, pointer=pointer)
    return member


def described(member: Member) -> MemberBody:
    """The member as the API shows them."""
    return MemberBody.of(member, list(Identifier.objects.of(member.program_id).filter(member=member)))


def told(request: Request, member: MemberBody) -> ChangedMember:
    """What the answer to a change says of the member: little, unless the caller may read members."""
    return ChangedMember.of(member, is_readable=auth.has(request, "members:read"))
