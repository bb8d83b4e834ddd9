"""The log of calls: found by partner, operation, outcome, or by any id."""

import re
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from integrations import usage
from integrations.models import Call, Partner
from loyalty.core.admin import FactAdmin, program_of

TRACE: Final = re.compile(r"[0-9a-f]{32}")


class PartnerFilter(DropdownFilter):
    title = _("partner")
    parameter_name = "partner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        partners = Partner.objects.filter(program=program_of(request)).order_by("name", "pk")
        return [(str(partner.pk), partner.name) for partner in partners]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Call]) -> models.QuerySet[Call]:
        if not (chosen := self.value()):
            return queryset
        known = {value for value, _name in self.lookup_choices}
        return queryset.filter(partner=chosen) if chosen in known else queryset.none()


class OperationFilter(DropdownFilter):
    title = _("operation")
    parameter_name = "operation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        program = program_of(request)
        return [(name, name) for name in usage.operations(program)] if program else []

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Call]) -> models.QuerySet[Call]:
        return queryset.filter(operation=self.value()) if self.value() else queryset


class OutcomeFilter(DropdownFilter):
    """Only what differs from success: each of these has an index of its own."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("not_done", _("Refused or failed")),
            ("failed", _("Failed at our side")),
            ("deprecated", _("Of what will go")),
        ]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Call]) -> models.QuerySet[Call]:
        match self.value():
            case "not_done":
                return queryset.filter(status__gte=400)
            case "failed":
                return queryset.filter(status__gte=500)
            case "deprecated":
                return queryset.filter(is_deprecated=True)
            case _:
                return queryset


@admin.register(Call)
class CallAdmin(FactAdmin):
    """Who called what, and what came of it."""

    list_display = ("shown_moment", "usage_link", "operation", "shown_status", "problem", "took", "marks")
    list_filter = (PartnerFilter, OperationFilter, OutcomeFilter)
    list_select_related = ("partner",)
    list_before_template = "admin/integrations/call/search.html"
    sortable_by = ()
    ordering = ("-pk",)
    fields = (
        "shown_moment",
        "usage_link",
        "credential",
        "operation",
        "status",
        "shown_problem",
        "took",
        "marks",
        "shown_objects",
        "request_id",
        "trace_id",
    )
    readonly_fields = ("shown_moment", "usage_link", "shown_problem", "took", "marks", "shown_objects")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(
            request, {"kept_days": settings.CALLS_ARE_KEPT_DAYS, **(extra_context or {})}
        )

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Call], search_term: str
    ) -> tuple[models.QuerySet[Call], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if TRACE.fullmatch(term):
            return queryset.filter(trace_id=term), False
        if found := usage.about(_id(term)):
            return queryset.filter(pk__in=found), False
        asked = queryset.filter(request_id=term)
        # Each is found by its own index; asked for together they would be found by none.
        return (
            asked if asked.order_by().exists() else queryset.exclude(problem="").filter(problem=term)
        ), False

    @display(description=_("called at"))
    def shown_moment(self, call: Call) -> str:
        return date_format(timezone.localtime(call.called_at), "j M Y, H:i:s")

    @display(description=_("partner"))
    def usage_link(self, call: Call) -> SafeString:
        page = reverse("admin:integrations_partner_usage", args=[call.partner_id])
        return format_html('<a class="rg-link" href="{}">{}</a>', page, call.partner.name)

    @display(
        description=_("answer"),
        label={"done": "success", "refused": "warning", "failed": "danger"},
    )
    def shown_status(self, call: Call) -> tuple[str, str]:
        kind = "done" if call.status < 400 else "refused" if call.status < 500 else "failed"
        return kind, str(call.status)

    @display(description=_("problem"))
    def shown_problem(self, call: Call) -> str:
        """With the page that tells the partner what to do about it."""
        if not call.problem:
            return "–"
        page = reverse("problem", args=[call.problem])
        return format_html(
            '<a class="rg-link" href="{}" target="_blank" rel="noopener">{}</a>', page, call.problem
        )

    @display(description=_("took"))
    def took(self, call: Call) -> str:
        return f"{call.duration_ms:,} ms"

    @display(description=_("remarks"))
    def marks(self, call: Call) -> str:
        """What is not so of most calls."""
        told = [_now("repeat")] if call.is_replay else []
        if call.is_deprecated:
            told.append(_now("of what will go"))
        if call.call_count > 1:
            told.append(_now("%(number)s calls") % {"number": f"{call.call_count:,}"})
        return ", ".join(told) or "–"

    @display(description=_("objects"))
    def shown_objects(self, call: Call) -> str:
        return ", ".join(map(str, call.object_ids)) or "–"


def _id(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None
