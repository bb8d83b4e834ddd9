"""What a person has a right to: to see all that is known about them, and to be forgotten."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.errors import NotFound
from members import dossier, privacy, references
from members.api import examples
from members.api.bodies import MemberBody, MemberExport
from members.api.views import REFERENCE, described, find
from members.references import MemberIsErased, MemberIsMerged


class EraseView(PartnerView):
    scopes: ClassVar = {"post": "members:write"}

    @operation(
        id="erase_member",
        tag="Members",
        summary="Forget a member for good",
        description="""
        For the right to be forgotten. Name, birth date, attributes, identifiers, notes and the evidence of
        consents go, also those of records that were merged into this one; points that are left expire. What
        was bought, earned and redeemed stays for the books, and says of nobody who it was. **It cannot be
        undone.** From then on the member is unknown to every operation but `GET /v1/members/{id}`, which
        says `erased`. A repeat with the same key is answered alike. Publishes `member.erased`, with the ids
        of all records, so that others can forget them, too.
        """,
        parameters=(REFERENCE,),
        answer=MemberBody,
        example=examples.ERASED,
        is_keyed=True,
        refuses=(NotFound, MemberIsMerged, MemberIsErased),
    )
    @idempotency.idempotent
    def post(self, request: Request, reference: str) -> Response:
        """Erase the member."""
        caller = auth.caller(request)
        member = privacy.erase(
            find(caller.program, references.read(reference)),
            actor=caller.actor,
            at=clock.now(caller.program),
        )
        return Response(described(member))


class ExportView(PartnerView):
    scopes: ClassVar = {"get": "exports:read"}

    @operation(
        id="export_member",
        tag="Members",
        summary="Export all that is known about a member",
        description="""
        For the right of access: one JSON document with everything that is kept about the person, merged
        records, notes, purchases, events and codes of vouchers included. So it takes a scope of its own. Ask
        for it when somebody asks you, not to read members: it reads every line there is, and grows with them.
        """,
        parameters=(REFERENCE,),
        answer=MemberExport,
        example=examples.EXPORT,
        refuses=(NotFound, MemberIsMerged, MemberIsErased),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        """All of it."""
        program = auth.caller(request).program
        member = find(program, references.read(reference))
        return rendering.answer(dossier.of(member, at=clock.now(program)))
