"""What belongs to one member: what they did, badges, challenges, and the rewards that they may have now."""

from typing import Annotated, Any, ClassVar, Final, Literal, Self
from uuid import UUID

import msgspec
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, filters, pagination, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.errors import NotFound
from members import references
from members.api.views import REFERENCE, find
from members.models import Member
from rewards.api import examples
from rewards.api.bodies import Award
from rewards.api.status import AvailableReward, EarnedBadge, OpenChallenge
from rewards.deciding.activities import Money
from rewards.deciding.recorded import told_awards
from rewards.models import Activity, ActivityKind, Challenge, ChallengeProgress, MemberBadge
from rewards.telling import status

_PAGES: Final = (NotFound, pagination.InvalidCursor, pagination.InvalidFilter)


class ActivityBody(Struct, frozen=True, kw_only=True):
    """Something that a member did, with what it earned."""

    id: UUID
    kind: Literal["sale", "return", "event"]
    is_undone: Annotated[bool, Meta(description="Whether the sale was a mistake and was taken back")]
    event_type: Annotated[str | None, Meta(description="Of a custom event")]
    external_id: str
    source: Annotated[str, Meta(description="Key of the partner that reported it")]
    store: str
    amount: Annotated[Money | None, Meta(description="Of a sale or return")]
    returned: Annotated[Money | None, Meta(description="Of a sale: what came back so far")]
    points: Annotated[int, Meta(description="Spendable points in all; negative for a return")]
    awards: tuple[Award, ...]
    occurred_at: Moment
    recorded_at: Moment

    @classmethod
    def of(cls, activity: Activity, *, currency: str) -> Self:
        kind: Any = activity.kind if activity.kind in ("return", "event") else "sale"
        awards = told_awards(activity.awards) if kind != "return" else ()
        return cls(
            id=activity.pk,
            kind=kind,
            is_undone=kind != activity.kind,
            event_type=activity.event_type or None,
            external_id=activity.external_id,
            source=activity.source,
            store=activity.store,
            amount=Money(f"{activity.amount:.2f}", currency) if kind != "event" else None,
            returned=Money(f"{activity.returned_amount:.2f}", currency) if kind == "sale" else None,
            points=activity.points,
            awards=msgspec.convert(awards, tuple[Award, ...]),
            occurred_at=activity.occurred_at,
            recorded_at=activity.recorded_at,
        )


class ActivityList(Struct, frozen=True):
    """A page of activities; `next` and `previous` are the addresses of its neighbours."""

    data: tuple[ActivityBody, ...]
    next: str | None
    previous: str | None


class BadgeList(Struct, frozen=True):
    """A page of badges; `next` and `previous` are the addresses of its neighbours."""

    data: tuple[EarnedBadge, ...]
    next: str | None
    previous: str | None


class ChallengeList(Struct, frozen=True):
    """A page of challenges; `next` and `previous` are the addresses of its neighbours."""

    data: tuple[OpenChallenge, ...]
    next: str | None
    previous: str | None


class AvailableRewards(Struct, frozen=True):
    """What the member can have at this moment, the cheapest first."""

    data: tuple[AvailableReward, ...]


class KindFilter(filters.ChoiceFilter):
    """A sale that was undone is a sale that was."""

    def filter(self, qs: QuerySet[Activity], value: str) -> QuerySet[Activity]:
        if value == ActivityKind.SALE:
            return qs.exclude(kind__in=[ActivityKind.RETURN, ActivityKind.EVENT])
        return qs.filter(kind=value) if value else qs


class ActivityFilter(filters.PartnerFilterSet):
    kind = KindFilter(
        choices=[("sale", ""), ("return", ""), ("event", "")], label=_("Only sales, returns or events.")
    )
    event_type = filters.TextFilter("event_type", label=_("Custom events of that type."))
    occurred_from = filters.MomentFilter("occurred_at", "gte", label=_("That happened then or later."))
    occurred_before = filters.MomentFilter("occurred_at", "lt", label=_("That happened earlier than then."))


_READ: Final = (
    "id", "kind", "event_type", "external_id", "source", "store", "amount", "returned_amount", "points",
    "awards", "occurred_at", "recorded_at",
)  # fmt: skip
_ACTIVITY: Final[dict[str, Any]] = {
    "id": examples.RECORDED["id"],
    "kind": "sale",
    "is_undone": False,
    "event_type": None,
    "external_id": examples.SALE["external_id"],
    "source": "till",
    "store": "berlin-mitte",
    "amount": examples.SALE["amount"],
    "returned": {"amount": "0.00", "currency": "EUR"},
    "points": 12,
    "awards": examples.RECORDED["awards"],
    "occurred_at": examples.RECORDED["occurred_at"],
    "recorded_at": examples.RECORDED["recorded_at"],
}


class MemberActivitiesView(PartnerView):
    # What somebody bought is told to those who may read purchases.
    scopes: ClassVar[dict[str, str]] = {"get": "transactions:read"}

    @operation(
        id="list_member_activities",
        tag="Members",
        summary="List what a member did, newest first",
        description="""
        Sales, returns and custom events of a member as they were recorded, with what each of them earned.
        Why it earned that, and why other campaigns gave nothing, is told by the transaction itself.
        """,
        parameters=(REFERENCE, *filters.parameters(ActivityFilter), *pagination.PARAMETERS),
        answer=ActivityList,
        example={"data": [_ACTIVITY], "next": None, "previous": None},
        refuses=_PAGES,
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        member = find(program, references.read(reference))
        of_member = Activity.objects.of(program).filter(member=member).only(*_READ)
        rows, given = filters.apply(request, ActivityFilter, of_member)
        page = pagination.paginate(request, rows, filters=given, by=("occurred_at", "id"))
        data = tuple(ActivityBody.of(activity, currency=program.currency) for activity in page.rows)
        return rendering.answer(ActivityList(data, page.next, page.previous))


class MemberBadgesView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="list_member_badges",
        tag="Members",
        summary="List a member's badges, newest first",
        description="The badges that campaigns gave the member. Nothing takes them away.",
        parameters=(REFERENCE, *pagination.PARAMETERS),
        answer=BadgeList,
        example={"data": examples.STATUS["badges"], "next": None, "previous": None},
        refuses=_PAGES,
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        given = pagination.given(request)
        member = find(program, references.read(reference))
        earned = MemberBadge.objects.of(program).filter(member=member).select_related("badge")
        page = pagination.paginate(request, earned, filters=given)
        data = tuple(EarnedBadge(one.badge.key, one.badge.name, one.earned_at) for one in page.rows)
        return rendering.answer(BadgeList(data, page.next, page.previous))


class MemberChallengesView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="list_member_challenges",
        tag="Members",
        summary="List challenges with a member's progress, newest challenges first",
        description="""
        All challenges of the program, with how far the member is: those not begun yet, those under way, and
        those completed. What is open to the member now is in the status.
        """,
        parameters=(REFERENCE, *pagination.PARAMETERS),
        answer=ChallengeList,
        example={"data": examples.STATUS["challenges"], "next": None, "previous": None},
        refuses=_PAGES,
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        given = pagination.given(request)
        member = find(program, references.read(reference))
        page = pagination.paginate(
            request, _with_progress(Challenge.objects.of(program), member), filters=given
        )
        return rendering.answer(ChallengeList(tuple(map(_told, page.rows)), page.next, page.previous))


class MemberRewardsView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="list_member_rewards",
        tag="Members",
        summary="List the rewards that a member may have now",
        description="""
        Rewards that would not be refused if the member redeemed one of them now: on offer, left in stock,
        within the member's points and limits. Redeeming one of them changes what is left for others. A
        blocked member may have none. The same list is in the status.
        """,
        parameters=(REFERENCE,),
        answer=AvailableRewards,
        example={"data": examples.STATUS["rewards"]},
        refuses=(NotFound, pagination.InvalidFilter),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        program = auth.caller(request).program
        pagination.given(request)
        told = status.rewards(program, references.read(reference), at=clock.now(program))
        return rendering.answer(b'{"data":%s}' % told.encode())


def _with_progress(challenges: QuerySet[Challenge], member: Member) -> QuerySet[Challenge]:
    steps = ChallengeProgress.objects.of(member.program_id).filter(member=member, challenge=OuterRef("pk"))
    newest = steps.order_by("-number")
    return challenges.annotate(
        progress=Coalesce(Subquery(newest.values("progress")[:1]), 0),
        completions=Coalesce(Subquery(newest.values("completions")[:1]), 0),
    )


def _told(challenge: Any) -> OpenChallenge:
    return OpenChallenge(
        key=challenge.key,
        name=challenge.name,
        description=challenge.description,
        progress=challenge.progress,
        goal=challenge.goal,
        completions=challenge.completions,
        is_repeatable=challenge.is_repeatable,
    )
