"""What a campaign did, as far as that is known."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.errors import NotFound
from rewards.api.campaigns import KEY
from rewards.deciding.activities import Money
from rewards.models import CampaignMeasurement
from rewards.performance import figures, outcome
from rewards.performance.figures import Figures
from rewards.performance.outcome import Pair
from rewards.telling import published

_TEXTS: Final = {
    "not_counted": _("Its results have not been counted yet."),
    "no_control_group": _(
        "What it brought about cannot be known: it has no control group, so nobody shows what members"
        " would have bought without it."
    ),
    "mismatch": _("Its groups are not of the sizes that they should be: a comparison would mislead."),
    "too_few": _("Its groups are too small yet to be compared."),
    "more": _("Members bought more because of it."),
    "less": _("Members bought less because of it."),
    "no_difference": _("No effect on sales is to be seen."),
}


class FiguresBody(Struct, frozen=True, kw_only=True):
    """What happened: a description, no effect."""

    since: Moment
    until: Moment
    audience: Annotated[int, Meta(description="Members whom it is for")]
    reached: Annotated[int, Meta(description="Members who got something")]
    activities: Annotated[int, Meta(description="Sales and events that it gave something for")]
    points: Annotated[int, Meta(description="Spendable points that it gave")]
    cost: Annotated[Money, Meta(description="What these points cost if every one is used")]
    sales: Annotated[Money, Meta(description="Sales that it gave something for, less returns")]


class UpliftBody(Struct, frozen=True, kw_only=True):
    """
    How much more those who took part bought than the control group, for each member, in the program's money.

    The true difference lies between `low` and `high` in 95 of 100 such comparisons.
    """

    taking_part: Annotated[int, Meta(description="Members")]
    control: Annotated[int, Meta(description="Members")]
    difference: str
    low: str
    high: str
    percent: Annotated[str | None, Meta(description="More than the control group; null: cannot be said")]

    @classmethod
    def of(cls, pair: Pair) -> Self:
        found = pair.comparison
        return cls(
            taking_part=pair.one.members,
            control=pair.other.members,
            difference=_cents(found.difference),
            low=_cents(found.interval.low),
            high=_cents(found.interval.high),
            percent=None if found.relative is None else _cents(100 * found.relative),
        )


class EffectBody(Struct, frozen=True, kw_only=True):
    """What would not have happened without the campaign; known only where chance held out a control group."""

    verdict: Literal[
        "not_counted", "no_control_group", "mismatch", "too_few", "more", "less", "no_difference"
    ]
    is_known: bool
    text: str
    uplift: UpliftBody | None


class PerformanceBody(Struct, frozen=True, kw_only=True):
    """What a campaign did, as it was last counted."""

    campaign: Annotated[str, Meta(description="Key of the campaign")]
    counted_at: Annotated[Moment | None, Meta(description="When; null: not yet")]
    figures: FiguresBody | None
    effect: EffectBody


def _cents(amount: float) -> str:
    return f"{Decimal(str(amount)).quantize(Decimal('0.01'), ROUND_HALF_UP) + Decimal(0):.2f}"


def _figures(counted: Figures, currency: str) -> FiguresBody:
    return FiguresBody(
        since=counted.starts_at,
        until=counted.until,
        audience=counted.audience,
        reached=counted.reached,
        activities=counted.activities,
        points=counted.points,
        cost=Money(f"{counted.cost:.2f}", currency),
        sales=Money(f"{counted.sales:.2f}", currency),
    )


def _effect(counted: Figures | None) -> EffectBody:
    if counted is None:
        return _unknown("not_counted")
    found = outcome.outcome(counted.compared)
    if found.verdict in (outcome.Verdict.MISMATCH, outcome.Verdict.TOO_FEW):
        return _unknown(found.verdict.value)
    if found.main is None:
        return _unknown("no_control_group")
    verdict: Any = found.main.verdict.value
    return EffectBody(
        verdict=verdict, is_known=True, text=str(_TEXTS[verdict]), uplift=UpliftBody.of(found.main)
    )


def _unknown(verdict: Any) -> EffectBody:
    return EffectBody(verdict=verdict, is_known=False, text=str(_TEXTS[verdict]), uplift=None)


_PERFORMANCE: Final[dict[str, Any]] = {
    "campaign": "silver-weeks",
    "counted_at": "2026-06-20T04:00:00Z",
    "figures": {
        "since": "2026-06-01T00:00:00Z",
        "until": "2026-06-20T04:00:00Z",
        "audience": 5210,
        "reached": 1804,
        "activities": 2377,
        "points": 237700,
        "cost": {"amount": "2377.00", "currency": "EUR"},
        "sales": {"amount": "161044.20", "currency": "EUR"},
    },
    "effect": {
        "verdict": "more",
        "is_known": True,
        "text": "Members bought more because of it.",
        "uplift": {
            "taking_part": 4690,
            "control": 520,
            "difference": "2.31",
            "low": "0.84",
            "high": "3.78",
            "percent": "8.10",
        },
    },
}
_NOT_KNOWN: Final[dict[str, Any]] = {
    **_PERFORMANCE,
    "effect": {
        "verdict": "no_control_group",
        "is_known": False,
        "text": str(_TEXTS["no_control_group"]),
        "uplift": None,
    },
}


class PerformanceView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "campaigns:read"}

    @operation(
        id="read_campaign_performance",
        tag="Campaigns",
        summary="Read what a campaign did",
        description="""
        Whom it reached, what it gave and, where chance held out a control group, what would not have
        happened without it. Without one that cannot be known, and is not claimed (`is_known` is false).

        The program counts the results of running campaigns anew every few hours; `counted_at` says when.
        """,
        parameters=(KEY,),
        answer=PerformanceBody,
        example=_PERFORMANCE,
        more_examples=(("Without a control group", 200, _NOT_KNOWN),),
        refuses=(NotFound,),
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        program = auth.caller(request).program
        campaign = published.find(program, key, at=clock.now(program))
        kept = CampaignMeasurement.objects.of(program).filter(campaign=campaign).first()
        counted = figures.read(kept.figures) if kept else None
        return rendering.answer(
            PerformanceBody(
                campaign=campaign.key,
                counted_at=kept.counted_at if kept and counted else None,
                figures=_figures(counted, program.currency) if counted else None,
                effect=_effect(counted),
            )
        )
