"""Members who neither earn nor spend for a while."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.errors import NotFound
from members import blocking, references
from members.api import examples
from members.api.bodies import BlockRequest, ChangedMember, UnblockRequest
from members.api.views import REFERENCE, described, find, told
from members.blocking import MemberNotBlocked
from members.references import MemberIsBlocked, MemberIsErased, MemberIsMerged


class BlockView(PartnerView):
    scopes: ClassVar = {"post": "members:write"}

    @operation(
        id="block_member",
        tag="Members",
        summary="Block a member",
        description="""
        For a lost card or a suspicion: from now on the member's sales, redemptions and payments with points
        are refused with `member_blocked`. Points, tier and identifiers stay, and points expire as they
        would. Publishes `member.blocked`. Who is blocked already is refused, too: the first reason stands.

        A credential without `members:read` is answered with `id` and `status` alone.
        """,
        parameters=(REFERENCE,),
        takes=BlockRequest,
        takes_example={"reason": "lost_card", "note": "Called from Lisbon"},
        answer=ChangedMember,
        example={**examples.MEMBER, "status": "blocked"},
        refuses=(NotFound, MemberIsBlocked, MemberIsMerged, MemberIsErased),
    )
    @idempotency.idempotent
    def post(self, request: Request, reference: str) -> Response:
        """Block the member for the reason given."""
        wanted = parsing.decode(request, BlockRequest)
        caller = auth.caller(request)
        member = blocking.block(
            find(caller.program, references.read(reference)),
            reason=wanted.reason,
            note=wanted.note,
            actor=caller.actor,
            at=clock.now(caller.program),
        )
        return Response(told(request, described(member)))


class UnblockView(PartnerView):
    scopes: ClassVar = {"post": "members:write"}

    @operation(
        id="unblock_member",
        tag="Members",
        summary="Let a blocked member earn and spend again",
        description="""
        Ends a block, whoever made it. What is reported from now on earns again, also if it happened
        meanwhile. Publishes `member.unblocked`. Who is not blocked is refused with `member_not_blocked`.

        A credential without `members:read` is answered with `id` and `status` alone.
        """,
        parameters=(REFERENCE,),
        takes=UnblockRequest,
        takes_example={"note": "Has a new card"},
        answer=ChangedMember,
        example=examples.MEMBER,
        refuses=(NotFound, MemberNotBlocked, MemberIsMerged, MemberIsErased),
    )
    @idempotency.idempotent
    def post(self, request: Request, reference: str) -> Response:
        """End the block."""
        wanted = parsing.decode(request, UnblockRequest)
        caller = auth.caller(request)
        member = blocking.lift(
            find(caller.program, references.read(reference)),
            note=wanted.note,
            actor=caller.actor,
            at=clock.now(caller.program),
        )
        return Response(told(request, described(member)))
