"""The list of transactions: what tills, shops and service desks look for."""

from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID

from django.http import HttpResponse
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core.api import auth, filters, pagination, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from rewards.api.examples import MEMBER_ID, SALE
from rewards.api.filters import TransactionFilter
from rewards.deciding.activities import Money
from rewards.models import Activity
from rewards.telling import explaining

Status = Literal["booked", "cancelled", "corrected"]
_READ: Final = (
    "id", "kind", "external_id", "source", "member_id", "store", "amount", "returned_amount", "points",
    "original_id", "occurred_at", "recorded_at", "undoing__replacement_id",
)  # fmt: skip


class TransactionBody(Struct, frozen=True, kw_only=True):
    """A sale or return in a list."""

    id: UUID
    kind: Literal["sale", "return"]
    status: Annotated[Status, Meta(description="`booked`, or a mistake that was put right")]
    external_id: str
    source: Annotated[str, Meta(description="Key of the partner that reported it")]
    member_id: UUID
    store: str
    amount: Money
    returned: Annotated[Money, Meta(description="Of a sale: how much of it came back so far")]
    points: Annotated[int, Meta(description="Spendable points; negative for a return")]
    sale_id: Annotated[UUID | None, Meta(description="Of a return: the sale")]
    occurred_at: Moment
    recorded_at: Moment


class TransactionList(Struct, frozen=True):
    """Some transactions, the newest first."""

    data: tuple[TransactionBody, ...]
    next: str | None
    previous: str | None


LISTED: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-77d0c1f9a2e6",
    "kind": "sale",
    "status": "booked",
    "external_id": SALE["external_id"],
    "source": "till",
    "member_id": MEMBER_ID,
    "store": SALE["store"],
    "amount": SALE["amount"],
    "returned": {"amount": "0.00", "currency": "EUR"},
    "points": 12,
    "sale_id": None,
    "occurred_at": "2026-06-01T12:00:00Z",
    "recorded_at": "2026-06-01T12:00:01Z",
}

describe = operation(
    id="list_transactions",
    tag="Transactions",
    summary="List sales and returns",
    description="""
    What all partners of the program have recorded, the newest first by when it happened: for a service desk
    (`member`), for the receipt in somebody's hand (`external_id`), for the day's comparison of a store
    (`store` with `occurred_from` and `occurred_before`). Filters go together. Returns that wait for their
    sale, and sales that nobody has claimed, are not in it. What is recorded from now on is told by the feed.
    """,
    parameters=(*filters.parameters(TransactionFilter), *pagination.PARAMETERS),
    answer=TransactionList,
    example={"data": [LISTED], "next": None, "previous": None},
    refuses=(pagination.InvalidCursor, pagination.InvalidFilter),
)


class Listing(PartnerView):
    """`GET` of the address where sales and returns are reported."""

    scopes: ClassVar[dict[str, str]] = {"get": "transactions:read"}

    @describe
    def get(self, request: Request) -> HttpResponse:
        """Sales and returns, the newest first."""
        program = auth.caller(request).program
        of_program = Activity.objects.of(program).transactions().select_related("undoing").only(*_READ)
        rows, given = filters.apply(request, TransactionFilter, of_program)
        page = pagination.paginate(request, rows, filters=given, by=("occurred_at", "id"))
        data = tuple(_told(activity, program.currency) for activity in page.rows)
        return rendering.answer(TransactionList(data, page.next, page.previous))


def _told(activity: Activity, currency: str) -> TransactionBody:
    is_return = activity.kind == "return"
    return TransactionBody(
        id=activity.pk,
        kind="return" if is_return else "sale",
        status=explaining.status_of(activity),
        external_id=activity.external_id,
        source=activity.source,
        member_id=activity.member_id,
        store=activity.store,
        amount=Money(f"{activity.amount:.2f}", currency),
        returned=Money(f"{activity.returned_amount:.2f}", currency),
        points=activity.points,
        sale_id=activity.original_id if is_return else None,
        occurred_at=activity.occurred_at,
        recorded_at=activity.recorded_at,
    )
