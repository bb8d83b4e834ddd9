"""Members, and what hangs on them: points, tiers, segments, transactions, redemptions and vouchers."""

from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

import strawberry
from django.db.models import Q, QuerySet, Sum
from strawberry.scalars import JSON

from integrations.graphql import catalogue
from integrations.graphql.catalogue import Money, Points, WalletType, money
from integrations.graphql.limits import FIRST
from integrations.graphql.reading import Connection, Info, Page, Peers, lists, page, pages
from loyalty.core.models import Program
from members import models as members
from rewards import models as rewards
from rewards.api.redemption_bodies import status_of
from rewards.telling import explaining

First = Annotated[int, strawberry.argument(description="How many at most: 1 to 200.")]
After = Annotated[str | None, strawberry.argument(description="The cursor of the last one that is known.")]


@strawberry.type
class Identifier:
    """What systems know the member by."""

    kind: str
    value: str

    @classmethod
    def of(cls, row: members.Identifier, _peers: Peers) -> Self:
        return cls(kind=row.kind, value=row.value)


@strawberry.type
class Entry:
    """A line of a member's statement: why points moved, and what there was then."""

    id: UUID
    kind: str
    points: Points
    reason: str
    pending_after: Points
    available_after: Points
    held_after: Points
    effective_at: datetime
    recorded_at: datetime

    @classmethod
    def of(cls, row: members.Entry, _peers: Peers) -> Self:
        return cls(
            id=row.pk,
            kind=row.kind,
            points=Points(row.points),
            reason=row.reason,
            pending_after=Points(row.pending_after),
            available_after=Points(row.available_after),
            held_after=Points(row.held_after),
            effective_at=row.effective_at,
            recorded_at=row.recorded_at,
        )


@strawberry.type
class Wallet:
    """What a member holds of one kind of points."""

    id: UUID
    type: WalletType
    pending: Points
    held: Points
    debt: Points
    lifetime_earned: Points
    lifetime_spent: Points
    row: strawberry.Private[members.Wallet]
    peers: strawberry.Private[Peers]

    @classmethod
    def of(cls, row: members.Wallet, peers: Peers) -> Self:
        return cls(
            id=row.pk,
            type=WalletType.of(row.type),
            pending=Points(row.pending),
            held=Points(row.held),
            debt=Points(row.debt),
            lifetime_earned=Points(row.lifetime_earned),
            lifetime_spent=Points(row.lifetime_spent),
            row=row,
            peers=peers,
        )

    @strawberry.field(description="What can be spent now, without points whose time is over.")
    def available(self, info: Info) -> Points:
        reading = info.context
        over = self.peers.load("over", lambda ids: _over(ids, program=reading.program, at=reading.at))
        return Points(self.row.available - over.get(self.id, 0))

    @strawberry.field(description="Its statement, the newest line first.")
    def entries(self, info: Info, first: First = FIRST, after: After = None) -> Connection[Entry]:
        program = info.context.program
        asked = Page("entries", first, after, by="number")
        rows = members.Entry.objects.of(program)
        found = self.peers.load(
            asked, lambda ids: pages(rows, asked, program=program, make=Entry.of, parent="wallet", ids=ids)
        )
        return found[self.id]


def _over(ids: list[UUID], *, program: Program, at: datetime) -> dict[UUID, int]:
    """By wallet, points that are counted as available and cannot be spent any more."""
    gone = Q(expires_at__lte=at) | Q(lapses=True, wallet__lapses_at__lte=at)
    lots = members.Lot.objects.of(program).filter(
        gone,
        wallet__in=ids,
        available__gt=0,
        wallet__type__expiry_is_on_hold=False,
        wallet__type__expires_only_if_warned=False,
    )
    return dict(lots.values_list("wallet_id").annotate(points=Sum("available")))


@strawberry.type
class MemberTier:
    """Where a member stands on a ladder."""

    ladder: str = strawberry.field(description="Key of the ladder.")
    tier: catalogue.Tier
    progress: Points
    since: datetime

    @classmethod
    def of(cls, row: members.MemberTier, _peers: Peers) -> Self:
        tier = catalogue.Tier.of(row.tier)
        return cls(ladder=row.ladder.key, tier=tier, progress=Points(row.progress), since=row.since)


@strawberry.type
class MemberSegment:
    """A segment that the member is in."""

    segment: catalogue.Segment
    since: datetime

    @classmethod
    def of(cls, row: members.SegmentMember, _peers: Peers) -> Self:
        return cls(segment=catalogue.Segment.of(row.segment), since=row.since)


@strawberry.type
class Transaction:
    """A sale or return."""

    id: UUID
    kind: str
    status: str
    external_id: str
    source: str
    store: str
    amount: Money
    returned: Money
    points: Points
    member_id: UUID
    sale_id: UUID | None
    occurred_at: datetime
    recorded_at: datetime
    peers: strawberry.Private[Peers]

    @classmethod
    def of(cls, row: rewards.Activity, peers: Peers) -> Self:
        is_return = row.kind == rewards.ActivityKind.RETURN
        return cls(
            id=row.pk,
            kind="return" if is_return else "sale",
            status=explaining.status_of(row),
            external_id=row.external_id,
            source=row.source,
            store=row.store,
            amount=money(row.amount, row.program),
            returned=money(row.returned_amount, row.program),
            points=Points(row.points),
            member_id=row.member_id,
            sale_id=row.original_id if is_return else None,
            occurred_at=row.occurred_at,
            recorded_at=row.recorded_at,
            peers=peers,
        )


@strawberry.type
class Voucher:
    """A code that is worth money."""

    id: UUID
    code_ends_with: str
    uses: int
    uses_allowed: int
    expires_at: datetime | None
    row: strawberry.Private[rewards.Voucher]

    @classmethod
    def of(cls, row: rewards.Voucher, _peers: Peers | None = None) -> Self:
        return cls(
            id=row.pk,
            code_ends_with=row.code[-4:],
            uses=row.uses,
            uses_allowed=row.uses_allowed,
            expires_at=row.expires_at,
            row=row,
        )

    @strawberry.field(
        extensions=[catalogue.REDEMPTIONS],
        description="For whoever redeems rewards: show it to the member alone.",
    )
    def code(self) -> str | None:
        return self.row.code

    @strawberry.field(description="issued, used, void or expired.")
    def status(self, info: Info) -> str:
        return status_of(self.row, at=info.context.at)


@strawberry.type
class Redemption:
    """One purchase of a reward, as it stands now."""

    id: UUID
    member_id: UUID
    reward_key: str
    reward_name: str
    points: Points
    redeemed_at: datetime
    expires_at: datetime | None
    fulfilled_at: datetime | None
    ended_at: datetime | None
    reason: str
    tracking: str
    voucher: Voucher | None
    row: strawberry.Private[rewards.Redemption]

    @classmethod
    def of(cls, row: rewards.Redemption, _peers: Peers) -> Self:
        voucher = getattr(row, "voucher", None)
        return cls(
            id=row.pk,
            member_id=row.member_id,
            reward_key=row.reward.key,
            reward_name=row.reward.name,
            points=Points(row.points),
            redeemed_at=row.redeemed_at,
            expires_at=row.expires_at,
            fulfilled_at=row.fulfilled_at,
            ended_at=row.ended_at,
            reason=row.reason,
            tracking=row.tracking,
            voucher=Voucher.of(voucher) if voucher else None,
            row=row,
        )

    @strawberry.field(description="held, confirmed, fulfilled, cancelled, expired or returned.")
    def status(self, info: Info) -> str:
        is_over = self.row.is_overdue(info.context.at)
        return rewards.RedemptionStatus.EXPIRED.value if is_over else self.row.status

    @strawberry.field(extensions=[catalogue.REWARDS])
    def reward(self) -> catalogue.Reward | None:
        return catalogue.Reward.of(self.row.reward)


@strawberry.type
class Member:
    """A person in the program."""

    id: UUID
    status: str
    merged_into: UUID | None
    first_name: str
    last_name: str
    birth_date: date | None
    attributes: JSON
    enrolled_at: datetime
    peers: strawberry.Private[Peers]

    @classmethod
    def of(cls, row: members.Member, peers: Peers) -> Self:
        return cls(
            id=row.pk,
            status=row.status,
            merged_into=row.merged_into_id,
            first_name=row.first_name,
            last_name=row.last_name,
            birth_date=row.birth_date,
            attributes=row.attributes,
            enrolled_at=row.enrolled_at,
            peers=peers,
        )

    @strawberry.field
    def identifiers(self, info: Info) -> list[Identifier]:
        rows = members.Identifier.objects.of(info.context.program).order_by("kind", "value")
        return self._list("identifiers", rows, make=Identifier.of)

    @strawberry.field(description="Those that have ever held points.")
    def wallets(self, info: Info) -> list[Wallet]:
        rows = members.Wallet.objects.of(info.context.program).select_related("type").order_by("type__key")
        return self._list("wallets", rows, make=Wallet.of)

    @strawberry.field(description="Where the member stands on each ladder; none before the first points.")
    def tiers(self, info: Info) -> list[MemberTier]:
        rows = members.MemberTier.objects.of(info.context.program).select_related("ladder", "tier")
        return self._list("tiers", rows.order_by("ladder__key"), make=MemberTier.of)

    @strawberry.field
    def segments(self, info: Info) -> list[MemberSegment]:
        rows = members.SegmentMember.objects.of(info.context.program).select_related("segment")
        return self._list("segments", rows.order_by("segment__key"), make=MemberSegment.of)

    @strawberry.field(extensions=[catalogue.TRANSACTIONS], description="Sales and returns.")
    def transactions(
        self, info: Info, first: First = FIRST, after: After = None
    ) -> Connection[Transaction] | None:
        asked = Page("member.transactions", first, after)
        return self._page(asked, transactions(info.context.program), info=info, make=Transaction.of)

    @strawberry.field(extensions=[catalogue.REDEMPTIONS])
    def redemptions(
        self, info: Info, first: First = FIRST, after: After = None
    ) -> Connection[Redemption] | None:
        asked = Page("member.redemptions", first, after)
        return self._page(asked, redemptions(info.context.program), info=info, make=Redemption.of)

    @strawberry.field(extensions=[catalogue.VOUCHERS], description="Those of their redemptions.")
    def vouchers(self, info: Info, first: First = FIRST, after: After = None) -> Connection[Voucher] | None:
        asked = Page("member.vouchers", first, after)
        rows = rewards.Voucher.objects.of(info.context.program).select_related("redemption")
        return self._page(asked, rows, info=info, make=Voucher.of, parent="redemption__member")

    def _list(self, name: str, rows: QuerySet[Any], *, make: Any) -> list[Any]:
        found = self.peers.load(name, lambda ids: lists(rows, make=make, parent="member", ids=ids))
        return found[self.id]

    def _page(
        self, asked: Page, rows: QuerySet[Any], *, info: Info, make: Any, parent: str = "member"
    ) -> Connection[Any]:
        program = info.context.program
        found = self.peers.load(
            asked, lambda ids: pages(rows, asked, program=program, make=make, parent=parent, ids=ids)
        )
        return found[self.id]


def transactions(program: Program) -> QuerySet[rewards.Activity]:
    """Sales and returns, with what telling of them takes."""
    return rewards.Activity.objects.of(program).transactions().select_related("program", "undoing")


def redemptions(program: Program) -> QuerySet[rewards.Redemption]:
    """Redemptions, with what telling of them takes."""
    told = ("reward__wallet_type", "voucher")
    return rewards.Redemption.objects.of(program).select_related(*told)


def list_of_transactions(info: Info, first: int, after: str | None) -> Connection[Transaction]:
    program = info.context.program
    asked = Page("transactions", first, after)
    return page(transactions(program), asked, program=program, make=Transaction.of)


def list_of_redemptions(info: Info, first: int, after: str | None) -> Connection[Redemption]:
    program = info.context.program
    asked = Page("redemptions", first, after)
    return page(redemptions(program), asked, program=program, make=Redemption.of)
