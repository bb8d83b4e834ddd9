"""Closing months: what will be frozen, what was, and whether it still comes to the same."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from loyalty.core import clock
from loyalty.core.admin import program_page, user_of
from loyalty.core.errors import DomainError
from loyalty.core.models import Approval, Program
from members.admin.finance import estimating, frame
from members.finance import closing, proposals
from members.finance.liability import rounded
from members.models import PeriodLock


@program_page(frame.FINANCE)
def show(request: HttpRequest, program: Program) -> HttpResponseBase:
    months = closing.next_months(program, at=clock.now(program))
    chosen = _chosen(request.GET.get("through", ""), months)
    newest = closing.newest(program)
    since = newest.through_date if newest else None
    locks = _locks(program)
    context = {
        "title": _("Closed periods"),
        "months": months,
        "chosen": chosen,
        "preview": _told(closing.preview(program, through=chosen, since=since)) if chosen else None,
        "newest": newest,
        "locks": locks,
        "waiting": estimating.waiting(request, program, proposals.REOPENING),
        "may_close": request.user.has_perm("members.close_period"),
    }
    return frame.render(request, "closing.html", context)


def _chosen(text: str, months: list[date]) -> date | None:
    return next((month for month in months if str(month) == text), None)


def _locks(program: Program) -> list[tuple[PeriodLock, list[Any], str]]:
    """The locks, newest first, what each froze, and why it was reopened."""
    locks = list(
        PeriodLock.objects.filter(program=program)
        .select_related("closed_by", "reopened_by", "reopening_asked_by")
        .order_by("-through_date", "-closed_at")
    )
    reasons = {
        one.pk: one.note for one in Approval.objects.filter(pk__in=[lock.reopening_id for lock in locks])
    }
    return [
        (
            lock,
            _told(lock.figures) if lock.figures else [],
            reasons.get(lock.reopening_id, "") if lock.reopening_id else "",
        )
        for lock in locks
    ]


def _told(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """A kind of points in each row: what it closes with."""
    rows = []
    for key in sorted({*figures["liability"], *figures["movements"]}):
        owed = figures["liability"].get(key, {"points": 0, "gross": "0", "amount": "0"})
        months = list(figures["movements"].get(key, {}).items())
        opening = months[0][1]["opening"][0] if months else 0
        money = {name: rounded(Decimal(owed[name])) for name in ("gross", "amount")}
        rows.append(
            {"kind": key, "opening": opening, "months": len(months), "points": owed["points"], **money}
        )
    return rows


@require_POST
@program_page("members.close_period")
def close(request: HttpRequest, program: Program) -> HttpResponseBase:
    now = clock.now(program)
    through = _chosen(request.POST.get("through", ""), closing.next_months(program, at=now))
    if through is None:
        messages.error(request, _("This month is closed already, or is not over. Nothing was changed."))
        return HttpResponseRedirect(reverse("finance_closing"))
    try:
        closing.close(program, through=through, by=user_of(request), at=now)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, _("Closed through %(day)s.") % {"day": date_format(through)})
    return HttpResponseRedirect(reverse("finance_closing"))


@require_POST
@program_page(frame.FINANCE)
def verify(request: HttpRequest, program: Program, lock_id: UUID) -> HttpResponseBase:
    """Count a closed period again, and say whether it comes to what was frozen."""
    lock = _lock(program, lock_id)
    if not lock.figures:
        return _freeze(request, lock)
    differences = closing.check(lock)
    context = {"title": _("Counted again"), "lock": lock, "differences": differences}
    return frame.render(request, "check.html", context)


def _freeze(request: HttpRequest, lock: PeriodLock) -> HttpResponseBase:
    try:
        closing.freeze(lock)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, _("The figures were counted and frozen."))
    return HttpResponseRedirect(reverse("finance_closing"))


@require_POST
@program_page("members.close_period")
def reopen(request: HttpRequest, program: Program, lock_id: UUID) -> HttpResponseBase:
    """Ask for a period to be opened again; a second person decides."""
    reason = forms.CharField(max_length=1000, required=False).clean(request.POST.get("reason", "")[:1000])
    try:
        proposals.propose_reopening(
            _lock(program, lock_id), reason=reason, by=user_of(request), at=clock.now(program)
        )
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, _("Asked for. It is reopened once somebody else approves."))
    return HttpResponseRedirect(reverse("finance_closing"))


def _lock(program: Program, lock_id: UUID) -> PeriodLock:
    lock = PeriodLock.objects.filter(program=program, pk=lock_id).first()
    if lock is None:
        raise Http404
    return lock
