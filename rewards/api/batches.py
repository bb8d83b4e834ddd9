"""Many transactions or events in a call: what a till has kept while it was offline, a shop's whole day."""

from collections.abc import Iterator
from itertools import groupby
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from django.http import HttpResponse
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, bulk, rendering
from loyalty.core.api.bulk import Done
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.errors import DomainError
from rewards.api import examples
from rewards.api.bodies import (
    Award,
    Gift,
    Returned,
    Sale,
    Transaction,
    TransactionResult,
    WalletBalance,
    answer_of,
    status_of,
)
from rewards.api.views import book
from rewards.deciding.activities import NOBODY, CustomEvent, Return
from rewards.journeys import earning, event_types, reporting


class BatchedTransaction(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """
    What became of one transaction: as it was booked (201), or what it waits for (202).

    Of one that waits there are only `status` and what says what it is.
    """

    id: UUID
    kind: str
    external_id: str
    occurred_at: Moment
    recorded_at: Moment
    status: Annotated[str, Meta(description="`waiting`, `unclaimed` or `claimed`; not of what is booked")] = (
        ""
    )
    member_id: UUID | None = None
    points: int | None = None
    awards: tuple[Award, ...] = ()
    wallets: tuple[WalletBalance, ...] = ()
    tier: str | None = None
    messages: tuple[str, ...] = ()
    gifts: tuple[Gift, ...] = ()
    returned: Returned | None = None
    sale_external_id: Annotated[str, Meta(description="Of a return that waits")] = ""
    claimable_until: Annotated[Moment | None, Meta(description="Of a sale of nobody")] = None
    transaction_id: Annotated[UUID | None, Meta(description="Of a sale that was claimed since")] = None


_OF_A_STRANGER: Final[dict[str, Any]] = {
    "kind": "sale",
    "external_id": "till-7/2026-06-01/000124",
    "occurred_at": "2026-06-01T14:02:00+02:00",
    "member": {"kind": "card", "value": "9999"},
    "amount": {"amount": "4.20", "currency": "EUR"},
}
_REFUSED: Final[dict[str, Any]] = {
    "type": "http://127.0.0.1:8000/v1/docs/problems/unknown_member",
    "title": "No such member",
    "status": 404,
    "detail": "No member of this program has the card “9999”.",
    "instance": "/v1/transactions/batch",
    "code": "unknown_member",
    "errors": [
        {
            "detail": "No member of this program has the card “9999”.",
            "pointer": "#/items/1/member/value",
        }
    ],
}


class TransactionBatchView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"post": "transactions:write"}

    @operation(
        id="record_transactions",
        tag="Transactions",
        summary="Record many sales and returns",
        description="""
        Up to 1,000 sales and returns, of any members, in the order in which they happened: what a till has
        kept while it was offline. Each is booked or refused by itself, and the answer says so in the same
        order, with the status and body that recording it alone would have had.

        The call takes no Idempotency-Key: each item's `external_id` is its own. If you do not get the answer,
        send all of it again; what was booked is answered with its first result, and only the rest is done.
        Send again, too, what was refused with 429 or 503; other refusals stay until you change something.
        """,
        takes_many=Transaction,
        answers_many=BatchedTransaction,
        takes_example={"items": [examples.SALE, _OF_A_STRANGER]},
        example={
            "results": [
                {"index": 0, "status": 201, "body": examples.RECORDED},
                {"index": 1, "status": 404, "problem": _REFUSED},
            ]
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Each of the sales and returns by itself."""
        caller = auth.caller(request)
        return bulk.answer(request, Transaction, lambda items: list(_booked(items, caller)))


def _booked(items: list[Sale | Return], caller: auth.Caller) -> Iterator[Done | DomainError]:
    """Sales that follow each other are booked together; what goes another way is done in its turn."""
    for are_sales, group in groupby(items, key=_has_member):
        together = list(group)
        if are_sales:
            yield from _sales(together, caller)
        else:
            yield from (_alone(item, caller) for item in together)


def _has_member(item: Sale | Return) -> bool:
    return isinstance(item, Sale) and item.of_whoever().member != NOBODY


def _sales(items: list[Any], caller: auth.Caller) -> Iterator[Done | DomainError]:
    booked = earning.record_many(
        [item.of_whoever() for item in items],
        program=caller.program,
        source=caller.partner_key,
        actor=caller.actor,
        at=clock.now(caller.program),
    )
    return map(_done, booked)


def _alone(item: Sale | Return, caller: auth.Caller) -> Done | DomainError:
    try:
        return _done(book(item, caller))
    except DomainError as refusal:
        return refusal


def _done(result: Any) -> Done | DomainError:
    return result if isinstance(result, DomainError) else Done(status_of(result), answer_of(result))


class EventBatchView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"post": "events:write"}

    @operation(
        id="record_events",
        tag="Events",
        summary="Record many custom events",
        description="""
        Up to 1,000 events, of any members and types, in the order in which they happened. Each is booked
        or refused by itself, as if it had been sent alone; each item's `external_id` is its own key, so
        send all of it again if you do not get the answer.
        """,
        takes_many=CustomEvent,
        answers_many=TransactionResult,
        takes_example={"items": [examples.EVENT]},
        example={"results": [{"index": 0, "status": 201, "body": examples.EVENT_RECORDED}]},
    )
    def post(self, request: Request) -> HttpResponse:
        """Each of the events by itself."""
        caller = auth.caller(request)

        def work(items: list[CustomEvent]) -> list[Done | DomainError]:
            booked = reporting.report_many(
                items,
                program=caller.program,
                source=caller.partner_key,
                actor=caller.actor,
                at=clock.now(caller.program),
            )
            return [_done(result) for result in booked]

        return bulk.answer(request, CustomEvent, work)


class ReportedEventType(Struct, frozen=True, kw_only=True):
    """A type of events that the program listens for."""

    type: str
    name: str
    attributes: Annotated[dict[str, Any], Meta(description="JSON Schema of the event's `attributes`")]


class ReportedEventTypes(Struct, frozen=True):
    """All types, by their names."""

    data: tuple[ReportedEventType, ...]


_REVIEW: Final[dict[str, Any]] = {
    "type": "review.posted",
    "name": "Review written",
    "attributes": {
        "$schema": event_types.DIALECT,
        "title": "Review written",
        "type": "object",
        "properties": {"stars": {"title": "Stars", "anyOf": [{"type": "integer"}, {"type": "string"}]}},
        "required": [],
        "additionalProperties": {"type": ["string", "integer", "boolean"]},
    },
}


class EventTypesView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "events:write"}

    @operation(
        id="list_event_types",
        tag="Events",
        summary="List the types of events to report",
        description="""
        The types of events that the program's marketers have described, and those that campaigns know by
        themselves. `attributes` is a JSON Schema (2020-12) of what the `attributes` of such an event
        must be: declared ones are held to it, others are taken as they are. An event of a type that is not
        in the list is taken, too, and campaigns can listen to it.
        """,
        answer=ReportedEventTypes,
        example={"data": [_REVIEW]},
    )
    def get(self, request: Request) -> HttpResponse:
        """What the program has described of the events that partners report."""
        known = event_types.of(auth.caller(request).program)
        data = (
            ReportedEventType(type=one.name, name=one.label, attributes=one.schema())
            for _name, one in sorted(known.items())
        )
        return rendering.answer(ReportedEventTypes(tuple(data)))
