"""What systems know a member by: added and taken away, one at a time."""

from datetime import datetime
from typing import ClassVar, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.db import violated
from loyalty.core.errors import DomainError, NotFound
from members import details, enrolment, references
from members.models import Identifier, Member
from members.references import Reference

AT_MOST: Final = 50


class LastIdentifier(DomainError):
    """A member is known by one identifier at least: add another one first."""

    code: ClassVar[str] = "last_identifier"
    title = gettext_lazy("It is the member's last identifier")


class TooManyIdentifiers(DomainError):
    """A member is known by 50 identifiers at most: remove one that is not used any more."""

    code: ClassVar[str] = "too_many_identifiers"
    title = gettext_lazy("The member has too many identifiers")


def add(member: Member, *, kind: str, value: str, actor: str, at: datetime) -> tuple[Identifier, bool]:
    """
    Let a member be known by one thing more; whether it is new. One that the member has is no mistake.

    :raises InvalidInput: if it cannot be an identifier of that kind
    :raises members.enrolment.IdentifierTaken: if somebody else is known by it
    :raises TooManyIdentifiers: if the member has as many as one may have
    :raises members.references.MemberIsMerged: if the member was merged into another one
    :raises members.references.MemberIsErased: if the member was erased
    """
    value = enrolment.normalize(kind, value, pointer="#/value")
    with transaction.atomic():
        present = details.hold(member)
        references.check_alive(present)
        known = list(Identifier.objects.filter(member=present))
        for identifier in known:
            if (identifier.kind, identifier.value) == (kind, value):
                return identifier, False
        if len(known) >= AT_MOST:
            raise TooManyIdentifiers
        identifier = _insert(present, kind, value)
        details.tell_changed(present, fields=["identifiers"], added=[identifier], actor=actor, at=at)
    return identifier, True


def _insert(member: Member, kind: str, value: str) -> Identifier:
    try:
        with transaction.atomic():
            return Identifier.objects.create(
                program_id=member.program_id, member=member, kind=kind, value=value
            )
    except IntegrityError as error:
        if violated(error) != "an_identifier_names_one_member":
            raise
        raise enrolment.IdentifierTaken(
            _("Another member is known by this identifier."), pointer="#/value"
        ) from None


def remove(member: Member, *, identifier: Reference, actor: str, at: datetime) -> None:
    """
    Let a member not be known by that any more; `identifier` is its id, or its kind and value.

    :raises NotFound: if the member has no such identifier
    :raises LastIdentifier: if it is the only one
    :raises members.references.MemberIsMerged: if the member was merged into another one
    :raises members.references.MemberIsErased: if the member was erased
    """
    with transaction.atomic():
        present = details.hold(member)
        references.check_alive(present)
        known = list(Identifier.objects.filter(member=present))
        meant = [one for one in known if _is_meant(one, identifier)]
        if not meant:
            raise NotFound(_("The member is not known by that."))
        if len(known) == 1:
            raise LastIdentifier
        details.tell_changed(present, fields=["identifiers"], removed=meant, actor=actor, at=at)
        meant[0].delete()


def _is_meant(known: Identifier, identifier: Reference) -> bool:
    if identifier.by == "id":
        return str(known.pk) == identifier.value
    return (known.kind, known.value) == (identifier.kind, identifier.value)
