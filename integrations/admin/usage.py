"""The page about what a partner calls."""

from datetime import timedelta
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from integrations import usage
from integrations.models import Partner
from loyalty.core.admin import ProgramModelAdmin, render

SPANS: Final = {
    "hour": (_("Hour"), timedelta(hours=1)),
    "day": (_("Day"), timedelta(days=1)),
    "week": (_("Week"), timedelta(days=7)),
}


class UsagePages(ProgramModelAdmin):
    """The part of a partner's pages that is about its calls."""

    def get_urls(self) -> list[URLPattern]:
        shown = self.admin_site.admin_view(self.usage_view)
        return [
            path("<uuid:partner_id>/usage/", shown, name="integrations_partner_usage"),
            *super().get_urls(),
        ]

    def usage_view(self, request: HttpRequest, partner_id: str) -> HttpResponse:
        if not request.user.has_perm("integrations.view_call"):
            raise PermissionDenied
        partner = self.get_object(request, str(partner_id))
        if partner is None:
            raise Http404
        span = request.GET.get("span", "day")
        span = span if span in SPANS else "day"
        context: dict[str, Any] = {
            "title": _now("What %(name)s calls") % {"name": partner.name},
            "partner": partner,
            "usage": usage.of(partner, since=timezone.now() - SPANS[span][1]),
            "spans": {key: label for key, (label, _length) in SPANS.items()},
            "span": span,
        }
        return render(request, self, "admin/integrations/partner/usage.html", context)

    @display(description=_("calls"))
    def usage_link(self, partner: Partner) -> SafeString:
        page = reverse("admin:integrations_partner_usage", args=[partner.pk])
        return format_html('<a class="rg-link" href="{}">{}</a>', page, _("What it calls"))
