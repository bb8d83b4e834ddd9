"""What every campaign would say of a basket: for whoever asks why one gives nothing."""

from typing import Annotated, ClassVar, Final

from django.http import HttpResponse
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, parsing, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from members.references import MemberIsBlocked, MemberIsMerged, UnknownMember
from rewards.api.bodies import CampaignVerdict
from rewards.api.examples import EXPLAINED, SALE
from rewards.deciding.activities import Basket
from rewards.journeys import previewing
from rewards.telling import explaining


class SimulationBody(Struct, frozen=True):
    """What each campaign that is in force says of the basket; nothing was booked."""

    verdicts: Annotated[tuple[CampaignVerdict, ...], Meta(description="Of all that listen to sales")]


_BASKET: Final = {name: SALE[name] for name in ("member", "amount", "store", "lines")}


class SimulationView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"post": "campaigns:read"}

    @operation(
        id="simulate_campaigns",
        tag="Campaigns",
        summary="Ask every campaign about a basket",
        description="""
        Each campaign in force that listens to sales, with what it would give for the basket or what is
        lacking: what a transaction says afterwards, before there is one. Nothing is booked, and no limit is
        used. Leave out `member` for somebody who is not known yet. What all of them give together, after
        exclusions, is said by the preview of the transaction.
        """,
        changes=False,
        takes=Basket,
        takes_example=_BASKET,
        answer=SimulationBody,
        example={"verdicts": EXPLAINED["verdicts"]},
        refuses=(UnknownMember, MemberIsBlocked, MemberIsMerged),
    )
    def post(self, request: Request) -> HttpResponse:
        """What each campaign would say."""
        basket = parsing.decode(request, Basket)
        caller = auth.caller(request)
        verdicts = previewing.simulate(
            basket, program=caller.program, source=caller.partner_key, at=clock.now(caller.program)
        )
        told = [explaining.told_verdict(verdict, program=caller.program) for verdict in verdicts]
        return rendering.answer({"verdicts": told})
