"""One call for till and app: what a member holds, where they stand, what they may have now."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from django.http import HttpResponse
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.errors import NotFound
from members import references
from members.api.views import REFERENCE
from rewards.api import examples
from rewards.telling import status


class NextExpiry(Struct, frozen=True):
    """The points that will be gone next, and the first moment at which they are."""

    expires_at: Moment
    points: int


class WalletStatus(Struct, frozen=True):
    """What a member holds of one kind of points."""

    type: Annotated[str, Meta(description="Key of the wallet type")]
    name: str
    available: int
    pending: int
    held: int
    next_expiry: NextExpiry | None


class TierStatus(Struct, frozen=True):
    """Where the member stands on a ladder, and how far the next rung is."""

    ladder: str
    tier: str
    name: str
    progress: Annotated[int, Meta(description="Points that count towards this ladder")]
    next_tier: str | None
    points_to_next: int | None


class AvailableReward(Struct, frozen=True):
    """A reward that the member can have at this moment."""

    key: str
    name: str
    wallet_type: str
    price: int
    minimum_basket: Annotated[
        str | None,
        Meta(
            description="What a basket must cost before discounts, for it to be taken off; null: any basket"
        ),
    ]


class OpenChallenge(Struct, frozen=True):
    """A goal that the member has not reached, or begins anew each time, and how far they are."""

    key: str
    name: str
    description: str
    progress: int
    goal: int
    completions: Annotated[int, Meta(description="How often the member has completed it")]
    is_repeatable: bool


class EarnedBadge(Struct, frozen=True):
    """A badge that the member has."""

    key: str
    name: str
    earned_at: Moment


class PersonalOffer(Struct, frozen=True):
    """A campaign that the member could use at this moment."""

    campaign: Annotated[str, Meta(description="Key of the campaign")]
    name: str
    text: Annotated[str, Meta(description="What has to be done for what, as a sentence")]
    is_personal: Annotated[bool, Meta(description="Whether it is not for everybody")]
    ends_at: Moment | None
    not_with: Annotated[
        tuple[str, ...],
        Meta(description="Keys of other campaigns named here: of these, one purchase gets one"),
    ] = ()


class MemberStatusBody(Struct, frozen=True):
    """A member at this moment. All of it was read at once, so that the figures fit together."""

    id: UUID
    status: Literal["active", "blocked", "merged"]
    merged_into_id: Annotated[
        UUID | None, Meta(description="The member to ask for instead, if this one was merged")
    ]
    first_name: str
    wallets: tuple[WalletStatus, ...]
    tiers: tuple[TierStatus, ...]
    rewards: tuple[AvailableReward, ...]
    challenges: tuple[OpenChallenge, ...]
    badges: tuple[EarnedBadge, ...]
    offers: tuple[PersonalOffer, ...]


class MemberStatusView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="read_member_status",
        tag="Members",
        summary="What a member holds and may have now",
        description="""
        One call for till and app: the member's wallets with the points that expire next, the tiers with the
        progress to the next one, the rewards that the member can have at this moment, open challenges with
        their progress, badges, and offers: campaigns that the member could use now, as sentences to show.

        Rewards are those that would not be refused, unless somebody else takes the last one meanwhile.
        Where one purchase gets only one of several offers, each names the others in `not_with`: show them as
        alternatives. One that could never win against another is left out.

        Offers for a few come first, then those that end first. Of challenges, badges and offers there
        are up to 50 each. A member who was merged into another one has nothing more: ask for
        `merged_into_id`. A blocked member is offered nothing.
        """,
        parameters=(REFERENCE,),
        answer=MemberStatusBody,
        example=examples.STATUS,
        refuses=(NotFound,),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        found = status.read(program, references.read(reference), at=clock.now(program))
        # The last part of the object that PostgreSQL has written.
        body = b'%s,"offers":%s}' % (found.told[:-1].encode(), found.offers)
        return rendering.answer(body)
