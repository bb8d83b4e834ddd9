"""Filters of lists by the member whom they are about, and the list of members by theirs."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from loyalty.core.api import filters
from loyalty.core.api.pagination import InvalidFilter
from loyalty.core.errors import NotFound
from members import references, search
from members.models import Member, MemberStatus
from members.models.member import MemberQuerySet


def identified(text: str, *, parameter: str) -> references.Reference:
    """
    The member that a parameter means, which may be nobody.

    :raises InvalidFilter: if it can be no member at all
    """
    try:
        return references.read(text)
    except NotFound:
        detail = _("{name}: a member's id, or kind and value of an identifier, as card:1001.")
        raise InvalidFilter(str(detail).format(name=parameter), parameter=parameter) from None


def meant(members: MemberQuerySet, reference: references.Reference) -> MemberQuerySet:
    """Those, none or one, whom the reference means."""
    if reference.by == "id":
        return members.filter(pk=reference.value)
    return members.known_as(reference.kind, reference.value)


class MemberReferenceFilter(filters.TextFilter):
    """What is about one member: `member=card:1001`, or the member's id. Nobody known so has nothing."""

    parent: Any

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return qs
        of_program = Member.objects.of(self.parent.program)
        found = meant(of_program, identified(value, parameter=self.parent_name)).values_list("pk", flat=True)
        member_id = found.first()
        return qs.filter(**{self.field_name: member_id}) if member_id else qs.none()

    @property
    def parent_name(self) -> str:
        names: dict[str, Any] = self.parent.filters
        return next(name for name, one in names.items() if one is self)


class IdentifierFilter(filters.TextFilter):
    """Members by any identifier of theirs."""

    def filter(self, qs: Any, value: str) -> Any:
        return meant(qs, identified(value, parameter="identifier")) if value else qs


class NameFilter(filters.TextFilter):
    """Members by how their names begin; see `members.search`."""

    schema: ClassVar[dict[str, Any]] = {"type": "string", "minLength": 2, "maxLength": 100}

    def filter(self, qs: Any, value: str) -> Any:
        if not value:
            return qs
        words = value.replace(",", " ").split()
        if not words or len(words[0]) < 2:
            detail = _("name: at least two letters of a name.")
            raise InvalidFilter(str(detail), parameter="name")
        return qs.filter(search.named(words))


class MemberFilter(filters.PartnerFilterSet):
    identifier = IdentifierFilter(label=_("As `card:1001`: the member who is known by it."))
    status = filters.ChoiceFilter(choices=MemberStatus.choices, label=_("Members of that status."))
    name = NameFilter(
        label=_(
            "How the first or last name begins, or both in either order: `love`, `ada love`, `lovelace, ada`."
        )
    )
    enrolled_from = filters.MomentFilter(
        "enrolled_at", "gte", label=_("Who became a member at this moment or later.")
    )
    enrolled_before = filters.MomentFilter(
        "enrolled_at", "lt", label=_("Who became a member before this moment.")
    )
