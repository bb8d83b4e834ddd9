from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.db import models
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from integrations import usage
from integrations.admin.credential import STATE_LABELS, state
from integrations.admin.usage import UsagePages
from integrations.models import Credential, Partner

CREDENTIALS_SHOWN: Final = 50


@admin.register(Partner)
class PartnerAdmin(UsagePages):
    """Outside systems: what is switched off here can neither call nor is told anything."""

    list_display = ("name", "key", "keys", "endpoints", "usage_link", "is_active")
    sortable_by = ()
    ordering = ("name", "pk")
    search_fields = ("name__istartswith", "key")
    search_help_text = _("Beginning of the name, or key")
    prepopulated_fields = {"key": ("name",)}
    fieldsets = ((None, {"fields": ("name", "key", "is_active")}),)
    change_form_template = "admin/integrations/partner/change_form.html"

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Partner]:
        in_use = Q(credentials__revoked_at__isnull=True)
        return (
            super()
            .get_queryset(request)
            .annotate(
                key_count=Count("credentials", filter=in_use, distinct=True),
                endpoint_count=Count("webhook_endpoints", distinct=True),
            )
        )

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "is_active" and field is not None:
            field.help_text = _("Switched off, whatever it sends is refused and it is told nothing.")
        return field

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With its credentials, and how its calls went."""
        partner = self.get_object(request, object_id)
        held = self._held(request, partner) if partner else {}
        return super().change_view(request, object_id, form_url, {**held, **(extra_context or {})})

    def _held(self, request: HttpRequest, partner: Partner) -> dict[str, Any]:
        now = timezone.now()
        held: dict[str, Any] = {"partner": partner}
        if request.user.has_perm("integrations.view_credential"):
            newest = Credential.objects.filter(partner=partner).select_related("partner").order_by("-pk")
            held["credentials"] = [
                {"credential": one, "chip": STATE_LABELS[key], "state": said}
                for one in newest[:CREDENTIALS_SHOWN]
                for key, said in [state(one, at=now)]
            ]
            held["may_issue"] = partner.is_active and request.user.has_perm("integrations.add_credential")
        if request.user.has_perm("integrations.view_call"):
            held["usage"] = usage.of(partner, since=now - timedelta(days=1))
        return held

    def get_readonly_fields(self, request: HttpRequest, obj: Partner | None = None) -> tuple[str, ...]:
        """Activities name their source by this key."""
        return ("key",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Partner | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    @display(description=_("credentials in use"))
    def keys(self, partner: Partner) -> int:
        return getattr(partner, "key_count", 0)

    @display(description=_("webhooks"))
    def endpoints(self, partner: Partner) -> int:
        return getattr(partner, "endpoint_count", 0)
