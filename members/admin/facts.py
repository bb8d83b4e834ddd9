"""Pages of what happened to a member, or between two of them: a transfer, a merge."""

from typing import Any, ClassVar

from django.db import models
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.core.admin import FactAdmin, program_of
from members import search
from members.models import Member


def link_to(member: Member) -> SafeString:
    page = reverse("admin:members_member_change", args=[member.pk])
    return format_html('<a class="rg-link" href="{}">{}</a>', page, member)


class OfMemberAdmin(FactAdmin):
    """Found by the member, if by nothing else, and leads to them."""

    search_help_text = _("A member’s card, e-mail, phone, outside id or name")

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        program = program_of(request)
        if not search_term.strip() or program is None:
            return queryset, False
        return queryset.filter(member__in=search.find(search_term, program=program).values("pk")), False

    @display(description=_("member"))
    def member_link(self, fact: Any) -> SafeString:
        return link_to(fact.member)


class BetweenMembersAdmin(FactAdmin):
    """Found by either member; `sides` are the fields that lead to them."""

    sides: ClassVar[tuple[str, str]]
    is_unknown: ClassVar[Any]
    """What is said of an id that the program does not know."""

    search_help_text = _("Card, e-mail, phone, outside id or name of either member")
    sortable_by = ()
    ordering = ("-pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        program = program_of(request)
        if not search_term.strip() or program is None:
            return queryset, False
        members = search.find(search_term, program=program).values("pk")
        # Two look-ups on indexes instead of one condition with OR.
        first, second = (
            self.model._default_manager.filter(**{f"{side}__in": members}).values("pk") for side in self.sides
        )
        return queryset.filter(pk__in=first.union(second)), False

    def found(self, request: HttpRequest, object_id: str) -> Any:
        """:raises Http404: if the program has no such object, or it may not be seen"""
        found = self.get_object(request, object_id)
        if found is None or not self.has_view_permission(request, found):
            raise Http404(self.is_unknown)
        return found
