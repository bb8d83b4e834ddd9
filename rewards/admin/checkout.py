"""Baskets on their way to being paid: what each has reserved, until when, and how it ended."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from loyalty.core import clock
from loyalty.core.admin import user_of
from loyalty.core.errors import DomainError
from members.admin.facts import OfMemberAdmin
from rewards.checkouts import ending
from rewards.checkouts.states import quote_of
from rewards.models import Checkout, CheckoutStatus

STATUS_LABELS: Final[dict[str, str]] = {
    CheckoutStatus.OPEN: "info",
    CheckoutStatus.CONFIRMED: "success",
    CheckoutStatus.ABANDONED: "warning",
    CheckoutStatus.EXPIRED: "danger",
}


@admin.register(Checkout)
class CheckoutAdmin(OfMemberAdmin):
    """Checkouts, newest first."""

    list_display = ("opened_at", "member_link", "shown_total", "shown_status", "expires_at", "receipt_link")
    list_filter = (("status", ChoicesDropdownFilter),)
    list_select_related = ("member", "program")
    search_fields = ("paid_external_id",)
    sortable_by = ()
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("member_link", "state", "shown_lines", "receipt_link", "source")}),
        (_("Time"), {"fields": ("opened_at", "expires_at", "closed_at")}),
    )
    readonly_fields = ("member_link", "state", "receipt_link", "shown_lines")
    change_form_template = "admin/rewards/checkout/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        view: Callable[..., HttpResponse] = self.admin_site.admin_view(require_POST(self.abandon_view))
        abandon = path("<uuid:checkout_id>/abandon/", view, name="rewards_checkout_abandon")
        return [abandon, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        may = {"may_abandon": request.user.has_perm("members.release_hold")}
        return super().change_view(request, object_id, form_url, {**may, **(extra_context or {})})

    def abandon_view(self, request: HttpRequest, checkout_id: str) -> HttpResponse:
        """Give all that it has reserved free before its time, as when a member waits for the points."""
        checkout = self.get_object(request, str(checkout_id))
        if checkout is None:
            raise Http404(_now("There is no such checkout in this program."))
        if not request.user.has_perm("members.release_hold"):
            raise PermissionDenied
        try:
            ending.abandon(
                checkout.pk,
                program=checkout.program,
                source="",
                actor=user_of(request).actor,
                at=clock.now(checkout.program),
            )
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, _now("Everything that it had reserved is free again."))
        return HttpResponseRedirect(reverse("admin:rewards_checkout_change", args=[checkout.pk]))

    @display(description=_("to pay"))
    def shown_total(self, checkout: Checkout) -> str:
        return f"{checkout.total:,.2f} {checkout.program.currency}"

    @display(description=_("status"), label=STATUS_LABELS)
    def shown_status(self, checkout: Checkout) -> tuple[str, str]:
        if checkout.is_overdue(clock.now(checkout.program)):
            return CheckoutStatus.EXPIRED, str(CheckoutStatus.EXPIRED.label)
        return checkout.status, checkout.get_status_display()

    @display(description=_("status"))
    def state(self, checkout: Checkout) -> str:
        return self.shown_status(checkout)[1]

    @display(description=_("receipt"))
    def receipt_link(self, checkout: Checkout) -> SafeString | str:
        if checkout.sale_id is None:
            return "–"
        page = reverse("admin:rewards_activity_change", args=[checkout.sale_id])
        return format_html('<a class="rg-link" href="{}">{}</a>', page, checkout.paid_external_id)

    @display(description=_("basket"))
    def shown_lines(self, checkout: Checkout) -> SafeString:
        return render_to_string("admin/rewards/checkout/basket.html", {"quote": quote_of(checkout)})
