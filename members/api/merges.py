"""Two records of one person, made one."""

from typing import Any, ClassVar, Final, Self
from uuid import UUID

from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.errors import NotFound
from members import merging, references
from members.api.examples import MEMBER
from members.api.views import REFERENCE, find, identified
from members.merging import CannotMerge
from members.models import Merge
from members.references import MemberReference, UnknownMember


class MergeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The other record of the same person, whose points and identifiers go to the member."""

    duplicate: MemberReference


class MovedPoints(Struct, frozen=True):
    """Points of one kind that went to the member who stays, and what was owed of them."""

    wallet_type: str
    points: int
    owed: int


class MergeBody(Struct, frozen=True):
    """A merge: from now on the identifiers of the duplicate lead to the survivor."""

    id: UUID
    survivor_id: UUID
    duplicate_id: UUID
    moved: tuple[MovedPoints, ...]
    merged_at: Moment

    @classmethod
    def of(cls, merge: Merge) -> Self:
        wallets = sorted(merge.moved["wallets"].items())
        moved = tuple(MovedPoints(key, what["points"], what["debt"]) for key, what in wallets)
        return cls(merge.pk, merge.survivor_id, merge.duplicate_id, moved, merge.merged_at)


_WANTED: Final[dict[str, Any]] = {"duplicate": {"kind": "card", "value": "2002"}}
_MERGED: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-e5f60718293a",
    "survivor_id": MEMBER["id"],
    "duplicate_id": "01976c1e-5d7a-7000-8000-3c7408f3f2d6",
    "moved": [{"wallet_type": "points", "points": 310, "owed": 0}],
    "merged_at": "2026-06-01T12:00:00Z",
}


class MergeView(PartnerView):
    scopes: ClassVar = {"post": "members:merge"}

    @operation(
        id="merge_members",
        tag="Members",
        summary="Merge a duplicate into a member",
        description="""
        For two records of one person: all that the duplicate has goes to the member in the address, points
        with their dates, what is owed, tier progress and identifiers. The duplicate stays to be read, with
        its sales and its statement, and neither earns nor spends any more; staff can undo the merge. Refused
        with `cannot_merge` while one of the two is blocked, or the duplicate has open holds or requests that
        wait for a decision. Publishes
        `member.merged`.
        """,
        parameters=(REFERENCE,),
        takes=MergeRequest,
        takes_example=_WANTED,
        answer=MergeBody,
        status=201,
        example=_MERGED,
        refuses=(NotFound, UnknownMember, CannotMerge),
    )
    @idempotency.idempotent
    def post(self, request: Request, reference: str) -> Response:
        wanted = parsing.decode(request, MergeRequest)
        caller = auth.caller(request)
        done = merging.merge(
            survivor=find(caller.program, references.read(reference)),
            duplicate=identified(wanted.duplicate, program=caller.program, pointer="#/duplicate"),
            actor=caller.actor,
            at=clock.now(caller.program),
        )
        return Response(MergeBody.of(done), status=201)
