"""What events say, and samples of them."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Self

from msgspec import UNSET, Meta, Struct, UnsetType
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.sandbox import samples
from integrations.sandbox.samples import UnknownEventType
from integrations.sandbox.time_travel import NotASandbox
from loyalty.core import clock, event_catalogue
from loyalty.core.api import auth, idempotency, parsing
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.event_catalogue import EventKind
from loyalty.core.models import Event
from members.api.views import identified
from members.references import MemberReference, UnknownMember

_AT: Final = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


class EventMessage(Struct, frozen=True):
    """An event as webhooks send it. `sequence` grows with each event of a member."""

    type: str
    timestamp: Moment
    sequence: int
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> Self:
        return cls(event.type, event.occurred_at, event.number, event.data)


class CataloguedEvent(Struct, frozen=True):
    """A type of event: when it happens, the JSON Schema (2020-12) of its message, and a sample."""

    type: str
    description: str
    schema: dict[str, Any]
    sample: EventMessage

    @classmethod
    def of(cls, kind: EventKind) -> Self:
        sample = EventMessage(**event_catalogue.sample(kind, at=_AT))
        return cls(kind.type, str(kind.when), event_catalogue.schema(kind), sample)


class EventCatalogue(Struct, frozen=True):
    """All types of events."""

    data: tuple[CataloguedEvent, ...]


class SampleEventRequest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which type of event, and whom it is to be about, if it is one about members."""

    type: Annotated[str, Meta(min_length=1, max_length=60)]
    member: MemberReference | UnsetType = UNSET


_BUDGET: Final = event_catalogue.KINDS["budget.warning"]
_UPGRADE: Final = event_catalogue.KINDS["tier.upgraded"]


class EventCatalogueView(PartnerView):
    scopes: ClassVar = {"get": auth.ANY_SCOPE}

    @operation(
        id="list_event_catalogue",
        tag="Events",
        summary="What events say",
        description="""
        All types of events that webhooks send and the feed lists, each with when it happens, a JSON Schema of
        its message and a sample. New types and new fields come without notice: skip types that you do not
        know, and take fields that the schema does not name. What is `required` stays.
        """,
        answer=EventCatalogue,
        example=EventCatalogue((CataloguedEvent.of(_BUDGET), CataloguedEvent.of(_UPGRADE))),
    )
    def get(self, request: Request) -> Response:
        return Response(EventCatalogue(tuple(map(CataloguedEvent.of, event_catalogue.kinds()))))


class SampleEventsView(PartnerView):
    scopes: ClassVar = {"post": "sandbox:control"}

    @operation(
        id="publish_sample_event",
        tag="Sandbox",
        summary="Publish a sample event",
        description="""
        Write a made-up event of any type to your sandbox's event log, to see what your system does with it:
        webhook endpoints that subscribed to the type get it and the feed lists it, like any other. Its data
        say `"is_sample": true`. Nothing happened: no balance, tier or campaign takes notice. With `member`,
        it is about that member.
        """,
        takes=SampleEventRequest,
        takes_example={"type": "tier.upgraded", "member": {"kind": "card", "value": "1001"}},
        answer=EventMessage,
        status=201,
        example=event_catalogue.sample(_UPGRADE, at=_AT),
        refuses=(NotASandbox, UnknownEventType, UnknownMember),
    )
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        wanted, program = parsing.decode(request, SampleEventRequest), auth.caller(request).program
        member = (
            identified(wanted.member, program=program, pointer="#/member")
            if wanted.member is not UNSET
            else None
        )
        event = samples.publish(
            program,
            event_type=wanted.type,
            member_id=member.pk if member else None,
            at=clock.now(program),
        )
        return Response(EventMessage.of(event), status=201)
