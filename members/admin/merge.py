"""Merges: finding the duplicate, seeing side by side what would happen, doing it, and the undo."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import OuterRef
from django.db.models.functions import JSONObject
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from loyalty.core import audit, clock
from loyalty.core.admin import render, user_of
from loyalty.core.errors import DomainError
from members import comparing, merging, terms, unmerging
from members.admin import choosing
from members.admin.facts import BetweenMembersAdmin, link_to
from members.models import Entry, Identifier, Member, Merge

SHOWN_ON_MEMBER_PAGE: Final = 10


def newest_merges() -> ArraySubquery:
    """The newest of what was merged into a member, in the query of the member; for `merges_panel()`."""
    found = Merge.objects.filter(survivor=OuterRef("pk")).order_by("-pk")
    told = JSONObject(
        id="pk",
        merged_at="merged_at",
        undone_at="undone_at",
        duplicate_id="duplicate",
        first_name="duplicate__first_name",
        last_name="duplicate__last_name",
    )
    return ArraySubquery(found.values(json=told)[:SHOWN_ON_MEMBER_PAGE])


def merges_panel(request: HttpRequest, member: Member) -> tuple[str, dict[str, Any]]:
    """The records that went into a member's, for the page about them; nothing without any."""
    found = member.newest_merges  # type: ignore[attr-defined]  # annotated
    return "admin/members/member/merges_panel.html", {"merges": [_merge_of(one) for one in found]}


def _merge_of(told: dict[str, Any]) -> Merge:
    names = {name: told[name] for name in ("first_name", "last_name")}
    return Merge(
        id=UUID(told["id"]),
        duplicate=Member(id=UUID(told["duplicate_id"]), **names),
        merged_at=datetime.fromisoformat(told["merged_at"]),
        undone_at=datetime.fromisoformat(told["undone_at"]) if told["undone_at"] else None,
    )


def merge_page(page: ModelAdmin, request: HttpRequest, member: Member) -> HttpResponse:
    """Find the duplicate, then look at both and confirm."""
    if not request.user.has_perm("members.add_merge"):
        raise PermissionDenied
    duplicate = choosing.chosen(request)
    refusal = ""
    if request.method == "POST" and duplicate is not None:
        try:
            return _merge(request, member, duplicate)
        except DomainError as refused:
            if done := Merge.objects.filter(survivor=member, duplicate=duplicate, undone_at=None).first():
                # The button was pressed twice: what is asked for is done.
                return HttpResponseRedirect(reverse("admin:members_merge_change", args=[done.pk]))
            refusal = refused.detail
    context = {
        "title": _now("Merge a duplicate into %(member)s") % {"member": member},
        "original": member,
        "member": member,
        "duplicate": duplicate,
        "refusal": refusal,
        "choice": choosing.asked(request, without=[member.pk]),
        "alike": comparing.look_alikes(member) if duplicate is None else [],
        "preview": _preview(member, duplicate) if duplicate else None,
    }
    return render(request, page, "admin/members/member/merge.html", context)


def _preview(member: Member, duplicate: Member) -> comparing.Preview:
    return comparing.preview(survivor=member, duplicate=duplicate, at=clock.now(member.program))


def _merge(request: HttpRequest, member: Member, duplicate: Member) -> HttpResponse:
    done = merging.merge(
        survivor=member,
        duplicate=duplicate,
        actor=user_of(request).actor,
        at=clock.now(member.program),
    )
    for one in (member, duplicate):
        text = _now("%(duplicate)s was merged into %(survivor)s.")
        audit.note(one, by=user_of(request), text=text % {"duplicate": duplicate.pk, "survivor": member.pk})
    messages.success(request, _now("The two records are one now."))
    return HttpResponseRedirect(reverse("admin:members_merge_change", args=[done.pk]))


@admin.register(Merge)
class MergeAdmin(BetweenMembersAdmin):
    """Records of one person that became one, newest first."""

    list_display = ("merged_at", "into_member", "from_member", "shown_points", "shown_state")
    list_select_related = ("survivor", "duplicate")
    search_fields = ("survivor",)
    sides = ("survivor", "duplicate")
    is_unknown = _("There is no such merge in this program.")

    def get_urls(self) -> list[URLPattern]:
        undo = self.admin_site.admin_view(self.undo_view)
        return [path("<path:object_id>/undo/", undo, name="members_merge_undo"), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self._page(request, self.found(request, object_id))

    def _page(self, request: HttpRequest, merge: Merge, refusal: str = "") -> HttpResponse:
        moved = merge.moved["identifiers"]
        names = {kind.key: kind.name for kind in terms.of(merge.program).wallet_types.values()}
        context = {
            "title": _now("%(duplicate)s was merged into %(survivor)s")
            % {"duplicate": merge.duplicate, "survivor": merge.survivor},
            "original": merge,
            "merge": merge,
            "refusal": refusal,
            "identifiers": Identifier.objects.filter(pk__in=moved).order_by("kind", "value"),
            "wallets": [(names.get(key, key), one) for key, one in merge.moved["wallets"].items()],
            "entries": _entries(merge),
            "progress": sum(one["added"] for one in merge.moved["tiers"]),
            "may_undo": merge.undone_at is None and request.user.has_perm("members.undo_merge"),
        }
        return render(request, self, "admin/members/merge/page.html", context)

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not request.user.has_perm("members.undo_merge"):
            raise PermissionDenied
        merge = self.found(request, object_id)
        here = HttpResponseRedirect(reverse("admin:members_merge_change", args=[merge.pk]))
        if request.method != "POST" or merge.undone_at is not None:
            return here
        try:
            unmerging.undo(merge, actor=user_of(request).actor, at=clock.now(merge.program))
        except DomainError as refusal:
            return self._page(request, merge, refusal.detail)
        for one in (merge.survivor, merge.duplicate):
            audit.note(one, by=user_of(request), text=_now("The merge was undone."))
        messages.success(request, _now("They are two members again."))
        return here

    @display(description=_("stays"))
    def into_member(self, merge: Merge) -> SafeString:
        return link_to(merge.survivor)

    @display(description=_("duplicate"))
    def from_member(self, merge: Merge) -> SafeString:
        return link_to(merge.duplicate)

    @display(description=_("points that moved"))
    def shown_points(self, merge: Merge) -> str:
        return f"{sum(one['points'] for one in merge.moved['wallets'].values()):,}"

    @display(description=_("state"), label={"made": "success", "undone": "warning"})
    def shown_state(self, merge: Merge) -> tuple[str, str]:
        return ("undone", str(_("Undone"))) if merge.undone_at else ("made", str(_("Merged")))


def _entries(merge: Merge) -> models.QuerySet[Entry]:
    """All lines of both statements that the merge and its undo wrote."""
    beginning = f"merge:{merge.pk}:"
    return (
        Entry.objects.filter(program=merge.program, cause__gte=beginning, cause__lt=f"merge:{merge.pk};")
        .select_related("member", "wallet__type")
        .order_by("pk")
    )
