"""What the API takes and answers for points, as schemas."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from msgspec import Meta, Struct

from loyalty.core.clock import Moment
from loyalty.core.codes import Code, OptionalCode
from members.holds import DEFAULT_LIFE, LONGEST_LIFE, Held
from members.ledger.operations import MAX_POINTS
from members.models import HoldStatus
from members.pooling import FromHousehold
from members.references import MemberReference

Points = Annotated[int, Meta(ge=1, le=MAX_POINTS)]
WalletTypeKey = Annotated[str, Meta(min_length=1, max_length=40, description="Key of the kind of points")]
SaleId = Annotated[
    OptionalCode, Meta(description="Your number of the sale that is paid for, so that returns find it")
]
Lines = Annotated[
    dict[Code, Points],
    Meta(max_length=1000, description="Points by line of that sale, if it is known; together all the points"),
]
Seconds = Annotated[
    int,
    Meta(
        ge=1,
        le=int(LONGEST_LIFE.total_seconds()),
        description="After so many seconds the points are free again by themselves; a week at most",
    ),
]


class HoldRequest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whose points are reserved, of which kind, how many and for how long."""

    member: MemberReference
    wallet_type: WalletTypeKey
    points: Points
    lives_for_seconds: Seconds = int(DEFAULT_LIFE.total_seconds())
    from_household: FromHousehold = False


class SettleRequest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many of the held points pay for what; without `points` all of them."""

    points: Points | None = None
    sale_external_id: SaleId = ""
    lines: Lines = {}


class SpendRequest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whose points pay at once, of which kind, how many and for what."""

    member: MemberReference
    wallet_type: WalletTypeKey
    points: Points
    sale_external_id: SaleId = ""
    lines: Lines = {}
    from_household: FromHousehold = False


class ReleaseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing more has to be said."""


class HoldBody(Struct, frozen=True, kw_only=True):
    """A hold: points that are reserved, and then settled or released."""

    id: UUID
    member_id: UUID
    wallet_type: str
    points: int
    status: Annotated[
        Literal["held", "settled", "released", "expired"],
        Meta(description="expired: its time was over, and its points are free again"),
    ]
    settled: Annotated[int, Meta(description="Points that were spent")]
    released: Annotated[int, Meta(description="Points that are free again")]
    placed_at: Moment
    expires_at: Moment
    closed_at: Moment | None
    sale_external_id: str
    lines: dict[str, int]
    available: Annotated[int, Meta(description="Points of this kind that the member can spend now")]
    brought: Annotated[int, Meta(description="Of its points, those that others of the household added")] = 0

    @classmethod
    def of(cls, held: Held, *, at: datetime) -> Self:
        """As it is at that moment: a hold is over when its time is, whether or not a job came by."""
        hold = held.hold
        status = HoldStatus.EXPIRED.value if hold.is_overdue(at) else hold.status
        return cls(
            id=hold.id,
            member_id=hold.member_id,
            wallet_type=held.wallet_type,
            points=hold.points,
            status=status,  # type: ignore[arg-type]  # the column's choices
            settled=hold.settled,
            released=0 if status == HoldStatus.HELD else hold.points - hold.settled,
            placed_at=hold.placed_at,
            expires_at=hold.expires_at,
            closed_at=hold.closed_at,
            sale_external_id=hold.paid_external_id,
            lines=hold.paid_lines,
            available=held.available,
            brought=held.brought,
        )
