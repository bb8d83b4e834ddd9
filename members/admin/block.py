"""Blocking a member and ending it, and what there was of it, on the page about them."""

from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef
from django.db.models.functions import JSONObject
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from loyalty.core import clock
from loyalty.core.admin import render, user_of
from loyalty.core.errors import DomainError
from members import blocking
from members.models import Block, BlockReason, Member, MemberStatus

SHOWN_ON_MEMBER_PAGE: Final = 5
_SHOWN: Final = ("reason", "note", "actor", "blocked_at", "lifted_at", "lifted_by", "lift_note")


def newest_blocks() -> ArraySubquery:
    """The newest blocks of a member, in the query of the member; for `blocks_panel()`."""
    found = Block.objects.filter(member=OuterRef("pk")).order_by("-pk")
    return ArraySubquery(
        found.values(json=JSONObject(**{name: name for name in _SHOWN}))[:SHOWN_ON_MEMBER_PAGE]
    )


def blocks_panel(request: HttpRequest, member: Member) -> tuple[str, dict[str, Any]]:
    """The newest blocks of a member, for the page about them; nothing without any."""
    return "admin/members/member/blocks_panel.html", {
        "blocks": [Block(**one | _moments(one)) for one in member.newest_blocks]  # type: ignore[attr-defined]  # annotated
    }


def _moments(told: dict[str, Any]) -> dict[str, datetime]:
    """JSON knows no moments."""
    return {name: datetime.fromisoformat(told[name]) for name in ("blocked_at", "lifted_at") if told[name]}


class BlockForm(forms.Form):
    """Why; to end a block, only a note."""

    reason = forms.ChoiceField(label=_("Reason"), choices=BlockReason.choices, widget=UnfoldAdminSelectWidget)
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=blocking.NOTE_MAX,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, is_ending: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_ending:
            del self.fields["reason"]


def block_page(page: ModelAdmin, request: HttpRequest, member: Member) -> HttpResponse:
    """Block the member for a reason, or end the block that there is."""
    if not request.user.has_perm("members.block_member"):
        raise PermissionDenied
    is_ending = member.status == MemberStatus.BLOCKED
    form = BlockForm(request.POST or None, is_ending=is_ending)
    if request.method == "POST" and form.is_valid():
        return _done(request, member, form.cleaned_data, is_ending=is_ending)
    title = _now("End the block of %(member)s") if is_ending else _now("Block %(member)s")
    context = {
        "title": title % {"member": member},
        "original": member,
        "member": member,
        "form": form,
        "is_ending": is_ending,
    }
    return render(request, page, "admin/members/member/block.html", context)


def _done(request: HttpRequest, member: Member, said: dict[str, Any], *, is_ending: bool) -> HttpResponse:
    do = blocking.lift if is_ending else blocking.block
    try:
        do(member, **said, actor=user_of(request).actor, at=clock.now(member.program))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        text = _now("The block is over.") if is_ending else _now("The member is blocked.")
        messages.success(request, text)
    return HttpResponseRedirect(reverse("admin:members_member_change", args=[member.pk]))
