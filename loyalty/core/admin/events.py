from uuid import UUID

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.core.admin.base import FactAdmin
from loyalty.core.models import Event


@admin.register(Event)
class EventAdmin(FactAdmin):
    """What happened, as consumers and partners are told it."""

    list_display = ("number", "shown_type", "member_id", "occurred_at", "recorded_at")
    search_fields = ("number",)
    search_help_text = _("Number of the event, or id of the member")
    sortable_by = ()
    ordering = ("-number",)
    fields = ("number", "type", "member_id", "occurred_at", "recorded_at", "data")

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Event], search_term: str
    ) -> tuple[models.QuerySet[Event], bool]:
        term = search_term.strip().lstrip("#")
        if not term:
            return queryset, False
        if term.isdecimal() and len(term) < 19:
            return queryset.filter(number=int(term)), False
        try:
            return queryset.filter(member_id=UUID(term)), False
        except ValueError:
            return queryset.none(), False

    @display(description=_("event"), label=True)
    def shown_type(self, event: Event) -> str:
        return event.type
