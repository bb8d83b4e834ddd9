"""Returns that were reported before their sales: what still waits, and what did not fit."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from loyalty.core.admin import FactAdmin, program_of
from rewards.models import WaitingReturn, WaitingStatus

STATUS_LABELS: dict[str, str] = {
    WaitingStatus.WAITING: "info",
    WaitingStatus.APPLIED: "success",
    WaitingStatus.REFUSED: "danger",
}


@admin.register(WaitingReturn)
class WaitingReturnAdmin(FactAdmin):
    """Newest first; a return leaves the list's interest when its sale has come."""

    list_display = (
        "recorded_at",
        "external_id",
        "sale_external_id",
        "source",
        "shown_amount",
        "shown_status",
        "reason",
    )
    list_filter = (("status", ChoicesDropdownFilter),)
    list_select_related = ("program",)
    search_fields = ("external_id",)
    search_help_text = _("Number of the return, or of the sale that it waits for (all of it)")
    sortable_by = ()
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("status", "reason", "booked")}),
        (
            _("As it was reported"),
            {"fields": ("source", "external_id", "sale_external_id", "shown_amount", "shown_lines")},
        ),
        (_("Time"), {"fields": ("occurred_at", "recorded_at")}),
    )
    readonly_fields = ("booked", "shown_amount", "shown_lines")

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[WaitingReturn], search_term: str
    ) -> tuple[models.QuerySet[WaitingReturn], bool]:
        term, program = search_term.strip(), program_of(request)
        if not term or program is None:
            return queryset, False
        of_program = WaitingReturn.objects.of(program).filter(source__in=program.partners.values("key"))
        own = of_program.filter(external_id=term).values("pk")
        of_sale = of_program.waiting().filter(sale_external_id=term).values("pk")
        return queryset.filter(pk__in=own.union(of_sale)), False

    @display(description=_("status"), label=STATUS_LABELS)
    def shown_status(self, waiting: WaitingReturn) -> tuple[str, str]:
        return waiting.status, waiting.get_status_display()

    @display(description=_("amount"))
    def shown_amount(self, waiting: WaitingReturn) -> str:
        body: dict[str, Any] = waiting.body
        if amount := body.get("amount"):
            return f"{amount['amount']} {amount['currency']}"
        return _now("Some lines") if body.get("lines") else _now("All of the sale")

    @display(description=_("booked as"))
    def booked(self, waiting: WaitingReturn) -> SafeString | str:
        if waiting.activity_id is None:
            return "–"
        page = reverse("admin:rewards_activity_change", args=[waiting.activity_id])
        return format_html('<a class="rg-link" href="{}">{}</a>', page, waiting.external_id)

    @display(description=_("lines"))
    def shown_lines(self, waiting: WaitingReturn) -> SafeString:
        return render_to_string("admin/rewards/returned_lines.html", {"lines": waiting.body.get("lines")})
