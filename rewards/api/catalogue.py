"""The catalogue of rewards, and what redeeming one would come to."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from msgspec import Meta, Struct
from rest_framework.request import Request

from loyalty.core import clock
from loyalty.core.api import auth, filters, pagination, parsing, rendering
from loyalty.core.api.refusals import MissingScope
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from members.api.filters import identified, meant
from members.models import Member
from members.pooling import FromHousehold
from members.references import MemberIsBlocked, MemberIsMerged, MemberReference, UnknownMember
from rewards import redeeming
from rewards.api import examples
from rewards.api.bodies import BASKET, value_of
from rewards.api.redemption_bodies import RewardKey
from rewards.deciding.activities import Money
from rewards.models import Discounted, DiscountKind, Reward
from rewards.redeeming import BasketTooSmall, Previewed, UnknownReward


class DiscountBody(Struct, frozen=True, kw_only=True):
    """What a reward takes off a basket, at a checkout or by its voucher; money is the program's."""

    kind: Literal["amount", "percent", "free_product"]
    amount: Annotated[str | None, Meta(description="Of an amount: money off")]
    percent: Annotated[str | None, Meta(description="Of a percentage: per cent off", examples=["10.00"])]
    sku: Annotated[str | None, Meta(description="Of a free product: one piece of it is free")]
    maximum: Annotated[str | None, Meta(description="The most that it takes off; null: no limit")]
    minimum_basket: Annotated[
        str | None, Meta(description="What the basket must cost before discounts; null: any basket")
    ]

    @classmethod
    def of(cls, reward: Discounted) -> Self | None:
        if reward.discount_kind == DiscountKind.NONE:
            return None
        return cls(
            kind=reward.discount_kind,  # type: ignore[arg-type]  # the column's choices
            amount=_told(reward.discount_amount),
            percent=_told(reward.discount_percent),
            sku=reward.discount_sku or None,
            maximum=_told(reward.discount_maximum),
            minimum_basket=_told(reward.minimum_basket),
        )


def _told(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:.2f}"


class RewardBody(Struct, frozen=True, kw_only=True):
    """A reward of the catalogue."""

    id: UUID
    key: Annotated[str, Meta(description="By which it is redeemed")]
    name: str
    description: str
    wallet_type: Annotated[str, Meta(description="Key of the kind of points that pay it")]
    price: Annotated[int, Meta(description="In points")]
    is_on_offer: Annotated[bool, Meta(description="Whether anybody could have it now")]
    stock: Annotated[int | None, Meta(description="Pieces that are left; null: as many as are asked for")]
    limit_per_member: Annotated[int | None, Meta(description="How often a member may buy it in the period")]
    limit_period: Literal["ever", "day", "week", "month", "year"]
    has_voucher: Annotated[bool, Meta(description="If not, it is handed over or sent")]
    voucher_uses: Annotated[int, Meta(description="How often its voucher can be used")]
    voucher_valid_days: int
    discount: Annotated[
        DiscountBody | None, Meta(description="What it takes off a basket; null: it is no discount")
    ]
    starts_at: Moment | None
    ends_at: Moment | None

    @classmethod
    def of(cls, reward: Reward, *, at: datetime) -> Self:
        return cls(
            id=reward.pk,
            key=reward.key,
            name=reward.name,
            description=reward.description,
            wallet_type=reward.wallet_type.key,
            price=reward.price,
            is_on_offer=reward.is_on_offer(at),
            stock=reward.stock,
            limit_per_member=reward.limit_per_member,
            limit_period=reward.limit_period,  # type: ignore[arg-type]  # the column's choices
            has_voucher=reward.has_voucher,
            voucher_uses=reward.voucher_uses,
            voucher_valid_days=reward.voucher_valid_days,
            discount=DiscountBody.of(reward),
            starts_at=reward.starts_at,
            ends_at=reward.ends_at,
        )


class RewardList(Struct, frozen=True):
    """Rewards, newest first."""

    data: tuple[RewardBody, ...]
    next: str | None
    previous: str | None


class PreviewRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Who might buy which reward, and for which basket."""

    member: MemberReference
    reward: RewardKey
    basket: Annotated[Money | None, Meta(description=BASKET)] = None
    from_household: FromHousehold = False


class Refusal(Struct, frozen=True):
    """Why it would be refused, as the problem document would say it."""

    code: Literal[
        "reward_not_on_offer",
        "reward_sold_out",
        "reward_limit_reached",
        "basket_too_small",
        "insufficient_points",
    ]
    title: str
    detail: str


class RedemptionPreview(Struct, frozen=True, kw_only=True):
    """What redeeming the reward would come to."""

    is_possible: bool
    refusal: Refusal | None
    member_id: UUID
    reward: str
    wallet_type: str
    points: Annotated[int, Meta(description="What it costs")]
    available: Annotated[int, Meta(description="What the member can spend now")]
    brought: Annotated[int, Meta(description="Points that others of the household would add")]
    missing: Annotated[int, Meta(description="How many points are lacking, with those")]
    balance: Annotated[int | None, Meta(description="What would be left; null if it is not possible")]
    left_of_limit: Annotated[
        int | None, Meta(description="How often the member may still buy it in the period; null: no limit")
    ]
    basket_missing: Annotated[
        Money | None, Meta(description="What the basket lacks of the reward's minimum; null: nothing")
    ]

    @classmethod
    def of(cls, found: Previewed) -> Self:
        refusal = found.refusal
        told = None
        if refusal is not None:
            told = Refusal(refusal.code, str(refusal.title), refusal.detail)  # type: ignore[arg-type]
        return cls(
            is_possible=refusal is None,
            refusal=told,
            member_id=found.member_id,
            reward=found.reward,
            wallet_type=found.wallet_type,
            points=found.points,
            available=found.available,
            brought=found.brought,
            missing=max(0, found.points - found.available - found.brought),
            balance=found.available + found.brought - found.points if refusal is None else None,
            left_of_limit=found.left_of_limit,
            basket_missing=Money(**refusal.extra["missing"]) if isinstance(refusal, BasketTooSmall) else None,
        )


class OnOfferFilter(filters.BooleanFilter):
    """What anybody could have now, by the program's clock."""

    parent: Any

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        if not value:
            return qs
        program = self.parent.program
        on_offer = Reward.objects.of(program).on_offer(clock.now(program))
        return qs.filter(pk__in=on_offer) if value == "true" else qs.exclude(pk__in=on_offer)


class AvailableFilter(filters.TextFilter):
    """What one member may have now: nothing that would then be refused."""

    parent: Any

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return qs
        program = self.parent.program
        members = meant(Member.objects.of(program), identified(value, parameter="member"))
        member_id = members.values_list("pk", flat=True).first()
        if member_id is None:
            return qs.none()
        ids = redeeming.available_to(member_id, program=program, at=clock.now(program))
        return qs.filter(pk__in=ids)


class RewardFilter(filters.PartnerFilterSet):
    is_on_offer = OnOfferFilter(label=_("Whether anybody could have them now."))
    wallet_type = filters.TextFilter("wallet_type__key", label=_("Paid with that kind of points: its key."))
    member = AvailableFilter(
        label=_(
            "Those that this member may have now: an id, or an identifier as `card:1001`. "
            "Takes the scope `members:read` as well."
        )
    )


REWARD: Final = OpenApiParameter(
    "reward_key",
    {"type": "string", "minLength": 1, "maxLength": 40},
    location=OpenApiParameter.PATH,
    description="The `key` of the reward.",
)
_REWARD: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-0c1d2e3f4a5b",
    "key": "free-coffee",
    "name": "Free coffee",
    "description": "Any size, any milk.",
    "wallet_type": "points",
    "price": 500,
    "is_on_offer": True,
    "stock": None,
    "limit_per_member": 2,
    "limit_period": "day",
    "has_voucher": True,
    "voucher_uses": 1,
    "voucher_valid_days": 90,
    "discount": None,
    "starts_at": None,
    "ends_at": None,
}
_PREVIEW: Final[dict[str, Any]] = {
    "is_possible": True,
    "refusal": None,
    "member_id": examples.MEMBER_ID,
    "reward": "free-coffee",
    "wallet_type": "points",
    "points": 500,
    "available": 1252,
    "brought": 0,
    "missing": 0,
    "balance": 752,
    "left_of_limit": 1,
    "basket_missing": None,
}
_POOR: Final[dict[str, Any]] = {
    **_PREVIEW,
    "is_possible": False,
    "refusal": {
        "code": "insufficient_points",
        "title": "Not enough points",
        "detail": "The wallet has 380 points, not 500.",
    },
    "available": 380,
    "missing": 120,
    "balance": None,
}


class RewardsView(PartnerView):
    scopes: ClassVar = {"get": "rewards:read"}

    @operation(
        id="list_rewards",
        tag="Rewards",
        summary="The catalogue of rewards, newest first",
        description="""
        What points buy in this program, also what is not on offer yet or any more. With `member`, only what
        that member could have at this moment: on offer, not sold out, paid by the points that can be
        spent, and within the reward's limit per member.
        """,
        parameters=(*filters.parameters(RewardFilter), *pagination.PARAMETERS),
        answer=RewardList,
        example={"data": [_REWARD], "next": None, "previous": None},
        refuses=(pagination.InvalidCursor, pagination.InvalidFilter),
    )
    def get(self, request: Request) -> HttpResponse:
        """Rewards of the program."""
        caller = auth.caller(request)
        if "member" in request._request.GET and "members:read" not in caller.scopes:
            detail = _now("To ask for a member takes the scope {scope}, too.").format(scope="members:read")
            raise MissingScope(detail, scope="members:read")
        of_program = Reward.objects.of(caller.program).select_related("wallet_type")
        rows, given = filters.apply(request, RewardFilter, of_program)
        page = pagination.paginate(request, rows, filters=given)
        at = clock.now(caller.program)
        data = tuple(RewardBody.of(reward, at=at) for reward in page.rows)
        return rendering.answer(RewardList(data, page.next, page.previous))


class RewardView(PartnerView):
    scopes: ClassVar = {"get": "rewards:read"}

    @operation(
        id="read_reward",
        tag="Rewards",
        summary="Read a reward",
        description="A reward of the catalogue as it is now, on offer or not.",
        parameters=(REWARD,),
        answer=RewardBody,
        example=_REWARD,
        refuses=(UnknownReward,),
    )
    def get(self, request: Request, reward_key: str) -> HttpResponse:
        """A reward as it is now."""
        program = auth.caller(request).program
        rows = Reward.objects.of(program).select_related("wallet_type")
        reward = rows.filter(key=reward_key).first()
        if reward is None:
            raise UnknownReward(_now("The program has no reward “{key}”.").format(key=reward_key))
        return rendering.answer(RewardBody.of(reward, at=clock.now(program)))


class RedemptionPreviewView(PartnerView):
    scopes: ClassVar = {"post": "redemptions:write"}

    @operation(
        id="preview_redemption",
        tag="Rewards",
        summary="What would redeeming a reward come to?",
        description="""
        Whether the member could have the reward now, what would be left of the points, and how many are
        missing if not. With `basket`, also whether that is large enough for what the reward takes off it.
        With `from_household`, the others of the household may add what is missing; `brought` says how much.
        Changes nothing and keeps nothing: reserve the reward if it must not go to somebody else meanwhile.
        """,
        changes=False,
        takes=PreviewRequest,
        takes_example=examples.REDEMPTION,
        answer=RedemptionPreview,
        example=_PREVIEW,
        more_examples=(("Too few points", 200, _POOR),),
        refuses=(UnknownMember, MemberIsBlocked, MemberIsMerged, UnknownReward),
    )
    def post(self, request: Request) -> HttpResponse:
        """What would it come to?"""
        asked = parsing.decode(request, PreviewRequest)
        caller = auth.caller(request)
        found = redeeming.preview(
            member=asked.member,
            reward=asked.reward,
            basket=value_of(asked.basket, caller.program),
            from_household=asked.from_household,
            program=caller.program,
            source=caller.partner_key,
            at=clock.now(caller.program),
        )
        return rendering.answer(RedemptionPreview.of(found))
