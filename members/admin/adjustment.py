"""Adjustments: the list of them, their undo, and the reasons and limits that they follow."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display

from loyalty.core import clock
from loyalty.core.admin import ProgramModelAdmin, program_of, render, user_of
from loyalty.core.errors import DomainError
from loyalty.core.templatetags.regulars import actor
from members import reasons
from members.adjustments import MAY_ADJUST, undoing
from members.admin.facts import OfMemberAdmin
from members.models import Adjustment, AdjustmentLimit, ReasonCode


class ReasonFilter(admin.SimpleListFilter):
    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = ReasonCode.objects.filter(program=program_of(request)).order_by("label", "pk")
        return [(code.key, code.label) for code in codes]

    def queryset(
        self, request: HttpRequest, queryset: models.QuerySet[Adjustment]
    ) -> models.QuerySet[Adjustment]:
        known = {key for key, _label in self.lookup_choices}
        if self.value() is None:
            return queryset
        return queryset.filter(reason__key=self.value()) if self.value() in known else queryset.none()


@admin.register(Adjustment)
class AdjustmentAdmin(OfMemberAdmin):
    """Points that were given or taken by hand, newest first; the way back is an undo."""

    list_display = ("adjusted_at", "member_link", "shown_points", "reason", "shown_by", "shown_state")
    list_filter = (ReasonFilter,)
    list_select_related = ("member", "wallet__type", "reason", "by", "undone_by", "approval__decided_by")
    search_fields = ("member",)
    sortable_by = ()
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("member_link", "shown_points", "reason", "note", "shown_by", "adjusted_at")}),
        (_("What follows"), {"fields": ("counts_towards_tiers", "cost_centre", "entry_link")}),
        (_("Second person"), {"fields": ("approval_link",)}),
        (_("Undo"), {"fields": ("undone_by", "undone_at")}),
    )
    readonly_fields = ("member_link", "shown_points", "shown_by", "entry_link", "approval_link")
    change_form_template = "admin/members/adjustment/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        undo = self.admin_site.admin_view(self.undo_view)
        return [
            path("<uuid:adjustment_id>/undo/", undo, name="members_adjustment_undo"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        may = {"may_undo": request.user.has_perm(MAY_ADJUST)}
        return super().change_view(request, object_id, form_url, {**may, **(extra_context or {})})

    def undo_view(self, request: HttpRequest, adjustment_id: UUID) -> HttpResponse:
        """Says what would come of it, and does it when told to."""
        program, by = program_of(request), user_of(request)
        if program is None or not by.has_perm(MAY_ADJUST):
            raise PermissionDenied
        rows = self.get_queryset(request).select_related(*self.list_select_related)
        adjustment = rows.filter(pk=adjustment_id).first()
        if adjustment is None:
            raise Http404(_now("There is no such adjustment in this program."))
        step = undoing.undo if request.method == "POST" else undoing.look_ahead
        try:
            undone = step(adjustment_id, program=program, by=by, at=clock.now(program))
        except DomainError as refusal:
            messages.error(request, refusal.detail)
            return _to_member(adjustment)
        if request.method == "POST":
            messages.success(
                request,
                _now("The adjustment is undone. The balance is %(balance)s now.")
                % {"balance": f"{undone.balance:,}"},
            )
            return _to_member(adjustment)
        context = {
            "title": _now("Undo an adjustment"),
            "original": adjustment,
            "adjustment": adjustment,
            "undone": undone,
        }
        return render(request, self, "admin/members/adjustment/undo.html", context)

    @display(description=_("points"))
    def shown_points(self, adjustment: Adjustment) -> SafeString:
        side = "plus" if adjustment.points > 0 else "minus"
        points = f"{adjustment.points:+,}".replace("-", "−")
        return format_html('<span class="rg-{}">{}</span> {}', side, points, adjustment.wallet.type)

    @display(description=_("by"))
    def shown_by(self, adjustment: Adjustment) -> str:
        return str(adjustment.by or actor(adjustment.actor))

    @display(description=_("state"), label={"undone": "warning", "approved": "info", "booked": "success"})
    def shown_state(self, adjustment: Adjustment) -> tuple[str, str]:
        if adjustment.undone_at:
            return "undone", str(_("Undone"))
        return ("approved", str(_("Approved"))) if adjustment.approval_id else ("booked", str(_("Booked")))

    @display(description=_("line of the statement"))
    def entry_link(self, adjustment: Adjustment) -> SafeString:
        page = reverse("admin:members_entry_change", args=[adjustment.entry_id])
        return format_html('<a class="rg-link" href="{}">{}</a>', page, _now("Open it"))

    @display(description=_("approval"))
    def approval_link(self, adjustment: Adjustment) -> SafeString | str:
        if adjustment.approval is None:
            return str(_("Was within the limits: nobody had to agree."))
        page = reverse("admin:core_approval_change", args=[adjustment.approval_id])
        said = _now("Approved by %(person)s") % {"person": adjustment.approval.decided_by}
        return format_html('<a class="rg-link" href="{}">{}</a>', page, said)


def _to_member(adjustment: Adjustment) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:members_member_change", args=[adjustment.member_id]))


class OffersTheUsual(ProgramModelAdmin):
    """A list that, while it is empty, offers to set up the usual reasons and limits."""

    list_before_template = "admin/members/adjustment/offer.html"

    def get_urls(self) -> list[URLPattern]:
        usual = self.admin_site.admin_view(require_POST(self.usual_view))
        name = f"{self.opts.app_label}_{self.opts.model_name}_usual"
        return [path("usual/", usual, name=name), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        offers = self.has_add_permission(request) and not self.get_queryset(request).exists()
        usual = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_usual") if offers else ""
        return super().changelist_view(request, {"usual": usual, **(extra_context or {})})

    def usual_view(self, request: HttpRequest) -> HttpResponse:
        program = program_of(request)
        if program is None or not self.has_add_permission(request):
            raise PermissionDenied
        reasons.set_up_usual(program)
        messages.success(request, _now("The usual reasons and limits are set up: change them as you like."))
        listing = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return HttpResponseRedirect(listing)


@admin.register(ReasonCode)
class ReasonCodeAdmin(OffersTheUsual):
    list_display = ("label", "shown_direction", "counts_towards_tiers", "cost_centre", "is_active")
    sortable_by = ()
    ordering = ("-is_active", "label", "pk")
    search_fields = ("label__istartswith", "key")
    search_help_text = _("Beginning of the label, or key")
    prepopulated_fields = {"key": ("label",)}
    fieldsets = (
        (None, {"fields": ("label", "key", "direction", "is_active")}),
        (_("What follows"), {"fields": ("counts_towards_tiers", "cost_centre")}),
        (
            _("Expiry"),
            {
                "fields": ("expiry_rule", "expires_after", "expires_on_date"),
                "description": _("Of points that are given for this reason from now on."),
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: ReasonCode | None = None) -> tuple[str, ...]:
        """Partners know the reason by its key."""
        return ("key",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: ReasonCode | None = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    @display(description=_("direction"), label={"add": "success", "remove": "danger", "both": "info"})
    def shown_direction(self, reason: ReasonCode) -> tuple[str, str]:
        return reason.direction, reason.get_direction_display()


@admin.register(AdjustmentLimit)
class AdjustmentLimitAdmin(OffersTheUsual):
    list_display = ("shown_role", "once", "day")
    sortable_by = ()
    ordering = ("role", "pk")
    fields = ("role", "points_per_adjustment", "points_per_day")

    def get_readonly_fields(
        self, request: HttpRequest, obj: AdjustmentLimit | None = None
    ) -> tuple[str, ...]:
        return ("role",) if obj else ()

    @display(description=_("role"))
    def shown_role(self, limit: AdjustmentLimit) -> str:
        return limit.get_role_display()

    @display(description=_("points per adjustment"))
    def once(self, limit: AdjustmentLimit) -> str:
        return f"{limit.points_per_adjustment:,}"

    @display(description=_("points per person and day"))
    def day(self, limit: AdjustmentLimit) -> str:
        return f"{limit.points_per_day:,}"
