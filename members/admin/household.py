"""Households on the pages about members: who shares with whom, and the page where support changes that."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef
from django.db.models.functions import JSONObject
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from loyalty.core import audit, clock
from loyalty.core.admin import render, user_of
from loyalty.core.errors import DomainError, InvalidInput
from members import households
from members.admin import choosing
from members.models import HouseholdMember, Member, Wallet

LONGEST_NAME: Final = 100


def household_panel(request: HttpRequest, member: Member) -> tuple[str, dict[str, Any]]:
    """The household of a member, for the page about them; nothing without one."""
    return "admin/members/member/household_panel.html", {"places": _places(member)}


def _places(member: Member) -> list[HouseholdMember]:
    """With what each has to spend, as `points` of the place; in one query."""
    wallets = Wallet.objects.filter(member=OuterRef("member_id"), type__is_spendable=True)
    told = wallets.order_by("type__name", "pk").values(
        json=JSONObject(type="type__name", available="available")
    )
    places = HouseholdMember.objects.beside(member).select_related("member", "household")
    return list(places.annotate(points=ArraySubquery(told)))


def household_page(page: ModelAdmin, request: HttpRequest, member: Member) -> HttpResponse:
    """See and change a household: found it, take members in and out, who leads and who shares."""
    may_change = request.user.has_perm("members.change_household")
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        _change(request, member)
        return HttpResponseRedirect(reverse("admin:members_member_household", args=[member.pk]))
    places = _places(member)
    context = {
        "title": _("Household of %(member)s") % {"member": member},
        "original": member,
        "member": member,
        "household": places[0].household if places else None,
        "places": places,
        "pools": households.pooled(member, at=clock.now(member.program)) if places else [],
        "limit": member.program.household_size,
        "choice": choosing.asked(request, without=[place.member_id for place in places] or [member.pk]),
        "may_change": may_change,
    }
    return render(request, page, "admin/members/member/household.html", context)


def _change(request: HttpRequest, member: Member) -> None:
    """Do what the pressed button says; a refusal is told on the page."""
    do = _STEPS.get(request.POST.get("do", ""))
    try:
        if do is None:
            raise InvalidInput(_("There is no such step."))
        other = choosing.chosen(request) or member
        if other != member and request.POST["do"] != "add":
            _check_beside(member, other)
        said = do(request, member, other)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        return
    audit.note(other, by=user_of(request), text=said)
    messages.success(request, said)


def _check_beside(member: Member, other: Member) -> None:
    """:raises members.households.NotInHousehold: if the other is not in the household of the page"""
    if not HouseholdMember.objects.beside(member).filter(member=other).exists():
        raise households.NotInHousehold(_("%(member)s is not in this household.") % {"member": other})


def _how(request: HttpRequest, member: Member) -> dict[str, Any]:
    return {"actor": user_of(request).actor, "at": clock.now(member.program)}


def _found(request: HttpRequest, member: Member, other: Member) -> str:
    name = request.POST.get("name", "").strip()
    if len(name) > LONGEST_NAME:
        raise InvalidInput(_("A name has up to %(number)s characters.") % {"number": LONGEST_NAME})
    households.found(head=member, name=name, **_how(request, member))
    return _("%(member)s has a household now.") % {"member": member}


def _add(request: HttpRequest, member: Member, other: Member) -> str:
    household = households.place_of(member).household
    households.join(household, member=other, **_how(request, member))
    return _("%(member)s is in the household now.") % {"member": other}


def _remove(request: HttpRequest, member: Member, other: Member) -> str:
    households.leave(other, **_how(request, member))
    return _("%(member)s is no longer in the household.") % {"member": other}


def _lead(request: HttpRequest, member: Member, other: Member) -> str:
    households.lead(other)
    return _("%(member)s is the head of the household now.") % {"member": other}


def _share(request: HttpRequest, member: Member, other: Member) -> str:
    households.share(other, shares_points=True)
    return _("The household may redeem with the points of %(member)s.") % {"member": other}


def _keep(request: HttpRequest, member: Member, other: Member) -> str:
    households.share(other, shares_points=False)
    return _("%(member)s keeps their points to themselves.") % {"member": other}


def _dissolve(request: HttpRequest, member: Member, other: Member) -> str:
    households.dissolve(households.place_of(member).household, **_how(request, member))
    return _("The household is dissolved. Everybody keeps their points.")


_STEPS: Final[dict[str, Callable[[HttpRequest, Member, Member], str]]] = {
    "found": _found,
    "add": _add,
    "remove": _remove,
    "lead": _lead,
    "share": _share,
    "keep": _keep,
    "dissolve": _dissolve,
}
