"""What the page about a member offers to those who may adjust points."""

from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render as fragment
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from loyalty.core.admin import program_of, render, user_of
from loyalty.core.models import Program
from members import profile
from members.adjustments import MAY_ADJUST, Adjusted, Requested
from members.admin.adjust_form import AdjustForm
from members.models import Member


def adjustments_panel(request: HttpRequest, member: Member) -> tuple[str, dict[str, Any]]:
    """The newest adjustments of a member, for the page about them."""
    return "admin/members/adjustment/panel.html", {
        "adjustments": profile.adjustments(member),
        "may_adjust": request.user.has_perm(MAY_ADJUST),
    }


class AdjustsPoints:
    """A member's admin page that has a form to adjust their points."""

    def get_urls(self) -> list[URLPattern]:
        view = cast(Any, self).admin_site.admin_view
        return [
            path("<uuid:member_id>/adjust/", view(self.adjust_view), name="members_member_adjust"),
            path(
                "<uuid:member_id>/adjust/outlook/",
                view(require_POST(self.outlook_view)),
                name="members_member_outlook",
            ),
            *super().get_urls(),  # type: ignore[misc]  # of the admin that this is mixed into
        ]

    def adjust_view(self, request: HttpRequest, member_id: Any) -> HttpResponse:
        member, program = self._place(request, member_id)
        form = AdjustForm(request.POST or None, program=program, member=member)
        if form.is_valid() and (result := form.save(by=user_of(request))):
            _tell(request, result)
            return HttpResponseRedirect(reverse("admin:members_member_change", args=[member.pk]))
        context = {
            "title": _now("Adjust points of %(member)s") % {"member": member},
            "original": member,
            "member": member,
            "holdings": profile.holdings(member),
            "form": form,
            "has_reasons": bool(form.reasons),
            **self._outlook(request, form),
        }
        return render(request, cast(Any, self), "admin/members/adjustment/form.html", context)

    def outlook_view(self, request: HttpRequest, member_id: Any) -> HttpResponse:
        """What would come of the form as it is filled in now; asked for while somebody types."""
        member, program = self._place(request, member_id)
        form = AdjustForm(request.POST, program=program, member=member)
        context = {"form": form, **self._outlook(request, form)}
        return fragment(request, "admin/members/adjustment/outlook.html", context)

    def _outlook(self, request: HttpRequest, form: AdjustForm) -> dict[str, Any]:
        if not form.is_bound or not form.is_valid():
            # What is not filled in yet is no mistake of somebody who is still typing.
            return {"outlook": None, "refusals": []}
        outlook = form.outlook(by=user_of(request))
        refusals = [error for errors in form.errors.values() for error in errors]
        return {"outlook": outlook, "refusals": refusals, "kind": _kind(form)}

    def _place(self, request: HttpRequest, member_id: Any) -> tuple[Member, Program]:
        """
        :raises PermissionDenied: without the permission to adjust
        :raises Http404: if the program has no such member
        """
        program = program_of(request)
        if program is None or not request.user.has_perm(MAY_ADJUST):
            raise PermissionDenied
        member = Member.objects.of(program).filter(pk=member_id).first()
        if member is None:
            raise Http404(_now("There is no such member in this program."))
        return member, program


def _kind(form: AdjustForm) -> str:
    choices = dict(form.fields["wallet_type"].choices)  # type: ignore[attr-defined]
    return str(choices[form.cleaned_data["wallet_type"]])


def _tell(request: HttpRequest, result: Adjusted | Requested) -> None:
    points = abs(result.points)
    shown = {"points": f"{points:,}"}
    if isinstance(result, Requested):
        messages.warning(
            request,
            _now("This waits for a second person: see Approvals. Nothing has changed yet. %(because)s")
            % {"because": result.because},
        )
        return
    said = (
        ngettext("%(points)s point given.", "%(points)s points given.", points)
        if result.points > 0
        else ngettext("%(points)s point taken away.", "%(points)s points taken away.", points)
    )
    balance = _now("The balance is %(balance)s now.") % {"balance": f"{result.balance:,}"}
    messages.success(request, f"{said % shown} {balance}")
