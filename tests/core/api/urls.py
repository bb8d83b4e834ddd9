"""Addresses that exist only to test what all of the API has in common."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpResponse
from django.urls import include, path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core.api import auth, bulk, etags, filters, pagination, parsing, rendering
from loyalty.core.api.deprecation import Deprecation
from loyalty.core.api.idempotency import idempotent
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.errors import DomainError, NotFound
from loyalty.core.models import Event


class Line(msgspec.Struct, forbid_unknown_fields=True):
    sku: str
    quantity: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1


class Order(msgspec.Struct, forbid_unknown_fields=True):
    number: str
    amount: Decimal = Decimal()
    lines: tuple[Line, ...] = ()
    attributes: dict[str, str] = {}


class SoldOut(DomainError):
    """Nothing is left."""

    code = "sold_out_in_test"
    title = "Sold out"


class OrdersView(PartnerView):
    """Publishes an event as its effect; `number` says what happens then."""

    scopes: ClassVar = {"post": "transactions:write"}
    outcomes: ClassVar[dict[str, Exception]] = {
        "refused": SoldOut("None is left.", pointer="#/number"),
        "unknown": NotFound("There is no such shop."),
        "broken": RuntimeError("a bug with the secret 4711"),
    }

    @idempotent
    def post(self, request: Request) -> Response:
        order = parsing.decode(request, Order)
        program = auth.caller(request).program
        event = Event.objects.create(program=program, type="ordered", occurred_at=timezone.now())
        if order.number in self.outcomes:
            raise self.outcomes[order.number]
        return Response({"event": event.number, "amount": order.amount, "at": event.occurred_at}, status=201)


class EchoView(PartnerView):
    scopes: ClassVar = {"post": auth.ANY_SCOPE}

    def post(self, request: Request) -> HttpResponse:
        return rendering.answer(parsing.decode(request, Order))


class InputSerializer(serializers.Serializer[Any]):
    lines = serializers.ListField(child=serializers.IntegerField())
    name = serializers.CharField()


class SerializedView(PartnerView):
    scopes: ClassVar = {"post": auth.ANY_SCOPE}

    def post(self, request: Request) -> Response:
        given = InputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(given.validated_data)


class FailingView(PartnerView):
    scopes: ClassVar = {"get": auth.ANY_SCOPE}
    errors: ClassVar[dict[str, Exception]] = {
        "bug": RuntimeError("a bug with the secret 4711"),
        "absent": Http404(),
        "denied": PermissionDenied(),
        "suspicious": SuspiciousOperation(),
        "database": OperationalError("server closed the connection"),
    }

    def get(self, request: Request, name: str) -> Response:
        raise self.errors[name]


class ForgottenView(PartnerView):
    """Nobody said which scope it takes."""

    def get(self, request: Request) -> Response:
        return Response({"secret": 4711})


class BatchView(PartnerView):
    scopes: ClassVar = {"post": auth.ANY_SCOPE}

    def post(self, request: Request) -> HttpResponse:
        def work(orders: list[Order]) -> list[bulk.Done | DomainError]:
            return [OrdersView.outcomes.get(order.number) or bulk.Done(201, order) for order in orders]  # type: ignore[misc]  # refusals only

        return bulk.answer(request, Order, work)


class NoteView(PartnerView):
    """A program's name, to be read and changed."""

    scopes: ClassVar = {"get": auth.ANY_SCOPE, "patch": auth.ANY_SCOPE}

    def get(self, request: Request) -> HttpResponse:
        return etags.answer(request, {"name": auth.caller(request).program.name})

    def patch(self, request: Request) -> HttpResponse:
        program = auth.caller(request).program
        etags.require(request, {"name": program.name})
        program.name = parsing.loads(parsing.body(request))["name"]
        program.save(update_fields=["name"])
        return etags.answer(request, {"name": program.name})


class EventFilter(filters.PartnerFilterSet):
    kind = filters.ChoiceFilter("type", choices=[("ordered", ""), ("paid", "")], label="Of that type")
    occurred_from = filters.MomentFilter("occurred_at", "gte", label="At that moment or later")
    occurred_before = filters.MomentFilter("occurred_at", "lt", label="Before that moment")
    is_about_somebody = filters.BooleanFilter("member_id", "isnull", exclude=True, label="Of a member")
    member = filters.IdFilter("member_id", label="Of that member")
    text = filters.TextFilter("type", label="Of that type, whichever")


class EventsView(PartnerView):
    scopes: ClassVar = {"get": auth.ANY_SCOPE}

    def get(self, request: Request) -> HttpResponse:
        events = Event.objects.filter(program=auth.caller(request).program)
        rows, given = filters.apply(request, EventFilter, events)
        page = pagination.paginate(request, rows, filters=given, by=("number",))
        data = {"data": [event.type for event in page.rows], "next": page.next, "previous": page.previous}
        return rendering.answer(data)


class OldView(PartnerView):
    """It will go."""

    scopes: ClassVar = {"get": auth.ANY_SCOPE}

    @operation(
        id="read_old_things",
        tag="Test",
        summary="Old",
        description="What it did is done by another operation.",
        answer=Order,
        deprecated=Deprecation(
            since=datetime(2026, 1, 1, tzinfo=UTC),
            sunset=datetime(2027, 1, 1, tzinfo=UTC),
            link="https://loyalty.example.com/v1/docs/changes#old-things",
        ),
    )
    def get(self, request: Request) -> HttpResponse:
        if "broken" in request._request.GET:
            raise SoldOut("None is left.")
        return rendering.answer({"number": "1"}, headers={"Link": '</v1/new>; rel="alternate"'})


urlpatterns = [
    path("v1/old", OldView.as_view()),
    path("v1/orders/batch", BatchView.as_view()),
    path("v1/note", NoteView.as_view()),
    path("v1/happenings", EventsView.as_view()),
    path("v1/orders", OrdersView.as_view()),
    path("v1/echo", EchoView.as_view()),
    path("v1/serialized", SerializedView.as_view()),
    path("v1/failing/<str:name>", FailingView.as_view()),
    path("v1/forgotten", ForgottenView.as_view()),
    path("", include("loyalty.urls")),
]
