"""Points that are reserved at a checkout: whose they are, until when, and how each hold ended."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from loyalty.core import audit, clock
from loyalty.core.admin import program_of, user_of
from loyalty.core.errors import DomainError
from members import holds
from members.admin.facts import OfMemberAdmin
from members.models import Hold, HoldStatus, Member

SHOWN_ON_MEMBER_PAGE = 10
STATUS_LABELS = {
    HoldStatus.HELD: "info",
    HoldStatus.SETTLED: "success",
    HoldStatus.RELEASED: "warning",
    HoldStatus.EXPIRED: "danger",
}


def holds_panel(request: HttpRequest, member: Member) -> tuple[str, dict[str, Any]]:
    """The open holds of a member, for the page about them: those that end first at the top."""
    found = Hold.objects.open().filter(member=member).select_related("wallet__type")
    return "admin/members/hold/panel.html", {
        "holds": list(found.order_by("expires_at", "pk")[:SHOWN_ON_MEMBER_PAGE]),
        "now": clock.now(program) if (program := program_of(request)) else None,
        "may_release": request.user.has_perm("members.release_hold"),
    }


@admin.register(Hold)
class HoldAdmin(OfMemberAdmin):
    """Holds, newest first; the open ones by when they end."""

    list_display = (
        "placed_at",
        "member_link",
        "shown_points",
        "shown_status",
        "expires_at",
        "paid",
        "source",
    )
    list_filter = (("status", ChoicesDropdownFilter),)
    list_select_related = ("member", "program", "wallet__type")
    search_fields = ("paid_external_id",)
    sortable_by = ()
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("member_link", "shown_points", "state", "shown_settled", "source")}),
        (_("Time"), {"fields": ("placed_at", "expires_at", "closed_at")}),
        (_("Purchase"), {"fields": ("paid_external_id", "shown_lines", "shown_restored")}),
    )
    readonly_fields = (
        "member_link",
        "shown_points",
        "state",
        "shown_settled",
        "shown_lines",
        "shown_restored",
    )
    change_form_template = "admin/members/hold/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        release = self.admin_site.admin_view(require_POST(self.release_view))
        return [path("<uuid:hold_id>/release/", release, name="members_hold_release"), *super().get_urls()]

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Few are open among very many; they are found by their end."""
        if request.GET.get("status__exact") == HoldStatus.HELD:
            return ("expires_at", "pk")
        return self.ordering

    def has_release_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("members.release_hold")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        may = {"may_release": self.has_release_permission(request)}
        return super().change_view(request, object_id, form_url, {**may, **(extra_context or {})})

    def release_view(self, request: HttpRequest, hold_id: str) -> HttpResponse:
        """Give the points free before their time, as when a checkout was left and the member waits."""
        hold = self.get_object(request, str(hold_id))
        if hold is None:
            raise Http404(_now("There is no such hold in this program."))
        if not self.has_release_permission(request):
            raise PermissionDenied
        try:
            holds.release(
                hold.pk,
                program=hold.program,
                source="",
                actor=user_of(request).actor,
                at=clock.now(hold.program),
            )
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        else:
            audit.note(hold, by=user_of(request), text=_now("The points were given free."))
            messages.success(
                request, _now("%(points)s points are free again.") % {"points": f"{hold.points:,}"}
            )
        return HttpResponseRedirect(reverse("admin:members_member_change", args=[hold.member_id]))

    @display(description=_("held"))
    def shown_points(self, hold: Hold) -> str:
        return f"{hold.points:,} {hold.wallet.type}"

    @display(description=_("status"), label=STATUS_LABELS)
    def shown_status(self, hold: Hold) -> tuple[str, str]:
        if hold.status == HoldStatus.HELD and hold.expires_at <= clock.now(hold.program):
            return HoldStatus.EXPIRED, str(_("Time is over"))
        return hold.status, hold.get_status_display()

    @display(description=_("status"))
    def state(self, hold: Hold) -> str:
        return self.shown_status(hold)[1]

    @display(description=_("spent"))
    def shown_settled(self, hold: Hold) -> str:
        return f"{hold.settled:,}"

    @display(description=_("paid for"))
    def paid(self, hold: Hold) -> str:
        if hold.status != HoldStatus.SETTLED:
            return ""
        spent = _now("%(points)s points") % {"points": f"{hold.settled:,}"}
        return f"{spent} · {hold.paid_external_id}" if hold.paid_external_id else spent

    @display(description=_("points by line"))
    def shown_lines(self, hold: Hold) -> str:
        return ", ".join(f"{line}: {points:,}" for line, points in hold.paid_lines.items())

    @display(description=_("given back by returns"))
    def shown_restored(self, hold: Hold) -> str:
        return f"{hold.restored:,}"
