"""What systems know a member by, one thing at a time."""

from typing import ClassVar, Final
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.errors import NotFound
from members import enrolment, identifying, references
from members.api import examples
from members.api.bodies import IdentifierBody, IdentifierList, KnownBy
from members.api.views import REFERENCE, find
from members.identifying import LastIdentifier, TooManyIdentifiers
from members.models import Identifier
from members.references import MemberIsErased, MemberIsMerged

_IDENTIFIER: Final = OpenApiParameter(
    "identifier",
    location=OpenApiParameter.PATH,
    description="Id of the identifier, or its kind and value as `card:1001`.",
)


class IdentifiersView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read", "post": "members:write"}

    @operation(
        id="list_identifiers",
        tag="Members",
        summary="List what a member is known by",
        description="All of them, 50 at most, by kind and value; each has an id of its own.",
        parameters=(REFERENCE,),
        answer=IdentifierList,
        example={"data": [examples.KNOWN_BY]},
        refuses=(NotFound,),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        """All that the member is known by."""
        program = auth.caller(request).program
        member = find(program, references.read(reference))
        known = Identifier.objects.of(program).filter(member=member).order_by("kind", "value")
        return rendering.answer(IdentifierList(tuple(map(KnownBy.of, known))))

    @operation(
        id="add_identifier",
        tag="Members",
        summary="Let a member be known by one thing more",
        description="""
        For a new card, or an address that the member has told you. From now on every call may use it. One
        that the member has already is answered with 200 and changes nothing; one that another member has is
        refused with `identifier_taken`: merge the two if they are one person. Publishes `member.updated`.
        """,
        parameters=(REFERENCE,),
        takes=IdentifierBody,
        takes_example={"kind": "phone", "value": "+49 170 1234567"},
        answer=KnownBy,
        status=201,
        example=examples.KNOWN_BY,
        also_answers=((200, KnownBy, examples.KNOWN_BY),),
        refuses=(NotFound, enrolment.IdentifierTaken, TooManyIdentifiers, MemberIsMerged, MemberIsErased),
    )
    @idempotency.idempotent
    def post(self, request: Request, reference: str) -> Response:
        """Add one."""
        wanted = parsing.decode(request, IdentifierBody)
        caller = auth.caller(request)
        identifier, is_new = identifying.add(
            find(caller.program, references.read(reference)),
            kind=wanted.kind,
            value=wanted.value,
            actor=caller.actor,
            at=clock.now(caller.program),
        )
        return Response(KnownBy.of(identifier), status=201 if is_new else 200)


class IdentifierView(PartnerView):
    scopes: ClassVar = {"delete": "members:write"}

    @operation(
        id="remove_identifier",
        tag="Members",
        summary="Let a member not be known by something any more",
        description="""
        For a lost card or an old address: from now on nobody is found by it, and another member may have it.
        The last one stays, as nobody could be found without any (`last_identifier`). A second call finds
        nothing to remove and answers 404. Publishes `member.updated`.
        """,
        parameters=(REFERENCE, _IDENTIFIER),
        answer=None,
        status=204,
        refuses=(NotFound, LastIdentifier, MemberIsMerged, MemberIsErased),
    )
    def delete(self, request: Request, reference: str, identifier: str) -> HttpResponse:
        """Remove one."""
        caller = auth.caller(request)
        identifying.remove(
            find(caller.program, references.read(reference)),
            identifier=_meant(identifier),
            actor=caller.actor,
            at=clock.now(caller.program),
        )
        return HttpResponse(status=204)


def _meant(text: str) -> references.Reference:
    try:
        return references.Reference("id", "id", str(UUID(text)))
    except ValueError:
        return references.read(text)
