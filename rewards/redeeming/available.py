"""What members may have: told before they ask for it, by the rules that are applied when they do."""

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from msgspec import Struct

from loyalty.core.db import fetch
from loyalty.core.errors import DomainError
from loyalty.core.ids import new_id
from loyalty.core.models import Program
from members import households, terms
from members.ledger.operations import InsufficientPoints
from members.models import Member
from members.references import MemberReference
from rewards.redeeming import direct
from rewards.redeeming.baskets import BasketTooSmall
from rewards.redeeming.offers import (
    Found,
    Request,
    RewardLimitReached,
    RewardNotOnOffer,
    RewardSoldOut,
    bought_column,
    find,
)

_REFUSALS: Final = (RewardNotOnOffer, RewardSoldOut, RewardLimitReached, BasketTooSmall)


class Previewed(Struct, frozen=True, kw_only=True):
    """
    What redeeming a reward would come to; `refusal` says why it would not come to anything.

    `brought` are the points that others of the household would add.
    """

    member_id: UUID
    reward: str
    wallet_type: str
    points: int
    available: int
    brought: int
    left_of_limit: int | None
    refusal: DomainError | None


def preview(
    *,
    member: MemberReference,
    reward: str,
    basket: Decimal | None = None,
    from_household: bool = False,
    program: Program,
    source: str,
    at: datetime,
) -> Previewed:
    """
    What `redeem()` would do, without doing it; `basket` is what a basket costs before discounts.

    With `from_household`, what the member lacks may come from the others who share theirs.

    :raises UnknownMember: if no member of the program has that identifier
    :raises MemberIsBlocked: if the member may not spend
    :raises UnknownReward: if the program has no such reward
    """
    request = Request(
        member=member, reward=reward, program=program, source=source, actor="", at=at, basket=basket
    )
    found = find(request)
    offer = found.offer
    wallet = found.account.wallet_of(offer.wallet_type_id)
    available = wallet.spendable(at) if wallet else 0
    shared = _shared(found, at=at) if from_household and available < offer.price else 0
    brought = max(0, min(shared, offer.price - available))
    limit = offer.limit_per_member
    return Previewed(
        member_id=found.account.member_id,
        reward=offer.key,
        wallet_type=terms.of(program).of_type(offer.wallet_type_id).key,
        points=offer.price,
        available=available,
        brought=brought,
        left_of_limit=None if limit is None else max(0, limit - found.bought),
        refusal=_refusal(request, found, is_paid=0 < brought == offer.price - available),
    )


def _shared(found: Found, *, at: datetime) -> int:
    """Points of the reward's kind that the others of the household would share."""
    member = Member.objects.select_related("program").get(pk=found.account.member_id)
    kind = terms.of(member.program).of_type(found.offer.wallet_type_id).key
    pools = households.pooled(member, at=at)
    return next((pool.shared for pool in pools if pool.wallet_type == kind), 0)


def _refusal(request: Request, found: Found, *, is_paid: bool) -> DomainError | None:
    """Points are the last that a purchase is refused for: `is_paid` says that others bring what lacks."""
    try:
        direct.pay(request, found, new_id())
    except InsufficientPoints as refusal:
        return None if is_paid else refusal
    except _REFUSALS as refusal:
        return refusal
    return None


# Points whose time is over can't be spent, whether or not the nightly run has booked them as expired;
# unless that run is on hold for their kind.
_AVAILABLE: Final = f"""
SELECT reward.id FROM members_member member
JOIN rewards_reward reward ON reward.program_id = $1
JOIN members_wallet wallet ON wallet.member_id = member.id AND wallet.type_id = reward.wallet_type_id
LEFT JOIN LATERAL (
    SELECT sum(lot.available) AS points FROM members_lot lot
    WHERE lot.wallet_id = wallet.id AND lot.available > 0 AND NOT wallet.type_id = ANY($5::uuid[])
      AND CASE WHEN lot.lapses THEN wallet.lapses_at ELSE lot.expires_at END <= $3
) AS overdue ON true
WHERE member.program_id = $1 AND member.id = $2 AND member.status = 'active' AND reward.is_active
  AND (reward.starts_at IS NULL OR reward.starts_at <= $3)
  AND (reward.ends_at IS NULL OR reward.ends_at > $3)
  AND (reward.stock IS NULL OR reward.stock > 0)
  AND reward.price <= wallet.available - coalesce(overdue.points, 0)
  AND (reward.limit_per_member IS NULL
       OR reward.limit_per_member > {bought_column(at="$3", zone="$4")})"""


def available_to(member_id: UUID, *, program: Program, at: datetime) -> list[UUID]:
    """The ids of the rewards that `redeem()` would not refuse to the member at that moment. One statement."""
    keeps_due = sorted(terms.of(program).keeps_due)
    rows = fetch(_AVAILABLE, [program.pk, member_id, at, program.time_zone, keeps_due])
    return [reward_id for (reward_id,) in rows]
