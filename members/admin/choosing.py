"""Choosing another member on a page about one: a search, and its results as links."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from loyalty.core.admin import program_of
from members import search
from members.models import Member, MemberStatus

SHOWN: Final = 8
PARAMETER: Final = "other"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was searched for, and who was found; `is_more` says that not all are shown."""

    term: str
    found: list[Member]
    is_more: bool


def asked(request: HttpRequest, *, without: Collection[UUID]) -> Choice:
    """The active members that the search on the page finds, those known by exactly the term first."""
    term = request.GET.get("q", "").strip()
    program = program_of(request)
    if not term or program is None:
        return Choice(term, [], is_more=False)
    rows = search.find(term, program=program).exclude(pk__in=without)
    rows = rows.exclude(status__in=[MemberStatus.MERGED, MemberStatus.ERASED])
    ordered = rows.order_by(search.is_known_exactly(term, program=program).desc(), "-pk")
    found = list(ordered.prefetch_related("identifiers")[: SHOWN + 1])
    return Choice(term, found[:SHOWN], is_more=len(found) > SHOWN)


def chosen(request: HttpRequest) -> Member | None:
    """
    The member that the page's address or form names, of the program that one works in.

    :raises Http404: if there is no such member in it
    """
    value = request.POST.get(PARAMETER) or request.GET.get(PARAMETER)
    if not value:
        return None
    try:
        member = Member.objects.of(program_of(request)).filter(pk=UUID(value)).first()  # type: ignore[arg-type]
    except ValueError:
        member = None
    if member is None:
        raise Http404(_("There is no such member in this program."))
    return member
