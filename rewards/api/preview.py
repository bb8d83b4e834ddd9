"""What would a basket earn? Asked by tills and shops before it is paid for."""

from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID

from django.http import HttpResponse
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, parsing, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from members.references import MemberIsBlocked, MemberIsMerged, UnknownMember
from rewards.api.bodies import Award, WalletBalance
from rewards.api.examples import MEMBER_ID, SALE
from rewards.deciding.activities import Basket, Money
from rewards.journeys import previewing


class PreviewedGift(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Something that a campaign would give beside points; codes of vouchers are made when it does."""

    kind: Literal["reward", "badge", "challenge_progress", "prize_draw_entry"]
    campaign: Annotated[str, Meta(description="Key of the campaign")]
    key: Annotated[str, Meta(description="Key of the reward, badge, challenge or prize draw")]
    progress: Annotated[int | None, Meta(description="Towards the challenge's goal, after this")] = None
    goal: Annotated[int | None, Meta(description="Of a challenge")] = None
    completions: Annotated[int | None, Meta(description="How often the challenge was completed")] = None
    entries: Annotated[int | None, Meta(description="Into the prize draw")] = None


class MissingStep(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the basket lacks: more money, more items or more lines; `text` says which."""

    unit: Literal["amount", "items", "lines"]
    text: str
    amount: Annotated[Money | None, Meta(description="How much more, where `unit` is `amount`")] = None
    quantity: Annotated[str | None, Meta(description="How many more, where it is not")] = None


class ExtraPoints(Struct, frozen=True):
    """Points on top of what the basket earns anyway."""

    wallet_type: str
    points: int


class NearOfferBody(Struct, frozen=True, kw_only=True):
    """A campaign that the basket nearly meets: what is missing, and what it would bring."""

    campaign: Annotated[str, Meta(description="Key of the campaign")]
    name: str
    text: Annotated[str, Meta(description="To be shown, as “€4.00 more for 100 extra points”")]
    missing: Annotated[tuple[MissingStep, ...], Meta(description="All of these together")]
    points: tuple[ExtraPoints, ...]
    gifts: tuple[PreviewedGift, ...]
    not_with: Annotated[
        tuple[str, ...],
        Meta(description="Keys of other campaigns named here: of these, one purchase gets one"),
    ] = ()


class PreviewBody(Struct, frozen=True, kw_only=True):
    """What the basket would earn if it were bought like that; nothing was booked."""

    member_id: UUID | None
    points: Annotated[int, Meta(description="Spendable points in all")]
    awards: tuple[Award, ...]
    wallets: Annotated[tuple[WalletBalance, ...], Meta(description="As they would be afterwards")]
    tier: Annotated[str | None, Meta(description="Key of the tier afterwards, on the program's first ladder")]
    tier_before: str | None
    messages: Annotated[tuple[str, ...], Meta(description="What the receipt would tell the member")]
    gifts: tuple[PreviewedGift, ...]
    near: Annotated[tuple[NearOfferBody, ...], Meta(description="The nearest first, five at most")]


_BASKET: Final[dict[str, Any]] = {name: SALE[name] for name in ("member", "amount", "store", "lines")}
_PREVIEWED: Final[dict[str, Any]] = {
    "member_id": MEMBER_ID,
    "points": 12,
    "awards": [
        {
            "wallet_type": "points",
            "points": 12,
            "reason": "1 point per €1.00 of €12.50",
            "campaign": "base",
            "version_id": "01976c1e-5d7a-7000-8000-1d3f5b7c9e20",
        }
    ],
    "wallets": [{"type": "points", "available": 1252, "pending": 0, "held": 0}],
    "tier": "silver",
    "tier_before": "silver",
    "messages": [],
    "gifts": [],
    "near": [
        {
            "campaign": "twenty",
            "name": "100 points from 20 euros",
            "text": "€7.50 more for 100 extra points",
            "missing": [
                {"unit": "amount", "text": "€7.50 more", "amount": {"amount": "7.50", "currency": "EUR"}}
            ],
            "points": [{"wallet_type": "points", "points": 100}],
            "gifts": [],
            "not_with": [],
        }
    ],
}


class PreviewView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"post": "transactions:write"}

    @operation(
        id="preview_transaction",
        tag="Transactions",
        summary="Ask what a basket would earn",
        description="""
        Ask it while goods are scanned, or on the page of a basket: it books nothing, reserves nothing and
        can be asked as often as the basket changes. The answer is what recording the same as a sale would
        say now, by the campaigns in force, the member's tier, segments and limits. What others buy
        meanwhile can still use up a budget or the last piece of a gift.

        Leave out `member` for somebody who is not known yet: they are seen as a member who joins with
        this purchase.

        `near` names campaigns that the basket nearly meets: at least half of what is asked is there, or one
        item is missing. Each promise was computed by the engine for a basket that has what is missing, with
        all limits and exclusions; whoever buys that much gets that much.
        """,
        changes=False,
        takes=Basket,
        takes_example=_BASKET,
        answer=PreviewBody,
        example=_PREVIEWED,
        more_examples=(("Nobody known", None, {"amount": SALE["amount"]}),),
        refuses=(UnknownMember, MemberIsBlocked, MemberIsMerged),
    )
    def post(self, request: Request) -> HttpResponse:
        """What recording this as a sale would say now."""
        basket = parsing.decode(request, Basket)
        caller = auth.caller(request)
        previewed = previewing.preview(
            basket, program=caller.program, source=caller.partner_key, at=clock.now(caller.program)
        )
        return rendering.answer(previewed)
