"""Where events are sent, and how each delivery went."""

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from integrations import webhooks
from integrations.models import Delivery, DeliveryAttempt, DeliveryStatus, WebhookEndpoint
from loyalty.core.admin import FactAdmin
from loyalty.core.errors import DomainError

STATUS_LABELS = {
    DeliveryStatus.PENDING: "info",
    DeliveryStatus.DELIVERED: "success",
    DeliveryStatus.DEAD: "danger",
}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(FactAdmin):
    """Addresses that are told of events."""

    program_path = "partner__program"
    list_display = ("url", "partner", "event_list", "shown_state", "created_at")
    list_select_related = ("partner",)
    sortable_by = ()
    ordering = ("partner__name", "url", "pk")
    exclude = ("secret",)
    fields = ("url", "partner", "event_list", "is_enabled", "failing_since", "created_at", "delivery_link")
    readonly_fields = ("event_list", "delivery_link")

    @display(description=_("events"))
    def event_list(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.event_types) or str(_("All of them"))

    @display(description=_("state"), label={"on": "success", "failing": "danger", "off": "warning"})
    def shown_state(self, endpoint: WebhookEndpoint) -> tuple[str, str]:
        if not endpoint.is_enabled:
            return "off", str(_("Switched off"))
        return ("failing", str(_("Failing"))) if endpoint.failing_since else ("on", str(_("Working")))

    @display(description=_("deliveries"))
    def delivery_link(self, endpoint: WebhookEndpoint) -> SafeString:
        page = reverse("admin:integrations_delivery_changelist")
        return format_html(
            '<a class="rg-link" href="{}?endpoint__id__exact={}">{}</a>',
            page,
            endpoint.pk,
            _("What was sent there"),
        )


class AttemptInline(TabularInline):
    model = DeliveryAttempt
    fields = ("attempted_at", "status_code", "error", "duration_ms")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[DeliveryAttempt]:
        rows: models.QuerySet[DeliveryAttempt] = super().get_queryset(request)
        return rows.order_by("-attempted_at", "-pk")


@admin.register(Delivery)
class DeliveryAdmin(FactAdmin):
    """One event for one endpoint, with each attempt and its answer."""

    program_path = "endpoint__partner__program"
    list_display = (
        "created_at",
        "event",
        "endpoint",
        "shown_status",
        "attempt_count",
        "next_attempt",
        "delivered_at",
    )
    list_filter = (("status", ChoicesDropdownFilter),)
    list_select_related = ("endpoint",)
    search_fields = ("event_number",)
    search_help_text = _("Number of the event")
    sortable_by = ()
    ordering = ("-pk",)
    fields = ("event", "endpoint", "status", "attempt_count", "next_attempt", "created_at", "delivered_at")
    readonly_fields = ("event", "next_attempt")
    inlines = (AttemptInline,)
    actions = ("resend",)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Delivery], search_term: str
    ) -> tuple[models.QuerySet[Delivery], bool]:
        term = search_term.strip().lstrip("#")
        if not term:
            return queryset, False
        is_number = term.isdecimal() and len(term) < 19
        return (queryset.filter(event_number=int(term)) if is_number else queryset.none()), False

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("integrations.resend_delivery")

    @action(description=_("Send again"), permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: models.QuerySet[Delivery]) -> None:
        """Up to a page at a time; what an endpoint was owed altogether is sent when it is enabled again."""
        sent = 0
        for delivery in queryset[: self.list_per_page]:
            try:
                webhooks.resend(delivery, at=timezone.now())
                sent += 1
            except DomainError as refusal:
                self.message_user(request, f"{delivery.endpoint}: {refusal.detail}", messages.ERROR)
        if sent:
            text = ngettext(
                "%(number)d delivery is sent again.", "%(number)d deliveries are sent again.", sent
            )
            self.message_user(request, text % {"number": sent})

    @display(description=_("event"))
    def event(self, delivery: Delivery) -> SafeString:
        page = reverse("admin:core_event_change", args=[delivery.event_number])
        return format_html('<a class="rg-link" href="{}">#{}</a>', page, str(delivery.event_number))

    @display(description=_("status"), label=STATUS_LABELS)
    def shown_status(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.status, delivery.get_status_display()

    @display(description=_("next attempt"))
    def next_attempt(self, delivery: Delivery) -> object:
        return delivery.next_attempt_at if delivery.status == DeliveryStatus.PENDING else None
