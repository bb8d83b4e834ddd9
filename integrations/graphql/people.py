"""Members, and what hangs on them: points, tiers, segments, transactions, redemptions and vouchers."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

import strawberry
from django.db.models import QuerySet
from strawberry.scalars import JSON

from integrations.graphql import catalogue, purchases
from integrations.graphql.catalogue import Points
from integrations.graphql.filtering import Before, From, Given, Text, given
from integrations.graphql.limits import FIRST
from integrations.graphql.purchases import Redemption, Transaction, Voucher
from integrations.graphql.reading import After, Connection, First, Info, Page, Peers, lists, pages
from integrations.graphql.wallets import Wallet
from loyalty.core.models import Program
from members import models as members


@strawberry.type
class Identifier:
    """What systems know the member by."""

    kind: str
    value: str

    @classmethod
    def of(cls, row: members.Identifier, _peers: Peers) -> Self:
        return cls(kind=row.kind, value=row.value)


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
class Member:
    """A person in the program."""

    id: UUID
    status: str
    merged_into_id: UUID | None
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
            merged_into_id=row.merged_into_id,
            first_name=row.first_name,
            last_name=row.last_name,
            birth_date=row.birth_date,
            attributes=row.attributes,
            enrolled_at=row.enrolled_at,
            peers=peers,
        )

    @strawberry.field
    def identifiers(self, info: Info) -> list[Identifier]:
        return self._list("identifiers", _identifiers, info=info, make=Identifier.of)

    @strawberry.field(description="Those that have ever held points.")
    def wallets(self, info: Info) -> list[Wallet]:
        return self._list("wallets", _wallets, info=info, make=Wallet.of)

    @strawberry.field(description="Where the member stands on each ladder; none before the first points.")
    def tiers(self, info: Info) -> list[MemberTier]:
        return self._list("tiers", _tiers, info=info, make=MemberTier.of)

    @strawberry.field
    def segments(self, info: Info) -> list[MemberSegment]:
        return self._list("segments", _segments, info=info, make=MemberSegment.of)

    @strawberry.field(
        extensions=[catalogue.TRANSACTIONS],
        description="Sales and returns, by when they happened; `kind` is sale or return.",
    )
    def transactions(
        self,
        info: Info,
        first: First = FIRST,
        after: After = None,
        kind: Text = None,
        status: Text = None,
        occurred_from: From = None,
        occurred_before: Before = None,
    ) -> Connection[Transaction] | None:
        asked = given(
            {
                "kind": kind,
                "status": status,
                "occurred_from": occurred_from,
                "occurred_before": occurred_before,
            }
        )
        at = Page("member.transactions", first, after, by=("occurred_at", "id"), filters=asked)
        return self._page(at, purchases.transactions, info=info, make=Transaction.of)

    @strawberry.field(extensions=[catalogue.REDEMPTIONS])
    def redemptions(
        self,
        info: Info,
        first: First = FIRST,
        after: After = None,
        status: Text = None,
        reward: Text = None,
    ) -> Connection[Redemption] | None:
        asked = given({"status": status, "reward": reward})
        at = Page("member.redemptions", first, after, by=("redeemed_at", "id"), filters=asked)
        return self._page(at, purchases.redemptions, info=info, make=Redemption.of)

    @strawberry.field(extensions=[catalogue.VOUCHERS], description="Those of their redemptions.")
    def vouchers(
        self, info: Info, first: First = FIRST, after: After = None, status: Text = None
    ) -> Connection[Voucher] | None:
        at = Page(
            "member.vouchers", first, after, by=("redeemed_at", "id"), filters=given({"status": status})
        )
        return self._page(at, purchases.vouchers, info=info, make=Voucher.of_redemption)

    def _list(
        self, name: str, rows: Callable[[Program], QuerySet[Any]], *, info: Info, make: Any
    ) -> list[Any]:
        program = info.context.program
        found = self.peers.load(name, lambda ids: lists(rows(program), make=make, parent="member", ids=ids))
        return found[self.id]

    def _page(
        self,
        asked: Page,
        rows: Callable[[Program, Given], QuerySet[Any]],
        *,
        info: Info,
        make: Any,
    ) -> Connection[Any]:
        program = info.context.program

        def read(ids: list[UUID]) -> dict[UUID, Connection[Any]]:
            filtered = rows(program, asked.filters)
            return pages(
                filtered, asked, program=program, make=make, of=members.Member, ids=ids, parent="member"
            )

        return self.peers.load(asked, read)[self.id]


def _identifiers(program: Program) -> QuerySet[members.Identifier]:
    return members.Identifier.objects.of(program).order_by("kind", "value")


def _wallets(program: Program) -> QuerySet[members.Wallet]:
    return members.Wallet.objects.of(program).select_related("type").order_by("type__key")


def _tiers(program: Program) -> QuerySet[members.MemberTier]:
    rows = members.MemberTier.objects.of(program).select_related("ladder", "tier")
    return rows.order_by("ladder__key")


def _segments(program: Program) -> QuerySet[members.SegmentMember]:
    rows = members.SegmentMember.objects.of(program).select_related("segment")
    return rows.order_by("segment__key")
