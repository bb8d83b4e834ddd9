"""How systems point at a member: by our id, or by kind and value of an identifier (`card:1001`)."""

import re
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal, NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import Meta, Struct

from loyalty.core.codes import TYPED
from loyalty.core.db import fetch
from loyalty.core.errors import EXAMPLE_ID, DomainError, Extra, InvalidInput, NotFound
from members.enrolment import normalize
from members.ledger.state import Account
from members.models import IdentifierKind, Member, MemberStatus

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class UnknownMember(DomainError):
    """No member of the program is known by that reference: register them first."""

    code: ClassVar[str] = "unknown_member"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "No such member"


class MemberIsBlocked(DomainError):
    """The member was blocked by staff: no points are earned or spent."""

    code: ClassVar[str] = "member_blocked"
    title: ClassVar[str] = "The member is blocked"


class MemberIsMerged(DomainError):
    """The member's record went into another one, whose id is `survivor_id`: use that from now on."""

    code: ClassVar[str] = "member_merged"
    title: ClassVar[str] = "The member was merged into another one"
    extras = {
        "survivor_id": Extra(EXAMPLE_ID, gettext_lazy("The id of the record to use from now on")),
    }


class MemberIsErased(DomainError):
    """The member was erased at their own wish: nothing is known or done about them any more."""

    code: ClassVar[str] = "member_erased"
    title: ClassVar[str] = "The member was erased"


class MemberReference(Struct, frozen=True, forbid_unknown_fields=True):
    """A member by our id or by any identifier, such as the number of a card."""

    kind: Literal["id", "card", "email", "phone", "external"]
    value: Annotated[str, Meta(min_length=1, max_length=254, pattern=TYPED)]


class Reference(NamedTuple):
    """`id` with a UUID, or `identifier` with kind and value as they are stored."""

    by: Literal["id", "identifier"]
    kind: str
    value: str


def read(text: str) -> Reference:
    """
    What a reference in an address means.

    :raises NotFound: if nobody can be meant by it
    """
    if _UUID.fullmatch(text):
        return Reference("id", "id", str(UUID(text)))
    kind, _colon, value = text.partition(":")
    if kind not in IdentifierKind:
        known = ", ".join(f"{one.value}:…" for one in IdentifierKind)
        raise NotFound(_("A member is named by our id, or as {known}.").format(known=known))
    try:
        return Reference("identifier", kind, normalize(kind, value))
    except InvalidInput:
        raise unknown() from None


def unknown() -> NotFound:
    """Says nothing of the reference, which may be somebody's e-mail address."""
    return NotFound(_("There is no such member in this program."))


def reference(member: MemberReference) -> tuple[str, str]:
    """The reference as identifiers are stored; one that cannot be a member's matches nobody."""
    if member.kind == "id":
        member_id = find_id(member.value)
        return ("id", str(member_id)) if member_id else ("", "")
    try:
        return member.kind, normalize(member.kind, member.value)
    except InvalidInput:
        return "", ""


def find_id(value: str) -> UUID | None:
    """A member's id as a UUID, or None if it cannot be one."""
    try:
        return UUID(value)
    except ValueError:
        return None


def nobody(asked: MemberReference, *, pointer: str = "#/member") -> UnknownMember:
    """The refusal for a reference in a body that means no member; `pointer` is where it was given."""
    return UnknownMember(
        _("No member of this program has the {kind} “{value}”.").format(kind=asked.kind, value=asked.value),
        pointer=f"{pointer}/value",
    )


class Known(Struct, frozen=True):
    """A member that was found, and no more of them than is needed to refuse."""

    member_id: UUID
    status: str


_KNOWN: Final = """
SELECT member.id, member.status
FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS asked(kind, value, position)
LEFT JOIN members_identifier identifier
    ON identifier.program_id = $1 AND identifier.kind = asked.kind AND identifier.value = asked.value
LEFT JOIN members_member member ON member.program_id = $1
    AND member.id = coalesce(identifier.member_id, CASE asked.kind WHEN 'id' THEN asked.value::uuid END)
ORDER BY asked.position"""


def known(program_id: UUID, asked: Sequence[MemberReference]) -> list[Known | None]:
    """Who is meant by references of bodies, in their order; None for nobody. One statement for all."""
    wanted = [reference(one) for one in asked]
    rows = fetch(_KNOWN, [program_id, [kind for kind, _ in wanted], [value for _, value in wanted]])
    return [Known(*row) if row[0] else None for row in rows]


def member_of[M: (Account, Known)](
    account: M | None, asked: MemberReference, *, pointer: str = "#/member"
) -> M:
    """
    The account that was found for a reference, if its points may move; `pointer` is where it was given.

    :raises UnknownMember: if none was found
    :raises MemberIsBlocked: if the member is blocked
    :raises MemberIsMerged: if the member was merged into another one
    """
    if account is None or account.status == MemberStatus.ERASED:
        raise nobody(asked, pointer=pointer)
    if account.status == MemberStatus.BLOCKED:
        raise MemberIsBlocked(_("The member is blocked: no points are earned or spent."), pointer=pointer)
    if account.status == MemberStatus.MERGED:
        raise merged(account.member_id, pointer=pointer)
    return account


def check_alive(member: Member) -> None:
    """
    Refuse to change a record that is kept to be read only.

    :raises MemberIsMerged: if the member was merged into another one
    :raises MemberIsErased: if the member was erased
    """
    if member.status == MemberStatus.MERGED:
        raise merged(member.pk)
    if member.status == MemberStatus.ERASED:
        raise MemberIsErased(_("The member was erased: nothing about them can be changed."))


def merged(member_id: UUID, *, pointer: str | None = None) -> MemberIsMerged:
    """The refusal for a member who was merged: it names the one to use instead."""
    survivor = member_id
    # Who was merged into a record that was merged itself leads to the last one.
    while into := Member.objects.filter(pk=survivor).values_list("merged_into", flat=True).get():
        survivor = into
    detail = f"The member was merged into {survivor}: use that id from now on."
    return MemberIsMerged(detail, pointer=pointer, survivor_id=str(survivor))
