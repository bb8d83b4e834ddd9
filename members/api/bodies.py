"""What the API takes and answers for members, as schemas."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from loyalty.core.clock import Moment
from loyalty.core.codes import TYPED
from members.blocking import NOTE_MAX
from members.enrolment import Enrolment
from members.models import Identifier, Member

Name = Annotated[str, Meta(max_length=100)]
AttributeKey = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$(?!\n)")]
WholeNumber = Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
AttributeText = Annotated[str, Meta(max_length=200)]
AttributeValue = (
    AttributeText | WholeNumber | bool | Annotated[list[AttributeText], Meta(max_length=50)] | None
)
Attributes = dict[AttributeKey, AttributeValue]
Note = Annotated[
    str, Meta(max_length=NOTE_MAX, description="For the program's staff; goes when the member is erased")
]


class IdentifierBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What a system may know the member by."""

    kind: Literal["card", "email", "phone", "external"]
    value: Annotated[str, Meta(min_length=1, max_length=254, pattern=TYPED, examples=["1001"])]

    @classmethod
    def of(cls, identifier: Identifier) -> Self:
        return cls(identifier.kind, identifier.value)  # type: ignore[arg-type]  # the column's choices


class Registration(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A person who becomes a member."""

    identifiers: Annotated[tuple[IdentifierBody, ...], Meta(min_length=1, max_length=20)]
    first_name: Name = ""
    last_name: Name = ""
    birth_date: date | None = None
    attributes: Annotated[
        Attributes,
        Meta(
            max_length=50,
            description="The program's own facts about a member; those that it has declared are held to it",
        ),
    ] = {}
    enrolled_at: (
        Annotated[datetime, Meta(tz=True, description="When it happened, if that was earlier than this call")]
        | None
    ) = None

    def enrolment(self, at: datetime) -> Enrolment:
        """What it asks for; whoever says no moment became a member at this one."""
        return Enrolment(
            identifiers=[(identifier.kind, identifier.value) for identifier in self.identifiers],
            enrolled_at=self.enrolled_at or at,
            first_name=self.first_name,
            last_name=self.last_name,
            birth_date=self.birth_date,
            attributes=self.attributes,
        )


class MemberChanges(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change about a member; what is left out stays."""

    first_name: Name | UnsetType = UNSET
    last_name: Name | UnsetType = UNSET
    birth_date: date | None | UnsetType = UNSET
    attributes: (
        Annotated[
            Attributes,
            Meta(
                max_length=50,
                description="Those that are left out stay as they are; one that is null goes",
            ),
        ]
        | UnsetType
    ) = UNSET

    def given(self) -> dict[str, Any]:
        """What was not left out, by name."""
        fields = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: value for name, value in fields if value is not UNSET}


class BlockRequest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Why a member is to be blocked."""

    reason: Literal["lost_card", "fraud", "misuse", "by_request", "other"]
    note: Note = ""


class UnblockRequest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Nothing has to be said."""

    note: Note = ""


class MemberBody(Struct, frozen=True):
    """A member of the program."""

    id: UUID
    status: Literal["active", "blocked", "erased", "merged"]
    merged_into_id: Annotated[UUID | None, Meta(description="The member that it was merged into")]
    identifiers: tuple[IdentifierBody, ...]
    first_name: str
    last_name: str
    birth_date: date | None
    attributes: dict[str, Any]
    enrolled_at: Moment

    @classmethod
    def of(cls, member: Member, identifiers: list[Identifier]) -> Self:
        return cls(
            id=member.pk,
            status=member.status,  # type: ignore[arg-type]  # the column's choices
            merged_into_id=member.merged_into_id,
            identifiers=tuple(IdentifierBody.of(one) for one in sorted(identifiers, key=_kind_and_value)),
            first_name=member.first_name,
            last_name=member.last_name,
            birth_date=member.birth_date,
            attributes=member.attributes,
            enrolled_at=member.enrolled_at,
        )


class ChangedMember(Struct, frozen=True, kw_only=True):
    """
    A member as a call left them. A credential without `members:read` is told `id` and `status` alone.

    Who may only write must not learn by it what others have said about the member.
    """

    id: UUID
    status: Literal["active", "blocked", "erased", "merged"]
    merged_into_id: UUID | None | UnsetType = UNSET
    identifiers: tuple[IdentifierBody, ...] | UnsetType = UNSET
    first_name: str | UnsetType = UNSET
    last_name: str | UnsetType = UNSET
    birth_date: date | None | UnsetType = UNSET
    attributes: dict[str, Any] | UnsetType = UNSET
    enrolled_at: Moment | UnsetType = UNSET

    @classmethod
    def of(cls, member: MemberBody, *, is_readable: bool) -> Self:
        if not is_readable:
            return cls(id=member.id, status=member.status)
        return cls(**{name: getattr(member, name) for name in member.__struct_fields__})


class KnownBy(Struct, frozen=True):
    """One thing that a system may know the member by."""

    id: UUID
    member_id: UUID
    kind: Literal["card", "email", "phone", "external"]
    value: str

    @classmethod
    def of(cls, identifier: Identifier) -> Self:
        """An identifier with the id that it is removed by."""
        kind: Any = identifier.kind
        return cls(identifier.pk, identifier.member_id, kind, identifier.value)


Told = Annotated[list[dict[str, Any]], Meta(description="Oldest first")]


class MemberExport(Struct, frozen=True):
    """All that is known about a person."""

    member_id: UUID
    made_at: Moment
    parts: Annotated[
        dict[str, Told],
        Meta(
            description="By name: records, identifiers, consents, blocks, wallets, lots, entries,"
            " adjustments, activities, redemptions, events and more; there may be others at any time"
        ),
    ]


class IdentifierList(Struct, frozen=True):
    """All that systems may know the member by."""

    data: tuple[KnownBy, ...]


class MemberList(Struct, frozen=True):
    """A page of members; `next` and `previous` are the addresses of its neighbours."""

    data: tuple[MemberBody, ...]
    next: str | None
    previous: str | None


def _kind_and_value(identifier: Identifier) -> tuple[str, str]:
    return identifier.kind, identifier.value
