"""Whether the books are in order: what each check found, and a button for one more."""

import re
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from loyalty.core.admin import FactAdmin, program_of, user_of
from loyalty.core.admin.base import render
from members.models import CheckStatus, LedgerCheck
from rewards import tasks
from rewards.books import checking

NEWEST_SHOWN: Final = 30
LABELS: Final = {
    CheckStatus.WAITING: "info",
    CheckStatus.RUNNING: "info",
    CheckStatus.IN_ORDER: "success",
    CheckStatus.FAULTS: "danger",
    CheckStatus.FAILED: "warning",
}
# What a fault names, and the page that shows it.
_PAGES: Final = {
    "entry": "members_entry_change",
    "activity": "rewards_activity_change",
    "redemption": "rewards_redemption_change",
    "tier of member": "members_member_change",
}
_NAMED: Final = re.compile(r"(.+) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


@admin.register(LedgerCheck)
class LedgerCheckAdmin(FactAdmin):
    """The checks of the program's books, newest first."""

    def get_urls(self) -> list[URLPattern]:
        run = self.admin_site.admin_view(self.run_view)
        return [path("run/", run, name="members_ledgercheck_run"), *super().get_urls()]

    def may_run(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("members.run_ledgercheck"))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        program = program_of(request)
        checks = LedgerCheck.objects.shown_in(program) if program else LedgerCheck.objects.none()
        shown = [_shown(check) for check in checks.order_by("-pk")[:NEWEST_SHOWN]]
        own = [one for one in shown if one["check"].program_id]
        context = {
            "title": _("Ledger checks"),
            "checks": shown,
            "newest": next((one for one in own if not one["check"].is_under_way), None),
            "under_way": next((one for one in own if one["check"].is_under_way), None),
            "may_run": self.may_run(request) and program is not None,
        }
        return render(request, self, "admin/members/ledgercheck/list.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        program = program_of(request)
        if not self.has_view_permission(request):
            raise PermissionDenied
        check = _found(object_id, LedgerCheck.objects.shown_in(program)) if program else None
        if check is None:
            raise Http404(_("There is no such check in this program."))
        context = {
            "title": _("Ledger check"),
            "original": check,
            **_shown(check),
            "faults": [_fault(fault) for fault in check.faults],
            "more": check.fault_count - len(check.faults),
            "may_run": self.may_run(request) and check.program_id is not None,
        }
        return render(request, self, "admin/members/ledgercheck/page.html", context)

    def run_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a check now; the worker carries it out."""
        program = program_of(request)
        if request.method != "POST" or program is None or not self.may_run(request):
            raise PermissionDenied
        check, is_new = checking.ask(program, actor=user_of(request).actor)
        if is_new:
            tasks.check_ledger.delay(check_id=str(check.pk))
        else:
            messages.info(request, _("A check is under way already: this one."))
        return HttpResponseRedirect(reverse("admin:members_ledgercheck_change", args=[check.pk]))


def _found(object_id: str, checks: Any) -> LedgerCheck | None:
    try:
        return checks.select_related("program").filter(pk=UUID(object_id)).first()
    except ValueError:
        return None


def _shown(check: LedgerCheck) -> dict[str, Any]:
    progress = checking.progress_of(check) if check.status == CheckStatus.RUNNING else None
    return {
        "check": check,
        "label": LABELS[CheckStatus(check.status)],
        "progress": progress,
        "percent": progress.members * 100 // max(progress.of_members, 1) if progress else 0,
        "rate": round(check.rows / check.seconds) if check.seconds else None,
    }


def _fault(fault: dict[str, str]) -> dict[str, str]:
    """A fault with the page of the row that it names, where there is one."""
    named = _NAMED.fullmatch(fault["row"])
    page = _PAGES.get(named[1]) if named else None
    if named and named[1] == "wallet":
        return {**fault, "page": f"{reverse('admin:members_entry_changelist')}?wallet__id__exact={named[2]}"}
    return {**fault, "page": reverse(f"admin:{page}", args=[named[2]]) if named and page else ""}
