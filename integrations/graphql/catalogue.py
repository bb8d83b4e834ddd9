"""What a program has set up: kinds of points, ladders, segments, rewards and campaigns."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NewType, Self
from uuid import UUID

import strawberry

from integrations.graphql.reading import Info, Needs, Peers, lists
from loyalty.core.models import Program
from members import models as members
from rewards import models as rewards

# GraphQL's own Int ends at 2³¹, which members' points do not.
Points = NewType("Points", int)
SCALARS: Final[Mapping[object, object]] = {
    Points: strawberry.scalar(
        name="Points", description="A whole number, up to 10¹² and negative too, as a JSON number."
    )
}


@strawberry.type
class Money:
    """An exact amount, as text, and its currency (ISO 4217)."""

    amount: str
    currency: str


@strawberry.type
class WalletType:
    """A kind of points."""

    id: UUID
    key: str
    name: str
    is_spendable: bool

    @classmethod
    def of(cls, row: members.WalletType) -> Self:
        return cls(id=row.pk, key=row.key, name=row.name, is_spendable=row.is_spendable)


@strawberry.type
class Tier:
    """A rung of a ladder, and the points that reach it."""

    id: UUID
    key: str
    name: str
    threshold: Points

    @classmethod
    def of(cls, row: members.Tier, _peers: Peers | None = None) -> Self:
        return cls(id=row.pk, key=row.key, name=row.name, threshold=Points(row.threshold))


@strawberry.type
class TierLadder:
    """A status structure, which members climb by points of one kind."""

    id: UUID
    key: str
    name: str
    wallet_type: WalletType
    peers: strawberry.Private[Peers]

    @classmethod
    def of(cls, row: members.TierLadder, peers: Peers) -> Self:
        kind = WalletType.of(row.wallet_type)
        return cls(id=row.pk, key=row.key, name=row.name, wallet_type=kind, peers=peers)

    @strawberry.field(description="From the lowest rung up.")
    def tiers(self, info: Info) -> list[Tier]:
        rungs = members.Tier.objects.of(info.context.program).order_by("threshold")
        found = self.peers.load("tiers", lambda ids: lists(rungs, make=Tier.of, parent="ladder", ids=ids))
        return found[self.id]


@strawberry.type
class Segment:
    """A group of members with a name."""

    id: UUID
    key: str
    name: str
    description: str
    kind: str
    member_count: Points
    refreshed_at: datetime | None
    archived_at: datetime | None

    @classmethod
    def of(cls, row: members.Segment, _peers: Peers | None = None) -> Self:
        return cls(
            id=row.pk,
            key=row.key,
            name=row.name,
            description=row.description,
            kind=row.kind,
            member_count=Points(row.member_count),
            refreshed_at=row.refreshed_at,
            archived_at=row.archived_at,
        )


@strawberry.type
class Reward:
    """What points buy."""

    id: UUID
    key: str
    name: str
    description: str
    price: Points
    wallet_type: WalletType
    stock: int | None
    has_voucher: bool
    starts_at: datetime | None
    ends_at: datetime | None
    row: strawberry.Private[rewards.Reward]

    @classmethod
    def of(cls, row: rewards.Reward, _peers: Peers | None = None) -> Self:
        return cls(
            id=row.pk,
            key=row.key,
            name=row.name,
            description=row.description,
            price=Points(row.price),
            wallet_type=WalletType.of(row.wallet_type),
            stock=row.stock,
            has_voucher=row.has_voucher,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            row=row,
        )

    @strawberry.field(description="Whether it can be bought now, as far as the catalogue is concerned.")
    def is_on_offer(self, info: Info) -> bool:
        return self.row.is_on_offer(info.context.at)


@strawberry.type
class Campaign:
    """An earning rule: its name and its state."""

    id: UUID
    key: str
    name: str
    description: str
    status: str

    @classmethod
    def of(cls, row: rewards.Campaign, _peers: Peers | None = None) -> Self:
        return cls(id=row.pk, key=row.key, name=row.name, description=row.description, status=row.status)


def money(amount: object, program: Program) -> Money:
    return Money(amount=f"{amount:.2f}", currency=program.currency)


REWARDS: Final = Needs("rewards:read")
MEMBERS: Final = Needs("members:read")
CAMPAIGNS: Final = Needs("campaigns:read")
TRANSACTIONS: Final = Needs("transactions:read")
REDEMPTIONS: Final = Needs("members:read", "redemptions:write")
VOUCHERS: Final = Needs("members:read", "vouchers:use")
CODES: Final = Needs("redemptions:write")
