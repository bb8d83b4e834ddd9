"""Members who bring friends: the code that they invite with, and what came of it."""

from typing import Annotated, Any, ClassVar, Final, Literal, Self
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from msgspec import Meta, Struct
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import clock
from loyalty.core.api import auth, filters, idempotency, pagination, parsing, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.codes import TYPED
from loyalty.core.errors import NotFound
from members.api.filters import MemberReferenceFilter
from members.references import MemberIsBlocked, MemberIsMerged, MemberReference, UnknownMember, find_id
from rewards.api.examples import MEMBER_ID
from rewards.happenings import inviting
from rewards.models import Referral, ReferralCode, ReferralStatus

REFERRAL_ID: Final = OpenApiParameter(
    "referral_id",
    {"type": "string", "format": "uuid"},
    location=OpenApiParameter.PATH,
    description="The `id` of the referral.",
)


class Invitation(Struct, frozen=True, forbid_unknown_fields=True):
    """Who invites."""

    member: MemberReference


class InvitationBody(Struct, frozen=True):
    """What a member passes on to friends, as text or as a part of a link to your sign-up page."""

    member_id: UUID
    code: Annotated[str, Meta(description="Capitals and digits; it stays the same")]
    made_at: Moment


class Acceptance(Struct, frozen=True, forbid_unknown_fields=True):
    """A friend, who is a member by now, and the code that brought them."""

    code: Annotated[
        str,
        Meta(min_length=1, max_length=40, pattern=TYPED, description="In any case, with or without blanks"),
    ]
    friend: MemberReference


class ReferralBody(Struct, frozen=True, kw_only=True):
    """One member who brought another."""

    id: UUID
    member_id: Annotated[UUID, Meta(description="Who brought the friend")]
    friend_id: UUID
    status: Annotated[
        Literal["waiting", "qualified", "refused"],
        Meta(description="`waiting` until the friend's first purchase is there to stay"),
    ]
    reason: Annotated[
        Literal["self_referral", "member_before", "member_inactive"] | None,
        Meta(description="Why it was refused"),
    ]
    registered_at: Annotated[Moment, Meta(description="When the friend became a member")]
    decided_at: Moment | None

    @classmethod
    def of(cls, referral: Referral) -> Self:
        return cls(
            id=referral.pk,
            member_id=referral.member_id,
            friend_id=referral.friend_id,
            status=referral.status,  # type: ignore[arg-type]  # the column's choices
            reason=referral.reason or None,  # type: ignore[arg-type]  # what `rewards.happenings.referrals` says
            registered_at=referral.registered_at,
            decided_at=referral.decided_at,
        )


class ReferralList(Struct, frozen=True):
    """A page of referrals; `next` and `previous` are the addresses of its neighbours."""

    data: tuple[ReferralBody, ...]
    next: str | None
    previous: str | None


class ReferralFilter(filters.PartnerFilterSet):
    member = MemberReferenceFilter("member", label=_("Whom that member brought: an id, or as `card:1001`."))
    friend = MemberReferenceFilter("friend", label=_("Who brought that member: an id, or as `card:1001`."))
    status = filters.ChoiceFilter(choices=ReferralStatus.choices, label=_("In that state."))


_FRIEND_ID: Final = "01976c1e-5d7a-7000-8000-4b61d8f0a9c3"
_INVITED: Final[dict[str, Any]] = {
    "member_id": MEMBER_ID,
    "code": "K7WM2QXD",
    "made_at": "2026-06-01T12:00:00Z",
}
_REFERRAL: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-5e90c27ab3d1",
    "member_id": MEMBER_ID,
    "friend_id": _FRIEND_ID,
    "status": "waiting",
    "reason": None,
    "registered_at": "2026-06-02T09:30:00Z",
    "decided_at": None,
}


class ReferralsView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read", "post": "members:write"}

    @operation(
        id="list_referrals",
        tag="Referrals",
        summary="List referrals, newest first",
        description="Who brought whom, also where it did not count.",
        parameters=(*filters.parameters(ReferralFilter), *pagination.PARAMETERS),
        answer=ReferralList,
        example={"data": [_REFERRAL], "next": None, "previous": None},
        refuses=(pagination.InvalidCursor, pagination.InvalidFilter),
    )
    def get(self, request: Request) -> HttpResponse:
        of_program = Referral.objects.of(auth.caller(request).program)
        rows, given = filters.apply(request, ReferralFilter, of_program)
        page = pagination.paginate(request, rows, filters=given)
        return rendering.answer(
            ReferralList(tuple(map(ReferralBody.of, page.rows)), page.next, page.previous)
        )

    @operation(
        id="invite_friends",
        tag="Referrals",
        summary="Get the code that a member invites with",
        description="""
        Ask for it when a member wants to invite friends: show the code, or make it part of a link to your
        page where people become members. Each member has one code, for any number of friends. It is made
        when it is first asked for; whenever it is asked for again, the answer is the same.
        """,
        takes=Invitation,
        takes_example={"member": {"kind": "card", "value": "1001"}},
        answer=InvitationBody,
        status=201,
        example=_INVITED,
        refuses=(UnknownMember, MemberIsBlocked, MemberIsMerged, inviting.ReferralCodeIsDisabled),
    )
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        wanted = parsing.decode(request, Invitation)
        program = auth.caller(request).program
        found: ReferralCode = inviting.invite(wanted.member, program=program, at=clock.now(program))
        return Response(InvitationBody(found.member_id, found.code, found.made_at), status=201)


class AcceptView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"post": "members:write"}

    @operation(
        id="accept_referral",
        tag="Referrals",
        summary="Say by whose code a friend came",
        description="""
        Call it right after you registered somebody who came with a code. It counts (`qualified`) once the
        friend's first purchase is there to stay for as many days as the program asks; then
        `referral.qualified` is published, and campaigns give what they promise.

        A friend is brought by one member: the same code again is answered with the referral that there
        is, another one is refused with `already_referred`. Whoever bought something before, or was a member
        before the inviting member, is no newcomer. After ten wrong codes for a friend within a quarter of an
        hour (a hundred by your credential), each is refused, right or wrong.
        """,
        takes=Acceptance,
        takes_example={"code": "K7WM2QXD", "friend": {"kind": "card", "value": "2002"}},
        answer=ReferralBody,
        status=201,
        example=_REFERRAL,
        refuses=(
            UnknownMember,
            MemberIsBlocked,
            MemberIsMerged,
            inviting.UnknownReferralCode,
            inviting.SelfReferral,
            inviting.AlreadyReferred,
            inviting.NotANewcomer,
            inviting.TooManyReferralCodes,
        ),
    )
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        wanted = parsing.decode(request, Acceptance)
        caller = auth.caller(request)
        accepted = inviting.accept(
            wanted.code, friend=wanted.friend, program=caller.program, asked_by=caller.counted_as
        )
        return Response(ReferralBody.of(accepted), status=201)


class ReferralView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read"}

    @operation(
        id="read_referral",
        tag="Referrals",
        summary="Read a referral",
        description="Who brought whom, and whether it counts.",
        parameters=(REFERRAL_ID,),
        answer=ReferralBody,
        example=_REFERRAL,
        refuses=(NotFound,),
    )
    def get(self, request: Request, referral_id: str) -> HttpResponse:
        found = inviting.find(auth.caller(request).program, find_id(referral_id))
        if found is None:
            raise NotFound(gettext("There is no referral {id}.").format(id=referral_id))
        return rendering.answer(ReferralBody.of(found))
