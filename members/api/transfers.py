"""Points that a member passes on to another one."""

from typing import Any, ClassVar, Final

import msgspec
from django.http import HttpResponse
from msgspec import Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from members import transfers
from members.api.examples import MEMBER
from members.api.points_bodies import Points, WalletTypeKey
from members.ledger.operations import InsufficientPoints
from members.references import MemberIsBlocked, MemberIsMerged, MemberReference, UnknownMember
from members.transfers import (
    Also,
    TransferLimitReached,
    TransferNotAllowed,
    Transferred,
    TransferToOneself,
    TransferTooSmall,
)


class TransferRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Who passes on how many points of which kind, and to whom."""

    sender: MemberReference
    recipient: MemberReference
    wallet_type: WalletTypeKey
    points: Points


_WANTED: Final[dict[str, Any]] = {
    "sender": {"kind": "card", "value": "1001"},
    "recipient": {"kind": "email", "value": "charles@example.org"},
    "wallet_type": "points",
    "points": 200,
}
_SENT: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-d4e5f6071829",
    "sender_id": MEMBER["id"],
    "recipient_id": "01976c1e-5d7a-7000-8000-3b63f7f2e1c5",
    "wallet_type": "points",
    "points": 200,
    "fee": 10,
    "arrived": 190,
    "balance": 552,
    "sent_at": "2026-06-01T12:00:00Z",
}


class TransfersView(PartnerView):
    scopes: ClassVar = {"post": "points:transfer"}

    @operation(
        id="transfer_points",
        tag="Points",
        summary="Pass points on to another member",
        description="""
        Takes the sender's points that expire first, keeps the program's fee, and gives the rest to the
        recipient with the dates that they had. The program decides whether these points may be passed on
        at all, to whom, and how many. Publishes `points.transferred` and `points.received`.
        """,
        takes=TransferRequest,
        takes_example=_WANTED,
        answer=Transferred,
        status=201,
        example=_SENT,
        refuses=(
            UnknownMember,
            MemberIsBlocked,
            MemberIsMerged,
            TransferNotAllowed,
            TransferToOneself,
            TransferTooSmall,
            TransferLimitReached,
            InsufficientPoints,
        ),
    )
    def post(self, request: Request) -> HttpResponse:
        wanted = parsing.decode(request, TransferRequest)
        caller = auth.caller(request)

        def write(also: Also) -> Transferred:
            return transfers.send(
                sender=wanted.sender,
                recipient=wanted.recipient,
                wallet_type=wanted.wallet_type,
                points=wanted.points,
                program=caller.program,
                source=caller.partner_key,
                actor=caller.actor,
                at=clock.now(caller.program),
                also=also,
            )

        return idempotency.once(request, write, body=msgspec.to_builtins)
