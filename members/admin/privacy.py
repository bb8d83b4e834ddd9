"""What a person may ask of the program: a copy of all that is known about them, and to be forgotten."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldBooleanWidget

from loyalty.core import audit, clock
from loyalty.core.admin import render, user_of
from loyalty.core.api import rendering
from loyalty.core.errors import DomainError
from members import dossier, privacy, profile
from members.models import Member


class EraseForm(forms.Form):
    is_sure = forms.BooleanField(
        label=_("This person has asked to be forgotten, and I know that it cannot be undone."),
        widget=UnfoldBooleanWidget,
    )


def export_page(page: ModelAdmin, request: HttpRequest, member: Member) -> HttpResponse:
    """All that is known about the member as a file; that it was handed out is noted."""
    if not request.user.has_perm("members.export_member"):
        raise PermissionDenied
    try:
        told = dossier.of(member, at=clock.now(member.program))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        return _back(member)
    audit.note(member, by=user_of(request), text=_now("All data about the member was exported."))
    headers = {"Content-Disposition": f'attachment; filename="member-{member.pk}.json"'}
    return HttpResponse(rendering.dumps(told), content_type="application/json", headers=headers)


def erase_page(page: ModelAdmin, request: HttpRequest, member: Member) -> HttpResponse:
    """Say what goes and what stays, ask once more, and forget the member."""
    if not request.user.has_perm("members.erase_member"):
        raise PermissionDenied
    form = EraseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _erase(request, member)
    context = {
        "title": _now("Erase %(member)s") % {"member": member},
        "original": member,
        "member": member,
        "form": form,
        "holdings": profile.holdings(member),
        "identifiers": profile.identifiers(member),
        "record_count": len(privacy.records(member)),
    }
    return render(request, page, "admin/members/member/erase.html", context)


def _erase(request: HttpRequest, member: Member) -> HttpResponse:
    try:
        privacy.erase(member, actor=user_of(request).actor, at=clock.now(member.program))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        member.refresh_from_db()
        audit.note(member, by=user_of(request), text=_now("The member was erased."))
        messages.success(request, _now("The member was erased: nobody can tell any more who it was."))
    return _back(member)


def _back(member: Member) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:members_member_change", args=[member.pk]))
