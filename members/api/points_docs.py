"""What the docs say about points."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter

from loyalty.core.api.schema import operation
from members.api.examples import MEMBER
from members.api.points_bodies import HoldBody, HoldRequest, ReleaseRequest, SettleRequest, SpendRequest
from members.holds import PointsNotSpendable, UnknownHold, UnknownWalletType
from members.ledger.operations import InsufficientPoints
from members.paying import HoldIsClosed, HoldIsKept, MoreThanHeld
from members.references import MemberIsBlocked, UnknownMember
from members.transfers import TransferNotAllowed

HOLD_ID: Final = OpenApiParameter(
    "hold_id",
    {"type": "string", "format": "uuid"},
    location=OpenApiParameter.PATH,
    description="The `id` of the hold.",
)
_WANTED: Final[dict[str, Any]] = {
    "member": {"kind": "card", "value": "1001"},
    "wallet_type": "points",
    "points": 500,
}
_PAID: Final[dict[str, Any]] = {"sale_external_id": "till-7/2026-06-01/000123", "lines": {"1": 350}}
_HELD: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-b1c2d3e4f506",
    "member_id": MEMBER["id"],
    "wallet_type": "points",
    "points": 500,
    "status": "held",
    "settled": 0,
    "released": 0,
    "placed_at": "2026-06-01T12:00:00Z",
    "expires_at": "2026-06-01T12:15:00Z",
    "closed_at": None,
    "sale_external_id": "",
    "lines": {},
    "available": 752,
    "brought": 0,
}
_CLOSED: Final = {**_HELD, "closed_at": "2026-06-01T12:04:10Z"}
_SETTLED: Final = {**_CLOSED, **_PAID, "status": "settled", "settled": 350, "released": 150, "available": 902}
_RELEASED: Final = {**_CLOSED, "status": "released", "released": 500, "available": 1252}
_SPENT: Final = {**_SETTLED, "points": 350, "released": 0, "closed_at": "2026-06-01T12:00:00Z"}
_TAKING: Final = (
    UnknownMember,
    MemberIsBlocked,
    UnknownWalletType,
    PointsNotSpendable,
    InsufficientPoints,
    TransferNotAllowed,
)

place_hold = operation(
    id="place_hold",
    tag="Points",
    summary="Reserve points at a checkout",
    description="""
    Takes points out of what the member can spend, those that expire first, until they are settled or
    released, or the hold's time is over: 15 minutes, unless you say another. Publishes `points.held`.

    With `from_household`, points that the member lacks come from the others of the household who share
    theirs; `brought` says how many. What is not spent of them goes back to whom it came from.
    """,
    takes=HoldRequest,
    takes_example={**_WANTED, "lives_for_seconds": 900},
    answer=HoldBody,
    status=201,
    example=_HELD,
    refuses=_TAKING,
)

read_hold = operation(
    id="read_hold",
    tag="Points",
    summary="Read a hold",
    description="A hold as it is now, whoever of the program's partners placed it.",
    parameters=(HOLD_ID,),
    answer=HoldBody,
    example=_HELD,
    refuses=(UnknownHold,),
)

settle_hold = operation(
    id="settle_hold",
    tag="Points",
    summary="Spend held points",
    description="""
    Spends up to as many points as are held; the rest is free again at once. Name the sale that they pay
    for, and the points by line if you know them, so that a return can give them back. Publishes
    `points.spent`, and `points.released` for a rest.

    A hold ends once. The same call again, under whatever Idempotency-Key, is answered with the hold as it
    was settled; another one, or one after the hold's time, is refused with `hold_is_closed`, whose
    `ended` says how it ended.
    """,
    parameters=(HOLD_ID,),
    takes=SettleRequest,
    takes_example={"points": 350, **_PAID},
    answer=HoldBody,
    example=_SETTLED,
    refuses=(UnknownHold, HoldIsKept, HoldIsClosed, MoreThanHeld, MemberIsBlocked),
)

release_hold = operation(
    id="release_hold",
    tag="Points",
    summary="Give held points free",
    description="""
    Ends a hold without a purchase. Points that have expired meanwhile expire at once. A hold that was
    released or has expired already is answered as it is; one that was settled is refused with
    `hold_is_closed`. Publishes `points.released`.
    """,
    parameters=(HOLD_ID,),
    takes=ReleaseRequest,
    takes_example={},
    answer=HoldBody,
    example=_RELEASED,
    refuses=(UnknownHold, HoldIsKept, HoldIsClosed),
)

spend_points = operation(
    id="spend_points",
    tag="Points",
    summary="Pay with points at once",
    description="""
    For a checkout that needs no reservation: spends the member's points, those that expire first, in one
    call. The answer is a hold that was settled in the moment of its placing. Publishes `points.spent`.

    With `from_household`, points that the member lacks come from the others of the household who share
    theirs; `brought` says how many. Nothing is brought if even all together have too few.
    """,
    takes=SpendRequest,
    takes_example={**_WANTED, "points": 350, **_PAID},
    answer=HoldBody,
    status=201,
    example=_SPENT,
    refuses=_TAKING,
)
