"""What members agreed to: reported, read as it stands, and read as it came about."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Self
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from msgspec import Meta, Struct
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.core import clock
from loyalty.core.api import auth, filters, idempotency, pagination, parsing, rendering
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment
from loyalty.core.codes import VISIBLE
from loyalty.core.errors import NotFound
from members import consents, privacy, references
from members.api.examples import MEMBER
from members.api.views import REFERENCE, find
from members.models import Consent
from members.references import MemberIsErased, MemberIsMerged

Purpose = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_.-]{0,39}$(?!\n)",
        description="What the data may be used for, in the program's own words: newsletter, profiling",
    ),
]
EvidenceName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$(?!\n)")]
EvidenceText = Annotated[str, Meta(max_length=500)]


class ConsentRequest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the member has agreed to, or does not agree to any more."""

    purpose: Purpose
    granted: Annotated[bool, Meta(description="False: withdrawn")]
    occurred_at: (
        Annotated[datetime, Meta(tz=True, description="When the member said so, if that was earlier")] | None
    ) = None
    text_version: Annotated[
        str, Meta(max_length=60, pattern=VISIBLE, description="Of the text that was agreed to")
    ] = ""
    source: Annotated[
        str, Meta(max_length=60, pattern=VISIBLE, description="Where it was said, as till-12 or app")
    ] = ""
    evidence: Annotated[
        dict[EvidenceName, EvidenceText],
        Meta(max_length=20, description="What proves it; it goes when the member is erased"),
    ] = {}


class ConsentBody(Struct, frozen=True):
    """What a member said about one purpose."""

    id: UUID
    member_id: UUID
    purpose: str
    granted: bool
    text_version: str
    source: str
    evidence: dict[str, str]
    occurred_at: Moment
    recorded_at: Moment

    @classmethod
    def of(cls, consent: Consent) -> Self:
        """With its evidence, if there is some still."""
        proof = getattr(consent, "evidence", None)
        return cls(
            id=consent.pk,
            member_id=consent.member_id,
            purpose=consent.purpose,
            granted=consent.is_granted,
            text_version=consent.version,
            source=consent.source,
            evidence=proof.details if proof else {},
            occurred_at=consent.occurred_at,
            recorded_at=consent.recorded_at,
        )


class PresentConsents(Struct, frozen=True):
    """What the member said last of each purpose, by purpose."""

    data: tuple[ConsentBody, ...]


class ConsentList(Struct, frozen=True):
    """A page of what a member said; `next` and `previous` are the addresses of its neighbours."""

    data: tuple[ConsentBody, ...]
    next: str | None
    previous: str | None


class ConsentFilter(filters.PartnerFilterSet):
    purpose = filters.TextFilter(label=_("What was said about that purpose."))
    granted = filters.BooleanFilter(
        "is_granted", label=_("Only what was granted, or only what was withdrawn.")
    )


_WANTED: Final[dict[str, Any]] = {
    "purpose": "newsletter",
    "granted": True,
    "text_version": "2026-05",
    "source": "till-12",
    "evidence": {"form": "sign-up, checkbox 2"},
}
_SAID: Final[dict[str, Any]] = {
    "id": "01976c1e-5d7a-7000-8000-1a2b3c4d5e6f",
    "member_id": MEMBER["id"],
    **_WANTED,
    "occurred_at": "2026-06-01T12:00:00Z",
    "recorded_at": "2026-06-01T12:00:00Z",
}


class ConsentsView(PartnerView):
    scopes: ClassVar[dict[str, str]] = {"get": "members:read", "post": "members:write"}

    @operation(
        id="list_present_consents",
        tag="Members",
        summary="Read what a member agrees to now",
        description="""
        One line for each purpose that the member ever said something about: what they said last. A purpose
        that is not there was never agreed to. Ask before you write to somebody.
        """,
        parameters=(REFERENCE,),
        answer=PresentConsents,
        example={"data": [_SAID]},
        refuses=(NotFound,),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        """What was said last, by purpose."""
        member = find(auth.caller(request).program, references.read(reference))
        said = consents.present(privacy.records(member))
        return rendering.answer(PresentConsents(tuple(map(ConsentBody.of, said))))

    @operation(
        id="record_consent",
        tag="Members",
        summary="Report that a member agreed, or does not any more",
        description="""
        Each time that somebody says yes or no: nothing is ever overwritten, and what counts is what was said
        last, by `occurred_at`. Publishes `consent.granted` or `consent.withdrawn`.
        """,
        parameters=(REFERENCE,),
        takes=ConsentRequest,
        takes_example=_WANTED,
        answer=ConsentBody,
        status=201,
        example=_SAID,
        refuses=(NotFound, MemberIsMerged, MemberIsErased),
    )
    @idempotency.idempotent
    def post(self, request: Request, reference: str) -> Response:
        """Write it down."""
        wanted = parsing.decode(request, ConsentRequest)
        caller = auth.caller(request)
        consent = consents.record(
            find(caller.program, references.read(reference)),
            purpose=wanted.purpose,
            is_granted=wanted.granted,
            occurred_at=wanted.occurred_at,
            version=wanted.text_version,
            source=wanted.source,
            evidence=wanted.evidence,
            actor=caller.actor,
            at=clock.now(caller.program),
        )
        return Response(ConsentBody.of(consent), status=201)


class ConsentHistoryView(PartnerView):
    scopes: ClassVar = {"get": "members:read"}

    @operation(
        id="list_consents",
        tag="Members",
        summary="List all that a member ever agreed to and took back",
        description="""
        Newest first, by when it was reported: the record that shows who said what, when and where.
        """,
        parameters=(REFERENCE, *filters.parameters(ConsentFilter), *pagination.PARAMETERS),
        answer=ConsentList,
        example={"data": [_SAID], "next": None, "previous": None},
        refuses=(NotFound, pagination.InvalidCursor, pagination.InvalidFilter),
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        """All that was said."""
        program = auth.caller(request).program
        member = find(program, references.read(reference))
        said = Consent.objects.of(program).filter(member__in=privacy.records(member))
        rows, given = filters.apply(request, ConsentFilter, said)
        page = pagination.paginate(request, rows.select_related("evidence"), filters=given)
        return rendering.answer(ConsentList(tuple(map(ConsentBody.of, page.rows)), page.next, page.previous))
