"""A sandbox's data: none at all, or some to begin with."""

from typing import Annotated, Any, ClassVar, Final

from django.utils.translation import gettext as _
from msgspec import Meta, Struct
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.sandbox import resetting, sample_data, time_travel
from integrations.sandbox.resetting import Emptied
from integrations.sandbox.sample_data import SampleData
from integrations.sandbox.time_travel import ClockIsMoving, NotASandbox
from integrations.sandbox.turns import TooBusy
from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.errors import InvalidInput


class ResetRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Which program is meant, by its key as `whoami` tells it: so that none is emptied by mistake."""

    confirm: Annotated[str, Meta(min_length=1, max_length=40)]


class SampleDataRequest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many members to make up."""

    members: Annotated[int, Meta(ge=1, le=sample_data.AT_MOST)] = 20


_EMPTIED: Final[dict[str, Any]] = {"members": 21, "transactions": 94, "entries": 120, "events": 310}
_SAMPLE: Final[dict[str, Any]] = {
    "members": [
        {
            "id": "01976c1e-5d7a-7000-8000-3a52e6e1d0b4",
            "name": "Ada Abel",
            "card": "904211740035",
            "email": "ada.abel.740035@mail.example",
        }
    ],
    "transactions": 5,
}


class SandboxResetView(PartnerView):
    scopes: ClassVar = {"post": "sandbox:control"}

    @operation(
        id="reset_sandbox",
        tag="Sandbox",
        summary="Reset the sandbox",
        description="""
        Delete all that has happened in your sandbox, for good and in one go: members with all that they have,
        transactions, redemptions and vouchers, the statement, events and their deliveries, stored answers to
        idempotency keys. What was configured stays: kinds of points, tiers, segments without their members,
        rewards with their stock as it was, campaigns with their whole budgets, partners, credentials and
        webhook endpoints. The test clock stays where it is. Say the program's key in `confirm`,
        so that no other sandbox is emptied by mistake. The answer says how much there was.
        """,
        takes=ResetRequest,
        takes_example={"confirm": "coffee-sandbox"},
        answer=Emptied,
        example=_EMPTIED,
        refuses=(NotASandbox, ClockIsMoving, TooBusy),
    )
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        wanted, program = parsing.decode(request, ResetRequest), auth.caller(request).program
        time_travel.check_sandbox(program)
        if wanted.confirm != program.key:
            detail = _("This credential works in “{key}”.").format(key=program.key)
            raise InvalidInput(detail, pointer="#/confirm")
        return Response(resetting.reset(program, at=clock.now(program)))


class SampleDataView(PartnerView):
    scopes: ClassVar = {"post": "sandbox:control"}

    @operation(
        id="add_sample_data",
        tag="Sandbox",
        summary="Add sample members with purchases",
        description="""
        Make up members who enrolled over the last 90 days of the sandbox's time, each with up to eight
        purchases since, which earn by the campaigns that were in force then. Each has a card and an e-mail
        address by which you can look them up. Every call with a new key adds others. A sandbox is filled or
        reset by one call at a time: others are told to come again.
        """,
        takes=SampleDataRequest,
        takes_example={"members": 1},
        answer=SampleData,
        status=201,
        example=_SAMPLE,
        refuses=(NotASandbox, TooBusy),
    )
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        wanted, program = parsing.decode(request, SampleDataRequest), auth.caller(request).program
        made = sample_data.add(program, members=wanted.members, at=clock.now(program))
        return Response(made, status=201)
