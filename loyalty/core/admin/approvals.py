"""The inbox of what waits for a second person: mine to decide, mine that others decide, and the decided."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _now
from django.views.decorators.http import require_POST

from loyalty.core import approvals, clock
from loyalty.core.admin.base import FactAdmin, program_of, render, user_of
from loyalty.core.approvals import Fact
from loyalty.core.errors import DomainError, NotFound
from loyalty.core.models import Approval, ApprovalStatus, Program, User

SHOWN: Final = 25
WAITING, ASKED, DECIDED = "waiting", "asked", "decided"
STATUS_LABELS: Final = {
    ApprovalStatus.PENDING: "info",
    ApprovalStatus.APPROVED: "success",
    ApprovalStatus.REJECTED: "danger",
    ApprovalStatus.EXPIRED: "warning",
    ApprovalStatus.WITHDRAWN: "",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A fact with the address that it leads to, if any."""

    fact: Fact
    address: str


@dataclass(frozen=True, slots=True)
class Card:
    """A request as a page shows it, with what its reader may do about it."""

    approval: Approval
    lines: list[Line]
    label: str
    is_over: bool
    may_decide: bool
    may_withdraw: bool


def cards(listed: Iterable[Approval], *, user: User, program: Program) -> list[Card]:
    found = list(listed)
    facts = approvals.told(found)
    decides = approvals.kinds_decided_by(user, program=program)
    now = clock.now(program)
    return [
        _card(approval, facts[approval.pk], user, decides=decides, is_over=approval.expires_at <= now)
        for approval in found
    ]


def _card(
    approval: Approval, facts: Iterable[Fact], user: User, *, decides: list[str], is_over: bool
) -> Card:
    waits = approval.status == ApprovalStatus.PENDING and not is_over
    is_own = approval.requested_by_id == user.pk
    return Card(
        approval=approval,
        lines=[Line(fact, _address(fact)) for fact in facts],
        label=STATUS_LABELS[ApprovalStatus(approval.status)],
        is_over=is_over and approval.status == ApprovalStatus.PENDING,
        may_decide=waits and not is_own and approval.kind in decides,
        may_withdraw=waits and is_own,
    )


def _address(fact: Fact) -> str:
    return reverse(f"admin:{fact.page[0]}_change", args=[fact.page[1]]) if fact.page else ""


@admin.register(Approval)
class ApprovalAdmin(FactAdmin):
    """What waits for a second person, told in plain words, with the decision beside it."""

    def get_urls(self) -> list[URLPattern]:
        steps = {
            "approve": self.approve_view,
            "reject": self.reject_view,
            "withdraw": self.withdraw_view,
        }
        return [
            *(
                path(
                    f"<uuid:approval_id>/{name}/",
                    self.admin_site.admin_view(require_POST(view)),
                    name=f"core_approval_{name}",
                )
                for name, view in steps.items()
            ),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Approval]:
        program = program_of(request)
        if program is None:
            return Approval.objects.none()
        seen = approvals.seen_by(user_of(request), program=program)
        return seen.select_related("requested_by", "decided_by")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        show = request.GET.get("show", WAITING)
        listed = self._listed(request, show)[: SHOWN + 1]
        context = {
            "title": _now("Approvals"),
            "show": show if show in (ASKED, DECIDED) else WAITING,
            "cards": self._cards(request, listed[:SHOWN]),
            "older": listed[SHOWN - 1].pk if len(listed) > SHOWN else None,
            "waiting": WAITING,
            "asked": ASKED,
            "decided": DECIDED,
        }
        return render(request, self, "admin/core/approval/inbox.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        approval = self.get_object(request, object_id)
        if approval is None or not self.has_view_permission(request, approval):
            raise Http404(_now("There is no such request in this program."))
        (card,) = self._cards(request, [approval])
        context = {"title": approval.summary, "original": approval, "card": card}
        return render(request, self, "admin/core/approval/page.html", context)

    def approve_view(self, request: HttpRequest, approval_id: UUID) -> HttpResponse:
        note = request.POST.get("note", "")
        return self._step(
            request,
            lambda program, by: approvals.approve(
                approval_id, program=program, by=by, at=clock.now(program), note=note
            ),
            _now("Approved and done: %(summary)s."),
        )

    def reject_view(self, request: HttpRequest, approval_id: UUID) -> HttpResponse:
        note = request.POST.get("note", "")
        return self._step(
            request,
            lambda program, by: approvals.reject(
                approval_id, program=program, by=by, at=clock.now(program), note=note
            ),
            _now("Rejected: %(summary)s."),
        )

    def withdraw_view(self, request: HttpRequest, approval_id: UUID) -> HttpResponse:
        return self._step(
            request,
            lambda program, by: approvals.withdraw(
                approval_id, program=program, by=by, at=clock.now(program)
            ),
            _now("Withdrawn: %(summary)s."),
        )

    def _step(
        self, request: HttpRequest, step: Callable[[Program, User], Approval], done: str
    ) -> HttpResponse:
        program = program_of(request)
        if program is None or not self.has_view_permission(request):
            raise PermissionDenied
        try:
            approval = step(program, user_of(request))
        except NotFound as refusal:
            raise Http404(refusal.detail) from refusal
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, done % {"summary": approval.summary})
        return HttpResponseRedirect(_back(request))

    def _listed(self, request: HttpRequest, show: str) -> list[Approval]:
        """A page more than is shown; what waits longest comes first, else the newest."""
        program, user = program_of(request), user_of(request)
        if program is None:
            return []
        after = _id(request.GET.get("after", ""))
        if show == ASKED:
            rows = self.get_queryset(request).filter(requested_by=user).order_by("-pk")
        elif show == DECIDED:
            rows = self.get_queryset(request).exclude(status=ApprovalStatus.PENDING).order_by("-pk")
        else:
            waiting = approvals.waiting_for(user, program=program, at=clock.now(program))
            rows = waiting.select_related("requested_by", "decided_by").order_by("pk")
            return list((rows.filter(pk__gt=after) if after else rows)[: SHOWN + 1])
        return list((rows.filter(pk__lt=after) if after else rows)[: SHOWN + 1])

    def _cards(self, request: HttpRequest, listed: list[Approval]) -> list[Card]:
        program = program_of(request)
        return cards(listed, user=user_of(request), program=program) if program else []


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _back(request: HttpRequest) -> str:
    """Where the decision was made: the inbox, or a page that says so in its form."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}):
        return wanted
    return reverse("admin:core_approval_changelist")
