"""
One call for till and app: what a member holds, where they stand, what they may have now.

The body is put together by PostgreSQL in the statement that reads it: a till asks for it at every
purchase, and each further round trip or object in between would cost more than the work itself.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple
from uuid import UUID

from django.http import HttpResponse
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.db import fetch
from loyalty.core.errors import NotFound
from members import references
from members.api.views import REFERENCE
from rewards.api import examples


class NextExpiry(Struct, frozen=True):
    """The points that will be gone next, and the first moment at which they are."""

    expires_at: datetime
    points: int


class WalletStatus(Struct, frozen=True):
    """What a member holds of one kind of points."""

    type: Annotated[str, Meta(description="Key of the wallet type")]
    name: str
    available: int
    pending: int
    held: int
    next_expiry: NextExpiry | None


class TierStatus(Struct, frozen=True):
    """Where the member stands on a ladder, and how far the next rung is."""

    ladder: str
    tier: str
    name: str
    progress: Annotated[int, Meta(description="Points that count towards this ladder")]
    next_tier: str | None
    points_to_next: int | None


class AvailableReward(Struct, frozen=True):
    """A reward that the member can have at this moment."""

    key: str
    name: str
    wallet_type: str
    price: int


class MemberStatusBody(Struct, frozen=True):
    """A member at this moment. All of it was read at once, so that the figures fit together."""

    id: UUID
    status: Literal["active", "blocked", "merged"]
    merged_into: Annotated[
        UUID | None, Meta(description="The member to ask for instead, if this one was merged")
    ]
    first_name: str
    wallets: tuple[WalletStatus, ...]
    tiers: tuple[TierStatus, ...]
    rewards: tuple[AvailableReward, ...]


# $1 program, $2 the program's present, then whom it is about. Points whose time is over are no
# longer counted, whether or not the nightly run has booked them as expired: they can't be spent.
_STATUS: Final = """
WITH member AS MATERIALIZED (
    SELECT id, status, first_name, merged_into_id FROM members_member
    WHERE program_id = $1 AND status <> 'erased' AND {found}
), wallet AS MATERIALIZED (
    SELECT type.id AS type_id, type.key AS type, type.name, type.is_spendable,
           coalesce(held.available, 0) - coalesce(overdue.points, 0) AS available,
           coalesce(held.pending, 0) AS pending, coalesce(held.held, 0) AS held,
           CASE WHEN next.points IS NOT NULL
                THEN json_build_object(
                    'expires_at', to_char(next.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                    'points', next.points
                ) END AS next_expiry
    FROM member
    JOIN members_wallettype AS type ON type.program_id = $1
    LEFT JOIN members_wallet AS held ON held.member_id = member.id AND held.type_id = type.id
    LEFT JOIN LATERAL (
        SELECT sum(lot.available)::bigint AS points FROM members_lot AS lot
        WHERE lot.wallet_id = held.id AND lot.available > 0 AND lot.expires_at <= $2
    ) AS overdue ON true
    LEFT JOIN LATERAL (
        SELECT lot.expires_at, sum(lot.available)::bigint AS points FROM members_lot AS lot
        WHERE lot.wallet_id = held.id AND lot.available > 0 AND lot.expires_at > $2
        GROUP BY lot.expires_at ORDER BY lot.expires_at LIMIT 1
    ) AS next ON true
), standing AS (
    SELECT ladder.key AS ladder, tier.key AS tier, tier.name, coalesce(present.progress, 0) AS progress,
           next.key AS next_tier,
           next.threshold - least(coalesce(present.progress, 0), next.threshold) AS points_to_next
    FROM member
    JOIN members_tierladder AS ladder ON ladder.program_id = $1
    LEFT JOIN members_membertier AS present
        ON present.member_id = member.id AND present.ladder_id = ladder.id
    JOIN LATERAL (
        SELECT rung.key, rung.name, rung.threshold FROM members_tier AS rung
        WHERE rung.ladder_id = ladder.id AND (present.id IS NULL OR rung.id = present.tier_id)
        ORDER BY rung.threshold LIMIT 1
    ) AS tier ON true
    LEFT JOIN LATERAL (
        SELECT rung.key, rung.threshold FROM members_tier AS rung
        WHERE rung.ladder_id = ladder.id AND rung.threshold > tier.threshold
        ORDER BY rung.threshold LIMIT 1
    ) AS next ON true
), reward AS (
    SELECT offer.key, offer.name, wallet.type AS wallet_type, offer.price
    FROM member
    JOIN rewards_reward AS offer ON offer.program_id = $1 AND member.status = 'active'
    JOIN wallet ON wallet.type_id = offer.wallet_type_id
    WHERE offer.is_active AND offer.price <= wallet.available
      AND (offer.starts_at IS NULL OR offer.starts_at <= $2)
      AND (offer.ends_at IS NULL OR offer.ends_at > $2)
      AND (offer.stock IS NULL OR offer.stock > 0)
)
SELECT json_build_object(
    'id', id, 'status', status, 'merged_into', merged_into_id, 'first_name', first_name,
    'wallets', (SELECT coalesce(json_agg(json_build_object(
        'type', type, 'name', name, 'available', available, 'pending', pending, 'held', held,
        'next_expiry', next_expiry) ORDER BY is_spendable DESC, type), '[]') FROM wallet),
    'tiers', (SELECT coalesce(json_agg(standing ORDER BY ladder), '[]') FROM standing),
    'rewards', (SELECT coalesce(json_agg(reward ORDER BY price, key), '[]') FROM reward)
)::text FROM member
"""
_BY_ID: Final = _STATUS.format(found="id = $3")
_BY_IDENTIFIER: Final = _STATUS.format(
    found="id = (SELECT member_id FROM members_identifier WHERE program_id = $1 AND kind = $3 AND value = $4)"
)


class MemberStatusView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="read_member_status",
        tag="Members",
        summary="What a member holds and may have now",
        description="""
        One call for till and app: the member's wallets with the points that expire next, the tiers with the
        progress to the next one, and the rewards that the member can have at this moment.
        """,
        parameters=(REFERENCE,),
        answer=MemberStatusBody,
        example=examples.STATUS,
        refuses=(NotFound,),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        found = read(program.pk, references.read(reference), at=clock.now(program))
        return rendering.answer(found)


def read(program_id: UUID, reference: references.Reference, *, at: datetime) -> bytes:
    """
    The status as JSON, of the shape of `MemberStatusBody`.

    :raises NotFound: if the program has no such member
    """
    query = query_of(program_id, reference, at=at)
    rows = fetch(query.sql, query.parameters)
    if not rows:
        raise references.unknown()
    body: str = rows[0][0]
    return body.encode()


class Query(NamedTuple):
    """A statement with what is bound to it."""

    sql: str
    parameters: list[Any]


def query_of(program_id: UUID, reference: references.Reference, *, at: datetime) -> Query:
    """The one statement behind a status."""
    if reference.by == "id":
        return Query(_BY_ID, [program_id, at, reference.value])
    return Query(_BY_IDENTIFIER, [program_id, at, reference.kind, reference.value])
