"""Sales that nobody has claimed yet, and what they were booked as since."""

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.core.admin import FactAdmin, program_of
from rewards.models import UnclaimedSale


@admin.register(UnclaimedSale)
class UnclaimedSaleAdmin(FactAdmin):
    """Newest first; a member claims one by the number and the amount on the receipt."""

    list_display = ("recorded_at", "external_id", "source", "store", "shown_amount", "shown_status")
    list_select_related = ("program",)
    search_fields = ("external_id",)
    search_help_text = _("Number of the receipt (all of it)")
    sortable_by = ()
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("shown_status", "booked")}),
        (
            _("As it was reported"),
            {"fields": ("source", "external_id", "store", "shown_amount", "shown_lines")},
        ),
        (_("Time"), {"fields": ("occurred_at", "recorded_at")}),
    )
    readonly_fields = ("shown_status", "booked", "shown_amount", "shown_lines")

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[UnclaimedSale], search_term: str
    ) -> tuple[models.QuerySet[UnclaimedSale], bool]:
        term, program = search_term.strip(), program_of(request)
        if not term or program is None:
            return queryset, False
        return queryset.filter(program=program, external_id=term), False

    @display(description=_("status"), label={"claimed": "success", "unclaimed": "info"})
    def shown_status(self, sale: UnclaimedSale) -> tuple[str, str]:
        if sale.activity_id is None:
            return "unclaimed", _now("Nobody's yet")
        return "claimed", _now("Claimed")

    @display(description=_("amount"))
    def shown_amount(self, sale: UnclaimedSale) -> str:
        return f"{sale.amount:,.2f} {sale.program.currency}"

    @display(description=_("booked as"))
    def booked(self, sale: UnclaimedSale) -> SafeString | str:
        if sale.activity_id is None:
            return "–"
        page = reverse("admin:rewards_activity_change", args=[sale.activity_id])
        return format_html('<a class="rg-link" href="{}">{}</a>', page, sale.external_id)

    @display(description=_("lines"))
    def shown_lines(self, sale: UnclaimedSale) -> SafeString:
        return render_to_string("admin/rewards/lines.html", {"lines": sale.body.get("lines")})
