"""Codes of campaigns: which there are, and a member who enters one."""

from typing import Annotated, Any, ClassVar, Final

from django.http import HttpResponse
from django.utils.translation import gettext as _
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.codes import TYPED, Code
from loyalty.core.errors import NotFound
from members import references
from members.api.views import REFERENCE, find
from members.references import MemberIsBlocked, MemberIsMerged, MemberReference
from rewards.api import examples
from rewards.api.bodies import TransactionResult, answer_of
from rewards.api.campaigns import KEY
from rewards.deciding.activities import CustomEvent
from rewards.deciding.recorded import AlreadyReported, Also, Recorded
from rewards.journeys import reporting
from rewards.journeys.reporting import CODE_ENTERED, TooManyCodes
from rewards.models import CampaignVersion
from rewards.telling import published


class CodesBody(Struct, frozen=True):
    """The codes that a campaign listens to. Case and blanks do not matter when they are entered."""

    campaign: Annotated[str, Meta(description="Key of the campaign")]
    codes: tuple[str, ...]


class EnteredCode(Struct, frozen=True, forbid_unknown_fields=True):
    """A code as the member typed it. `external_id` is your own number for that they did."""

    external_id: Code
    occurred_at: Moment
    code: Annotated[str, Meta(min_length=1, max_length=100, pattern=TYPED)]


_ENTERED: Final[dict[str, Any]] = {
    "external_id": "app-code-7781",
    "occurred_at": "2026-06-01T12:00:00Z",
    "code": "Summer 26",
}


class CampaignCodesView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "campaigns:read"}

    @operation(
        id="list_campaign_codes",
        tag="Campaigns",
        summary="List the codes of a campaign",
        description="""
        For campaigns whose `trigger` is `code_entered`: what has to be entered, as marketers wrote it, in the
        version that is told of the campaign. Others have no codes (404).
        """,
        parameters=(KEY,),
        answer=CodesBody,
        example={"campaign": "summer", "codes": ["Summer 26"]},
        refuses=(NotFound,),
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        program = auth.caller(request).program
        campaign = published.find(program, key, at=clock.now(program))
        version = CampaignVersion.objects.of(program).get(pk=campaign.shown)  # type: ignore[attr-defined]  # annotated
        trigger = version.definition["trigger"]
        if trigger["kind"] != "code_entered":
            raise NotFound(_("The campaign “{key}” has no codes.").format(key=key))
        return rendering.answer(CodesBody(campaign.key, tuple(trigger["codes"])))


class MemberCodesView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"post": "events:write"}

    @operation(
        id="enter_code",
        tag="Members",
        summary="Enter a code for a member",
        description="""
        For a code that the member typed into your app: an event `code.entered`, answered with what campaigns
        gave for it. A code that no campaign listens to is booked as well, and gives nothing. After ten of
        them within a quarter of an hour each further code of that member is refused, right or wrong; so is
        that of any of your members after a thousand wrong ones of them all.

        The same `external_id` again is answered with the first result if the content is the same.
        """,
        parameters=(REFERENCE,),
        takes=EnteredCode,
        takes_example=_ENTERED,
        answer=TransactionResult,
        status=201,
        example=examples.EVENT_RECORDED,
        refuses=(NotFound, TooManyCodes, MemberIsBlocked, MemberIsMerged, AlreadyReported),
    )
    def post(self, request: Request, reference: str) -> HttpResponse:
        entered = parsing.decode(request, EnteredCode)
        caller = auth.caller(request)
        member = find(caller.program, references.read(reference))
        event = CustomEvent(
            external_id=entered.external_id,
            occurred_at=entered.occurred_at,
            type=CODE_ENTERED,
            member=MemberReference(kind="id", value=str(member.pk)),
            attributes={"code": entered.code},
        )

        def write(also: Also) -> Recorded:
            return reporting.report(
                event,
                program=caller.program,
                source=caller.partner_key,
                actor=caller.actor,
                at=clock.now(caller.program),
                also=also,
            )

        return idempotency.once(request, write, body=answer_of)
