"""Segments: the list, the page on which one is described, and who is in it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from loyalty.core import clock
from loyalty.core.admin import ProgramModelAdmin, moments, program_of, render
from members.models import Segment, SegmentKind
from rewards import segmenting
from rewards.admin.segment import described
from rewards.admin.segment.filters import UseFilter
from rewards.admin.segment.form import SegmentForm
from rewards.admin.segment.list_form import ListForm
from rewards.tasks import refresh_segment


@admin.register(Segment)
class SegmentAdmin(ProgramModelAdmin):
    list_display = ("shown_name", "shown_kind", "shown_members", "shown_refreshed")
    list_filter = (("kind", ChoicesDropdownFilter), UseFilter)
    search_fields = ("name__istartswith", "key")
    search_help_text = _("Beginning of the name, or key")
    sortable_by = ()
    ordering = ("name", "pk")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = "<uuid:segment_id>"
        return [
            path("live/", view(require_POST(self.live_view)), name="members_segment_live"),
            path(f"{own}/members/", view(self.members_view), name="members_segment_members"),
            path(f"{own}/list/", view(self.list_view), name="members_segment_list"),
            path(f"{own}/step/<slug:step>/", view(require_POST(self.step_view)), name="members_segment_step"),
            *super().get_urls(),
        ]

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        """Campaigns, old ones too, know it by its key."""
        return False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._page(request, Segment(program=program_of(request)))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        segment = self._segment(request, object_id)
        if request.method == "POST" and not self.has_change_permission(request, segment):
            raise PermissionDenied
        return self._page(request, segment)

    def _segment(self, request: HttpRequest, segment_id: object) -> Segment:
        segment = self.get_object(request, str(segment_id))
        if not isinstance(segment, Segment) or not self.has_view_permission(request, segment):
            raise Http404(_now("There is no such segment in this program."))
        return segment

    def _page(self, request: HttpRequest, segment: Segment) -> HttpResponse:
        is_new = segment._state.adding
        may_change = is_new or self.has_change_permission(request, segment)
        form = self._form(segment)(request.POST or None, instance=segment, may_change=may_change)
        if request.method == "POST" and form.is_valid():
            self._save(request, form)
            return HttpResponseRedirect(reverse("admin:members_segment_change", args=[segment.pk]))
        context = {
            "title": _now("New segment") if is_new else segment.name,
            "segment": segment,
            "form": form,
            "is_new": is_new,
            "is_list": segment.kind == SegmentKind.LIST and not is_new,
            "may_change": may_change,
            "found": described.saved(segment),
        }
        if not is_new:
            context["original"] = segment
        return render(request, self, "admin/rewards/segment/page.html", context)

    def _form(self, segment: Segment) -> type[SegmentForm]:
        return type("Form", (SegmentForm,), {"program": segment.program})

    def _save(self, request: HttpRequest, form: SegmentForm) -> None:
        """Only what the form shows: the number of members is counted by whoever changes them."""
        segment, is_new = form.instance, form.instance._state.adding
        if is_new:
            segment.save()
            self.log_addition(request, segment, [])
        elif form.changed_data:
            fields = list(form.changed_data)
            if "conditions" in fields:
                segment.refreshed_at = None
                fields.append("refreshed_at")
            segment.save(update_fields=fields)
            self.log_change(request, segment, [])
        if segment.kind == SegmentKind.DYNAMIC and (is_new or "conditions" in form.changed_data):
            transaction.on_commit(lambda: refresh_segment.delay(segment_id=str(segment.pk)))
            messages.success(request, _now("Saved. Its members are being found."))
        else:
            messages.success(request, _now("Saved."))

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """How many members the conditions in the form describe, and some of them, as a piece of the page."""
        program = program_of(request)
        if program is None or not self.has_view_permission(request):
            raise PermissionDenied
        key = request.POST.get("key", "")
        segment = Segment.objects.of(program).filter(key=key).first() or Segment(program=program)
        form = self._form(segment)({"name": "?", **request.POST.dict()}, instance=segment)
        context = {"found": described.live(form), "segment": segment}
        return render(request, self, "admin/rewards/segment/found.html", context)

    def members_view(self, request: HttpRequest, segment_id: object) -> HttpResponse:
        """Who is in it, a page at a time, newest members first."""
        segment = self._segment(request, segment_id)
        context = {
            "title": _now("Members of %(segment)s") % {"segment": segment},
            "original": segment,
            "segment": segment,
            **described.members(segment, after=request.GET.get("after", "")),
        }
        return render(request, self, "admin/rewards/segment/members.html", context)

    def list_view(self, request: HttpRequest, segment_id: object) -> HttpResponse:
        """Put members on a list, or take them off it."""
        segment = self._segment(request, segment_id)
        if not self.has_change_permission(request, segment):
            raise PermissionDenied
        if segment.kind != SegmentKind.LIST:
            raise Http404
        form = ListForm(request.POST or None, request.FILES or None, segment=segment)
        if form.is_valid() and form.save():
            self.log_change(request, segment, form.done)
            messages.success(request, form.done)
            return HttpResponseRedirect(reverse("admin:members_segment_change", args=[segment.pk]))
        title = _now("Change the list %(segment)s") % {"segment": segment}
        context = {"title": title, "original": segment, "segment": segment, "form": form}
        return render(request, self, "admin/rewards/segment/list.html", context)

    def step_view(self, request: HttpRequest, segment_id: object, step: str) -> HttpResponse:
        """Refresh, archive, or take up again."""
        segment = self._segment(request, segment_id)
        if not self.has_change_permission(request, segment):
            raise PermissionDenied
        if step == "refresh":
            refresh_segment.delay(segment_id=str(segment.pk))
            messages.success(request, _now("Its members are being found anew."))
        elif step == "archive":
            segmenting.archive(segment, at=clock.now(segment.program))
            messages.success(request, _now("Archived. It keeps the members that it has."))
        elif step == "restore":
            segmenting.restore(segment)
            refresh_segment.delay(segment_id=str(segment.pk))
            messages.success(request, _now("The segment is in use again."))
        else:
            raise Http404
        return HttpResponseRedirect(reverse("admin:members_segment_change", args=[segment.pk]))

    @display(description=_("segment"), header=True)
    def shown_name(self, segment: Segment) -> tuple[str, str]:
        return segment.name, segment.description.partition("\n")[0][:120] or segment.key

    @display(description=_("kind"), label={"dynamic": "info", "list": "primary", "archived": "warning"})
    def shown_kind(self, segment: Segment) -> tuple[str, str]:
        if segment.archived_at:
            return "archived", str(_("Archived"))
        return segment.kind, segment.get_kind_display()

    @display(description=_("members"))
    def shown_members(self, segment: Segment) -> str:
        return f"{segment.member_count:,}"

    @display(description=_("as of"))
    def shown_refreshed(self, segment: Segment) -> str:
        if segment.refreshed_at is None and segment.kind == SegmentKind.DYNAMIC:
            return str(_("being found"))
        return moments.shown(segment.refreshed_at)
