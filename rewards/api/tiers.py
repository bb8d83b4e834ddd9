"""The ladders of a program, their rungs, and what each rung brings."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID

from django.db.models import Prefetch
from django.http import HttpResponse
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, pagination, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from members.models import Tier, TierLadder
from rewards.telling import benefits
from rewards.telling.benefits import TierCampaign


class TierExpiry(Struct, frozen=True):
    """When spendable points expire that are earned on this tier."""

    rule: Literal["never", "days", "months", "end_of_month", "end_of_quarter", "end_of_year", "fixed_date"]
    after: Annotated[
        int | None, Meta(description="Days or months; with the end of a period, how many further ones")
    ]
    on_date: Annotated[date | None, Meta(description="Of a fixed date")]


class TierBenefits(Struct, frozen=True):
    """What those have who are on this tier, and others have not."""

    points_expire: Annotated[TierExpiry | None, Meta(description="Null: as the kind of points says")]
    campaigns: Annotated[
        tuple[TierCampaign, ...], Meta(description="Running now, and for this tier or a few with it")
    ]


class TierBody(Struct, frozen=True):
    """A rung of a ladder."""

    key: str
    name: str
    threshold: Annotated[int, Meta(description="Points by which it is reached")]
    color: Annotated[str, Meta(description="As #rrggbb")]
    benefits: TierBenefits


class LadderBody(Struct, frozen=True):
    """A status structure: members climb it by the points that they ever earned of one kind."""

    id: UUID
    key: str
    name: str
    wallet_type: Annotated[str, Meta(description="Key of the kind of points that counts")]
    tiers: Annotated[tuple[TierBody, ...], Meta(description="From the lowest to the highest")]


class LadderList(Struct, frozen=True):
    """A page of ladders; `next` and `previous` are the addresses of its neighbours."""

    data: tuple[LadderBody, ...]
    next: str | None
    previous: str | None


_NOTHING: Final[dict[str, Any]] = {"points_expire": None, "campaigns": []}
_LADDER: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-1f2e3d4c5b6a",
    "key": "status",
    "name": "Status",
    "wallet_type": "points",
    "tiers": [
        {"key": "basic", "name": "Basic", "threshold": 0, "color": "#64748b", "benefits": _NOTHING},
        {
            "key": "silver",
            "name": "Silver",
            "threshold": 1000,
            "color": "#94a3b8",
            "benefits": {
                "points_expire": {"rule": "months", "after": 24, "on_date": None},
                "campaigns": [
                    {
                        "campaign": "silver-weeks",
                        "name": "Silver weeks",
                        "text": "For every sale of at least €50.00: 100 points.",
                    }
                ],
            },
        },
    ],
}


class TiersView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="list_tiers",
        tag="Tiers",
        summary="List tier ladders with their rungs and benefits",
        description="""
        The ladders of the program with their tiers: by how many points each is reached, and what it brings,
        which is an own expiry of points and the campaigns that run now for those who have it. Where a
        member stands is in the member's status and tiers.
        """,
        parameters=pagination.PARAMETERS,
        answer=LadderList,
        example={"data": [_LADDER], "next": None, "previous": None},
        refuses=(pagination.InvalidCursor, pagination.InvalidFilter),
    )
    def get(self, request: Request) -> HttpResponse:
        program = auth.caller(request).program
        given = pagination.given(request)
        rungs = Prefetch("tiers", Tier.objects.of(program).order_by("threshold", "pk"))
        ladders = TierLadder.objects.of(program).select_related("wallet_type").prefetch_related(rungs)
        page = pagination.paginate(request, ladders, filters=given)
        # Campaigns go by the tiers of the first ladder: see `rewards.deciding.awarding`.
        first = TierLadder.objects.of(program).filter(tiers__isnull=False).order_by("key").first()
        campaigns = benefits.by_tier(program, at=clock.now(program))
        data = tuple(_told(ladder, campaigns if ladder == first else {}) for ladder in page.rows)
        return rendering.answer(LadderList(data, page.next, page.previous))


def _told(ladder: TierLadder, campaigns: Mapping[str, list[TierCampaign]]) -> LadderBody:
    return LadderBody(
        id=ladder.pk,
        key=ladder.key,
        name=ladder.name,
        wallet_type=ladder.wallet_type.key,
        tiers=tuple(_rung(tier, campaigns.get(tier.key, ())) for tier in ladder.tiers.all()),
    )


def _rung(tier: Tier, campaigns: Any) -> TierBody:
    rule: Any = tier.expiry_rule
    expiry = TierExpiry(rule, tier.expires_after, tier.expires_on_date) if rule else None
    return TierBody(tier.key, tier.name, tier.threshold, tier.color, TierBenefits(expiry, tuple(campaigns)))
