from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from integrations.admin.usage import UsagePages
from integrations.models import Partner


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
