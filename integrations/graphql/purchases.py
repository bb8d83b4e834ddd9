"""Sales and returns, and what members got for points."""

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry
from django.db.models import QuerySet

from integrations.graphql import catalogue
from integrations.graphql.catalogue import Money, Points, money
from integrations.graphql.filtering import Given, filtered
from integrations.graphql.reading import Info, Peers
from loyalty.core.models import Program
from rewards import models as rewards
from rewards.api.filters import TransactionFilter
from rewards.api.redemption_bodies import status_of
from rewards.api.redemption_filters import RedemptionFilter, VoucherFilter
from rewards.telling import explaining


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

    @classmethod
    def of_redemption(cls, row: rewards.Redemption, _peers: Peers) -> Self:
        return cls.of(row.voucher)

    @strawberry.field(
        extensions=[catalogue.CODES],
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


def transactions(program: Program, asked: Given) -> QuerySet[rewards.Activity]:
    """
    Sales and returns, with what telling of them takes.

    :raises InvalidFilter: for a value that they cannot be filtered by
    """
    rows = rewards.Activity.objects.of(program).transactions().select_related("program", "undoing")
    return filtered(rows, TransactionFilter, asked, program=program)


def redemptions(program: Program, asked: Given) -> QuerySet[rewards.Redemption]:
    """
    Redemptions, with what telling of them takes.

    :raises InvalidFilter: for a value that they cannot be filtered by
    """
    rows = rewards.Redemption.objects.of(program).select_related("reward__wallet_type", "voucher")
    return filtered(rows, RedemptionFilter, asked, program=program)


def vouchers(program: Program, asked: Given) -> QuerySet[rewards.Redemption]:
    """
    Redemptions that gave a voucher, each with it: an index has those of a member in order.

    :raises InvalidFilter: for a value that vouchers cannot be filtered by
    """
    rows = rewards.Redemption.objects.of(program).select_related("voucher").filter(voucher__isnull=False)
    if not asked:
        return rows
    of_program = rewards.Voucher.objects.of(program)
    return rows.filter(voucher__in=filtered(of_program, VoucherFilter, asked, program=program))
