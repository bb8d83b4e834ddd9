"""What a member held and holds, and every line of how it came about: read from the books."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final, Self
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, filters, pagination, rendering
from loyalty.core.api.pagination import InvalidFilter
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.errors import NotFound
from loyalty.core.models import Program
from members import references, statement, terms
from members.api import examples
from members.api.views import REFERENCE, find
from members.models import Member, Wallet
from members.statement import Balance, Line
from members.terms import WalletTerms

# Moments of the database and of Python are both counted in these.
RESOLUTION: Final = timedelta(microseconds=1)

_WALLET_TYPE: Final = OpenApiParameter(
    "wallet_type",
    {"type": "string", "minLength": 1, "maxLength": 40},
    description="Key of the kind of points. May be left out where only one kind may be spent.",
)
_FROM: Final = OpenApiParameter(
    "recorded_from",
    filters.MomentFilter.schema,
    description="Entries recorded at this moment or later; ISO 8601 with offset. All, if not given.",
)
_BEFORE: Final = OpenApiParameter(
    "recorded_before",
    filters.MomentFilter.schema,
    description="Entries recorded before this moment; ISO 8601 with offset. Until now, if not given.",
)
_AT: Final = OpenApiParameter(
    "at",
    filters.MomentFilter.schema,
    description="The moment that is asked for; ISO 8601 with offset. Now, if not given.",
)


class BalanceBody(Struct, frozen=True):
    """Points of one kind; `owed` is what will be taken from the next that come in."""

    available: int
    pending: int
    held: int
    owed: int

    @classmethod
    def of(cls, balance: Balance) -> Self:
        return cls(balance.available, balance.pending, balance.held, balance.debt)


class EntryBody(Struct, frozen=True):
    """A line of the statement; `points` is what it added to or took from the member's points in all."""

    id: UUID
    kind: Annotated[str, Meta(description="earn, spend, hold, settle, release, expire, reverse …")]
    points: int
    description: Annotated[str, Meta(description="What it was for, in words")]
    cause: Annotated[str, Meta(description="What it was booked for, as `sale:<transaction id>:earn:points`")]
    transaction_id: Annotated[
        UUID | None, Meta(description="The sale or return that it was booked for: it says why in full")
    ]
    effective_at: Annotated[Moment, Meta(description="When it counts")]
    recorded_at: Annotated[Moment, Meta(description="When it was booked")]
    after: Annotated[BalanceBody, Meta(description="The balance after it")]

    @classmethod
    def of(cls, line: Line) -> Self:
        return cls(
            id=line.id,
            kind=line.kind,
            points=line.points,
            description=line.what,
            cause=line.cause,
            transaction_id=line.transaction_id,
            effective_at=line.effective_at,
            recorded_at=line.recorded_at,
            after=BalanceBody.of(line.after),
        )


class StatementBody(Struct, frozen=True, kw_only=True):
    """A page of a statement, newest entry first, between the period's two balances."""

    wallet_type: str
    recorded_from: Moment | None
    recorded_before: Moment | None
    opening: BalanceBody
    closing: BalanceBody
    sums: Annotated[
        dict[str, int], Meta(description="Points of the whole period by kind of entry; they add up")
    ]
    data: tuple[EntryBody, ...]
    next: str | None
    previous: str | None


class WalletBalanceAt(Struct, frozen=True):
    """One kind of points at that moment."""

    type: str
    available: int
    pending: int
    held: int
    owed: int


class BalanceAt(Struct, frozen=True):
    """All that a member held at a moment, by what was recorded until then."""

    at: Moment
    wallets: tuple[WalletBalanceAt, ...]


class EntriesView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="list_entries",
        tag="Members",
        summary="Read a member's points statement",
        description="""
        Each movement of one kind of points, newest first, with the balance after it, between the opening
        and the closing balance of the period that is asked for. A period counts by when entries were
        recorded, so that what one period closes with is what the next one opens with.
        """,
        parameters=(REFERENCE, _WALLET_TYPE, _FROM, _BEFORE, *pagination.PARAMETERS),
        answer=StatementBody,
        example=examples.STATEMENT,
        refuses=(NotFound, pagination.InvalidCursor, InvalidFilter),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        given = pagination.given(request, "wallet_type", "recorded_from", "recorded_before")
        member = find(program, references.read(reference))
        kind = _kind(program, given.get("wallet_type"))
        starts_at, ends_at = _moment(given, "recorded_from"), _moment(given, "recorded_before")
        if starts_at and ends_at and starts_at > ends_at:
            raise InvalidFilter(_("A period ends no sooner than it starts."))
        period = statement.period(_wallet(member, kind), starts_at, ends_at)
        page = pagination.paginate(request, statement.entries(period), filters=given, by=("number",))
        body = StatementBody(
            wallet_type=kind.key,
            recorded_from=starts_at,
            recorded_before=ends_at,
            opening=BalanceBody.of(period.opening),
            closing=BalanceBody.of(period.closing),
            sums=period.sums,
            data=tuple(EntryBody.of(line) for line in statement.told(period.wallet, page.rows)),
            next=page.next,
            previous=page.previous,
        )
        return rendering.answer(body)


class BalanceView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="read_balance",
        tag="Members",
        summary="Read what a member held at a moment",
        description="""
        The balance of each kind of points by what was recorded until that moment, that moment included:
        what the member's status would have said then. For the present, the status says more.
        """,
        parameters=(REFERENCE, _AT),
        answer=BalanceAt,
        example=examples.BALANCE,
        refuses=(NotFound, InvalidFilter),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        now = clock.now(program)
        at = _moment(pagination.given(request, "at"), "at") or now
        if at > now:
            raise InvalidFilter(_("It is {now} now; nobody knows the balance of later.").format(now=now))
        member = find(program, references.read(reference))
        ids = dict(Wallet.objects.of(program).filter(member=member).values_list("type_id", "id"))
        held = statement.openings(ids.values(), at + RESOLUTION)
        wallets = [(kind, held.get(ids.get(kind.id, member.pk), Balance())) for kind in _kinds(program)]
        return rendering.answer(BalanceAt(at, tuple(_of_kind(kind, one) for kind, one in wallets)))


def _of_kind(kind: WalletTerms, held: Balance) -> WalletBalanceAt:
    return WalletBalanceAt(kind.key, held.available, held.pending, held.held, held.debt)


def _kinds(program: Program) -> list[WalletTerms]:
    """Those that may be spent first."""
    known = terms.of(program).wallet_types.values()
    return sorted(known, key=lambda kind: (not kind.is_spendable, kind.key))


def _kind(program: Program, key: str | None) -> WalletTerms:
    known = _kinds(program)
    asked = [kind for kind in known if (kind.is_spendable if key is None else kind.key == key)]
    if len(asked) != 1:
        keys = ", ".join(kind.key for kind in known)
        raise InvalidFilter(_("Say which wallet_type is meant: {keys}.").format(keys=keys))
    return asked[0]


def _wallet(member: Member, kind: WalletTerms) -> Wallet:
    """The member's wallet; an empty one of no row if they have none of that kind yet."""
    wallets = Wallet.objects.of(member.program_id).select_related("type")
    found = wallets.filter(member=member, type=kind.id).first()
    return found or Wallet(program_id=member.program_id, member=member, type_id=kind.id)


def _moment(given: Mapping[str, str], name: str) -> datetime | None:
    if name not in given:
        return None
    try:
        return filters.moment(given[name])
    except ValueError as error:
        raise InvalidFilter(f"{name}: {error}", parameter=name) from None
