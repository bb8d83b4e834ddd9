"""Points given and taken by a partner system for a reason of the program's, within the limits of partners."""

from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from django.http import HttpResponse
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from members import adjustments
from members.adjustments import Adjusted, Also, NotAdjustable, Requested
from members.api.examples import MEMBER
from members.api.points_bodies import WalletTypeKey
from members.api.views import identified
from members.ledger.operations import MAX_POINTS, InsufficientPoints, TooManyPoints
from members.reasons import UnknownReason, WrongDirection
from members.references import MemberReference, UnknownMember


class AdjustmentRequest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whose points, of which kind, how many and why."""

    member: MemberReference
    wallet_type: WalletTypeKey
    points: Annotated[
        int, Meta(ge=-MAX_POINTS, le=MAX_POINTS, description="Negative to take available points away")
    ]
    reason: Annotated[
        str, Meta(min_length=1, max_length=40, description="Key of one of the program's reasons")
    ]
    note: Annotated[
        str, Meta(max_length=1000, description="For the program's staff; may be about the member")
    ] = ""


class AdjustmentBody(Struct, frozen=True, kw_only=True):
    """Points that were given or taken, or that wait for somebody's consent."""

    id: UUID
    status: Annotated[
        Literal["booked", "waiting"],
        Meta(description="waiting: it is above the limits, and happens if staff agrees by `expires_at`"),
    ]
    member_id: UUID
    wallet_type: str
    points: int
    reason: str
    available: Annotated[int | None, Meta(description="Points that the member can spend then")] = None
    adjusted_at: Moment | None = None
    because: Annotated[str | None, Meta(description="Why somebody has to agree")] = None
    expires_at: Moment | None = None

    @classmethod
    def of(cls, result: Adjusted | Requested) -> Self:
        said = {
            name: getattr(result, name) for name in ("id", "member_id", "wallet_type", "points", "reason")
        }
        if isinstance(result, Adjusted):
            return cls(**said, status="booked", available=result.balance, adjusted_at=result.adjusted_at)
        return cls(**said, status="waiting", because=result.because, expires_at=result.expires_at)


_WANTED: dict[str, Any] = {
    "member": {"kind": "card", "value": "1001"},
    "wallet_type": "points",
    "points": 250,
    "reason": "goodwill",
}
_BOOKED: dict[str, Any] = {
    "id": "01976c1e-5d7a-7000-8000-c3d4e5f60718",
    "status": "booked",
    "member_id": MEMBER["id"],
    "wallet_type": "points",
    "points": 250,
    "reason": "goodwill",
    "available": 1002,
    "adjusted_at": "2026-06-01T12:00:00Z",
    "because": None,
    "expires_at": None,
}


class AdjustmentsView(PartnerView):
    scopes: ClassVar = {"post": "points:adjust"}

    @operation(
        id="adjust_points",
        tag="Points",
        summary="Give points, or take them away",
        description="""
        For what no sale and no campaign explains: goodwill, a correction. The reason decides whether tiers
        move and when the points expire. Above the limits that the program has for partner systems nothing
        happens yet: the answer's `status` is `waiting` until somebody agrees. Publishes `points.adjusted`.
        """,
        takes=AdjustmentRequest,
        takes_example=_WANTED,
        answer=AdjustmentBody,
        status=201,
        example=_BOOKED,
        refuses=(
            UnknownMember,
            NotAdjustable,
            UnknownReason,
            WrongDirection,
            InsufficientPoints,
            TooManyPoints,
        ),
    )
    def post(self, request: Request) -> HttpResponse:
        wanted = parsing.decode(request, AdjustmentRequest)
        caller = auth.caller(request)

        def write(also: Also) -> Adjusted | Requested:
            return adjustments.adjust(
                program=caller.program,
                member_id=identified(wanted.member, program=caller.program).pk,
                wallet_type=wanted.wallet_type,
                points=wanted.points,
                reason=wanted.reason,
                note=wanted.note,
                by=None,
                actor=caller.actor,
                at=clock.now(caller.program),
                also=also,
            )

        return idempotency.once(request, write, body=AdjustmentBody.of)
