"""Campaigns that were published: what they give for what, to whom, when, and what is left of them."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, filters, pagination, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.errors import NotFound
from rewards.engine.catalogue import WEEKDAYS
from rewards.engine.definition import Definition
from rewards.engine.triggers import KINDS
from rewards.models import OVER, UNDER_WAY, Campaign, CampaignStatus
from rewards.telling import published
from rewards.telling.published import Published

KEY: Final = OpenApiParameter(
    "key",
    {"type": "string", "minLength": 1, "maxLength": 40},
    location=OpenApiParameter.PATH,
    description="Key of the campaign.",
)
_SHOWN: Final = [(str(one.value), one.label) for one in CampaignStatus if one in (*UNDER_WAY, *OVER)]


class HoursBody(Struct, frozen=True):
    """From a time of day until another one, as 18:30; over midnight if that is earlier."""

    begins: str
    ends: str


class SeasonBody(Struct, frozen=True):
    """From a day of the year to another one, that included, as 12-01."""

    first: str
    last: str


class ScheduleBody(Struct, frozen=True, kw_only=True):
    """When it runs; what is empty asks nothing."""

    starts_at: Moment | None
    ends_at: Annotated[Moment | None, Meta(description="Exclusive; null: open")]
    time_zone: Annotated[str, Meta(description="Of days and hours")]
    weekdays: tuple[str, ...]
    hours: tuple[HoursBody, ...]
    month_days: Annotated[tuple[int, ...], Meta(description="-1: the last day of the month")]
    seasons: tuple[SeasonBody, ...]


class VariantBody(Struct, frozen=True):
    """One of several ways in which it gives, for a part of the members by chance."""

    key: str
    name: str
    percent: int


class AudienceBody(Struct, frozen=True, kw_only=True):
    """Members in one of `segments`, none of `not_segments`, one of `tiers`; empty ones ask nothing."""

    segments: tuple[str, ...]
    not_segments: tuple[str, ...]
    tiers: tuple[str, ...]
    control_percent: Annotated[int, Meta(description="Who are held out by chance, to be compared with")]
    variants: tuple[VariantBody, ...]


class MemberLimitBody(Struct, frozen=True):
    """So many times, or so many points, for one member in each period."""

    period: Literal["day", "week", "month", "quarter", "year", "ever"]
    times: int | None
    points: int | None


class BudgetBody(Struct, frozen=True):
    """What it gives in all, and what is left of that now; money is what its points cost."""

    unit: Literal["times", "points", "money"]
    allotted: Annotated[str, Meta(description="A whole number, or money")]
    left: Annotated[str, Meta(description="A whole number, or money")]


class CampaignBody(Struct, frozen=True, kw_only=True):
    """A campaign: its version that is in force, or the first one if its time has not come."""

    key: str
    name: str
    description: str
    status: Literal["scheduled", "running", "paused", "ended", "archived"]
    is_running: Annotated[bool, Meta(description="Whether members can earn by it now, on its days and hours")]
    text: Annotated[str, Meta(description="What it gives for what, as a sentence")]
    trigger: Annotated[str | None, Meta(description="What it listens to, such as `sale`")]
    version: Annotated[int, Meta(description="Number of the version that is told")]
    effective_at: Annotated[Moment, Meta(description="Since when that version is in force, or from when")]
    schedule: ScheduleBody | None
    audience: AudienceBody | None
    member_limits: tuple[MemberLimitBody, ...]
    budgets: tuple[BudgetBody, ...]

    @classmethod
    def of(cls, found: Published, *, time_zone: str, at: datetime) -> Self:
        rule = found.rule
        return cls(
            key=found.campaign.key,
            name=found.campaign.name,
            description=found.campaign.description,
            status=found.campaign.status,  # type: ignore[arg-type]  # drafts are not shown
            is_running=found.runs(at),
            text=found.text,
            trigger=rule.trigger.kind if rule else None,
            version=found.version.number,
            effective_at=found.version.effective_at,
            schedule=_schedule(rule, time_zone) if rule else None,
            audience=_audience(rule) if rule else None,
            member_limits=tuple(
                MemberLimitBody(one.period, one.times, one.points)  # type: ignore[arg-type]  # as it was read
                for one in (rule.limits.per_member if rule else ())
            ),
            budgets=tuple(
                BudgetBody(one.unit, _shown(one.allotted, one.unit), _shown(one.left, one.unit))  # type: ignore[arg-type]  # the column's choices
                for one in found.budgets
            ),
        )


def _shown(amount: Any, unit: str) -> str:
    return f"{amount:.2f}" if unit == "money" else str(int(amount))


def _schedule(rule: Definition, time_zone: str) -> ScheduleBody:
    when = rule.schedule
    return ScheduleBody(
        starts_at=when.starts_at,
        ends_at=when.ends_at,
        time_zone=str(when.zone or time_zone),
        weekdays=tuple(sorted(when.weekdays, key=WEEKDAYS.index)),
        hours=tuple(HoursBody(f"{one.start:%H:%M}", f"{one.end:%H:%M}") for one in when.hours),
        month_days=tuple(sorted(when.month_days)),
        seasons=tuple(SeasonBody(one.first, one.last) for one in when.seasons),
    )


def _audience(rule: Definition) -> AudienceBody:
    whom = rule.audience
    return AudienceBody(
        segments=tuple(sorted(whom.segments)),
        not_segments=tuple(sorted(whom.not_segments)),
        tiers=tuple(sorted(whom.tiers)),
        control_percent=whom.control_percent,
        variants=tuple(VariantBody(one.key, one.name, one.percent) for one in rule.variants),
    )


class CampaignList(Struct, frozen=True):
    """A page of campaigns; `next` and `previous` are the addresses of its neighbours."""

    data: tuple[CampaignBody, ...]
    next: str | None
    previous: str | None


class TriggerFilter(filters.ChoiceFilter):
    def filter(self, qs: QuerySet[Campaign], value: str) -> QuerySet[Campaign]:
        return published.triggered_by(qs, value) if value else qs


class RunningFilter(filters.MomentFilter):
    parent: Any

    def filter(self, qs: QuerySet[Campaign], value: datetime | None) -> QuerySet[Campaign]:
        return published.running_at(qs, value, program=self.parent.program) if value else qs


class CampaignFilter(filters.PartnerFilterSet):
    status = filters.ChoiceFilter(choices=_SHOWN, label=_("In that state."))
    trigger = TriggerFilter(choices=[(kind, "") for kind in KINDS], label=_("That listen to that."))
    running_at = RunningFilter(
        label=_("By which members could earn at that moment, on their days and hours, as known now.")
    )


_CAMPAIGN: Final[dict[str, Any]] = {
    "key": "silver-weeks",
    "name": "Silver weeks",
    "description": "",
    "status": "running",
    "is_running": True,
    "text": "For every sale by a member in tier Silver: 100 points. 1 time a week for a member.",
    "trigger": "sale",
    "version": 2,
    "effective_at": "2026-05-28T08:00:00Z",
    "schedule": {
        "starts_at": "2026-06-01T00:00:00Z",
        "ends_at": "2026-07-01T00:00:00Z",
        "time_zone": "Europe/Berlin",
        "weekdays": [],
        "hours": [],
        "month_days": [],
        "seasons": [],
    },
    "audience": {
        "segments": [],
        "not_segments": [],
        "tiers": ["silver"],
        "control_percent": 10,
        "variants": [],
    },
    "member_limits": [{"period": "week", "times": 1, "points": None}],
    "budgets": [{"unit": "points", "allotted": "100000", "left": "64200"}],
}


class CampaignsView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "campaigns:read"}

    @operation(
        id="list_campaigns",
        tag="Campaigns",
        summary="List campaigns, newest first",
        description="""
        Campaigns that were published, also those that are over; drafts are not shown. Each is told as its
        version says that is in force now, or the first one if its time has not come.
        """,
        parameters=(*filters.parameters(CampaignFilter), *pagination.PARAMETERS),
        answer=CampaignList,
        example={"data": [_CAMPAIGN], "next": None, "previous": None},
        refuses=(pagination.InvalidCursor, pagination.InvalidFilter),
    )
    def get(self, request: Request) -> HttpResponse:
        program = auth.caller(request).program
        at = clock.now(program)
        rows, given = filters.apply(request, CampaignFilter, published.campaigns(program, at=at))
        page = pagination.paginate(request, rows, filters=given)
        data = tuple(
            CampaignBody.of(one, time_zone=program.time_zone, at=at)
            for one in published.told(page.rows, program=program)
        )
        return rendering.answer(CampaignList(data, page.next, page.previous))


class CampaignView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "campaigns:read"}

    @operation(
        id="read_campaign",
        tag="Campaigns",
        summary="Read a campaign",
        description="What it gives for what, to whom and when, and what is left of its budgets now.",
        parameters=(KEY,),
        answer=CampaignBody,
        example=_CAMPAIGN,
        refuses=(NotFound,),
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        program = auth.caller(request).program
        at = clock.now(program)
        (found,) = published.told([published.find(program, key, at=at)], program=program)
        return rendering.answer(CampaignBody.of(found, time_zone=program.time_zone, at=at))
