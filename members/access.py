"""Whose points may move: members who were found, and are neither blocked nor gone into another record."""

from typing import ClassVar, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.errors import DomainError
from members.ledger.state import Account
from members.models import Member, MemberStatus

Known = tuple[str, str]
"""How a member is pointed at: "id" or a kind of identifier, and the value as it is stored."""


class UnknownMember(DomainError):
    """No member of the program is known by that reference: register them first."""

    code: ClassVar[str] = "unknown_member"
    status: ClassVar[int] = 404
    title = gettext_lazy("No such member")


class MemberIsBlocked(DomainError):
    """The member was blocked by staff: no points are earned or spent."""

    code: ClassVar[str] = "member_blocked"
    title = gettext_lazy("The member is blocked")


class MemberIsMerged(DomainError):
    """The member's record went into another one; `survivor` is the id of that."""

    code: ClassVar[str] = "member_merged"
    title = gettext_lazy("The member was merged into another one")


_GONE: Final = frozenset({MemberStatus.ERASED.value})


def movable(account: Account | None, *, asked: str, pointer: str, missing_at: str | None = None) -> Account:
    """
    The account that was found for a reference, if its points may move.

    `asked` says how it was asked for, as `card “1001”`; `pointer` names the member in the request,
    `missing_at` the part of it that is wrong if there is no such member.

    :raises UnknownMember: if none was found
    :raises MemberIsBlocked: if the member is blocked
    :raises MemberIsMerged: if the member was merged into another one
    """
    if account is None or account.status in _GONE:
        detail = _("No member of this program has the {asked}.").format(asked=asked)
        raise UnknownMember(detail, pointer=missing_at or pointer)
    if account.status == MemberStatus.BLOCKED:
        raise MemberIsBlocked(_("The member is blocked: no points are earned or spent."), pointer=pointer)
    if account.status == MemberStatus.MERGED:
        raise merged(account.member_id, pointer=pointer)
    return account


def merged(member_id: UUID, *, pointer: str | None = None) -> MemberIsMerged:
    """The refusal for a member who was merged, which names the one to use from now on."""
    survivor = Member.objects.filter(pk=member_id).values_list("merged_into", flat=True).get()
    detail = _("The member was merged into {survivor}: use that id from now on.").format(survivor=survivor)
    return MemberIsMerged(detail, pointer=pointer, survivor=str(survivor))
