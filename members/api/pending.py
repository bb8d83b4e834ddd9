"""Points that wait: made available or cancelled before their day, for what gave them."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from msgspec import Meta, Struct
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from members import pending
from members.api.examples import MEMBER
from members.api.views import identified
from members.pending import Moved, NotPending
from members.references import MemberReference, UnknownMember


class PendingRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose pending points, and of which sale or event."""

    member: MemberReference
    transaction_id: Annotated[UUID, Meta(description="The `id` of the transaction or event that gave them")]


class PendingMoved(Struct, frozen=True):
    """Pending points of one kind that wait no longer."""

    entry_id: UUID
    wallet_type: str
    points: int
    available: Annotated[int, Meta(description="Points of this kind that the member can spend then")]


class PendingResult(Struct, frozen=True):
    """What became of the pending points, by kind."""

    member_id: UUID
    transaction_id: UUID
    moved: tuple[PendingMoved, ...]


_WANTED: Final[dict[str, Any]] = {
    "member": {"kind": "card", "value": "1001"},
    "transaction_id": "01976c1e-5d7a-7000-8000-77d0c1f9a2e6",
}
_DONE: Final[dict[str, Any]] = {
    "member_id": MEMBER["id"],
    "transaction_id": _WANTED["transaction_id"],
    "moved": [
        {
            "entry_id": "01976c1e-5d7a-7000-8000-5be1a0c4d7f1",
            "wallet_type": "points",
            "points": 12,
            "available": 1252,
        }
    ],
}
_DESCRIBED: Final[dict[str, Any]] = {
    "takes": PendingRequest,
    "takes_example": _WANTED,
    "answer": PendingResult,
    "example": _DONE,
    "refuses": (UnknownMember, NotPending),
}

ByHand = Callable[..., tuple[Moved, ...]]


class ActivateView(PartnerView):
    scopes: ClassVar = {"post": "points:adjust"}

    @operation(
        id="activate_pending_points",
        tag="Points",
        summary="Make pending points available",
        description="""
        All points of a sale or event that still wait, for a day or for an event, become available now.
        Refused with `not_pending` if none of them wait any more. Publishes `points.unlocked`.
        """,
        **_DESCRIBED,
    )
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        return _done(request, pending.activate)


class CancelView(PartnerView):
    scopes: ClassVar = {"post": "points:adjust"}

    @operation(
        id="cancel_pending_points",
        tag="Points",
        summary="Cancel pending points",
        description="""
        All points of a sale or event that still wait are taken away: what they waited for will not come.
        Refused with `not_pending` if none of them wait any more. Publishes `points.reversed`.
        """,
        **_DESCRIBED,
    )
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        return _done(request, pending.cancel)


def _done(request: Request, by_hand: ByHand) -> Response:
    wanted = parsing.decode(request, PendingRequest)
    caller = auth.caller(request)
    member = identified(wanted.member, program=caller.program)
    moved = by_hand(
        caller.program,
        member_id=member.pk,
        lot_ids=pending.lots_of(caller.program, activity_id=wanted.transaction_id),
        actor=caller.actor,
        at=clock.now(caller.program),
    )
    told = tuple(PendingMoved(one.entry_id, one.wallet_type, one.points, one.balance) for one in moved)
    return Response(PendingResult(member.pk, wanted.transaction_id, told))
