"""What members hold, and every line of how it came about."""

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry
from django.db.models import Q, Sum

from integrations.graphql.catalogue import Points, WalletType
from integrations.graphql.limits import FIRST
from integrations.graphql.reading import After, Connection, First, Info, Page, Peers, pages
from loyalty.core.models import Program
from members import models as members
from members import statement


@strawberry.type
class Entry:
    """A line of a member's statement: why points moved, and what there was then."""

    id: UUID
    kind: str
    points: Points
    cause: str = strawberry.field(description="What it was booked for, as `sale:<id>:earn:points`.")
    pending_after: Points
    available_after: Points
    held_after: Points
    effective_at: datetime
    recorded_at: datetime
    peers: strawberry.Private[Peers]

    @classmethod
    def of(cls, row: members.Entry, peers: Peers) -> Self:
        return cls(
            id=row.pk,
            kind=row.kind,
            points=Points(row.points),
            cause=row.cause,
            pending_after=Points(row.pending_after),
            available_after=Points(row.available_after),
            held_after=Points(row.held_after),
            effective_at=row.effective_at,
            recorded_at=row.recorded_at,
            peers=peers,
        )

    @strawberry.field(description="What it was for, in words for the member.")
    def description(self, info: Info) -> str:
        return self._line(info).what

    @strawberry.field(description="The sale or return that it was booked for.")
    def transaction_id(self, info: Info) -> UUID | None:
        return self._line(info).transaction_id

    def _line(self, info: Info) -> statement.Line:
        return self.peers.load("lines", lambda ids: _lines(ids, program=info.context.program))[self.id]


def _lines(ids: list[UUID], *, program: Program) -> dict[UUID, statement.Line]:
    rows = members.Entry.objects.of(program).filter(pk__in=ids).select_related("wallet__type")
    return {line.id: line for line in statement.worded(list(rows))}


@strawberry.type
class Wallet:
    """What a member holds of one kind of points."""

    id: UUID
    type: WalletType
    pending: Points
    held: Points
    owed: Points = strawberry.field(description="What the next points that come in will pay.")
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
            owed=Points(row.debt),
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
        asked = Page("entries", first, after, by=("number",))

        def read(ids: list[UUID]) -> dict[UUID, Connection[Entry]]:
            rows = members.Entry.objects.of(program)
            return pages(
                rows, asked, program=program, make=Entry.of, of=members.Wallet, ids=ids, parent="wallet"
            )

        return self.peers.load(asked, read)[self.id]


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
