"""What a point costs, and how many are never used: set, proposed, approved."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from loyalty.core import approvals, clock
from loyalty.core.admin import program_page, user_of
from loyalty.core.errors import DomainError
from loyalty.core.models import Approval, ApprovalStatus, Program
from members.admin.finance import frame
from members.finance import proposals
from members.models import COHORT_VALIDATOR, BreakageRate, PointCost, WalletType

DATE_INPUT = forms.DateInput(attrs={"type": "date", "class": "rg-input"}, format="%Y-%m-%d")


class _KindForm(forms.Form):
    wallet_type = forms.ModelChoiceField(
        label=_("Kind of points"),
        queryset=WalletType.objects.none(),
        empty_label=None,
        widget=forms.Select(attrs={"class": "rg-input"}),
    )
    from_date = forms.DateField(label=_("From"), widget=DATE_INPUT, input_formats=["%Y-%m-%d"])

    def __init__(self, *args: Any, program: Program, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = self.fields["wallet_type"]
        assert isinstance(kinds, forms.ModelChoiceField)
        kinds.queryset = WalletType.objects.filter(program=program, is_spendable=True).order_by("name", "pk")


class CostForm(_KindForm):
    cost = forms.DecimalField(
        label=_("Cost of a point"),
        min_value=Decimal(0),
        max_digits=12,
        decimal_places=8,
        widget=forms.NumberInput(attrs={"class": "rg-input", "step": "any", "placeholder": "0.008"}),
    )


class RateForm(_KindForm):
    cohort = forms.CharField(
        label=_("Of points earned in"),
        required=False,
        max_length=7,
        validators=[COHORT_VALIDATOR],
        widget=forms.TextInput(
            attrs={"class": "rg-input", "placeholder": _("all, or 2026, 2026-Q1, 2026-03")}
        ),
    )
    percent = forms.DecimalField(
        label=_("Never used, in %"),
        min_value=Decimal(0),
        max_value=Decimal(100),
        max_digits=5,
        decimal_places=2,
        widget=forms.NumberInput(attrs={"class": "rg-input", "step": "any", "placeholder": "12.5"}),
    )
    note = forms.CharField(
        label=_("What the estimate rests on"),
        max_length=1000,
        widget=forms.TextInput(attrs={"class": "rg-input"}),
    )


@program_page(frame.FINANCE)
def show(request: HttpRequest, program: Program) -> HttpResponseBase:
    cost, rate = CostForm(program=program), RateForm(program=program)
    return _show(request, program, cost, rate)


@require_POST
@program_page("members.change_pointcost")
def set_cost(request: HttpRequest, program: Program) -> HttpResponseBase:
    form = CostForm(request.POST, program=program)
    if not form.is_valid():
        return _show(request, program, form, RateForm(program=program))
    try:
        proposals.set_cost(**form.cleaned_data)
    except DomainError as refusal:
        form.add_error(None, refusal.detail)
        return _show(request, program, form, RateForm(program=program))
    messages.success(request, _now("The cost was set."))
    return HttpResponseRedirect(reverse("finance_estimates"))


@require_POST
@program_page("members.propose_breakagerate")
def propose_rate(request: HttpRequest, program: Program) -> HttpResponseBase:
    form = RateForm(request.POST, program=program)
    if not form.is_valid():
        return _show(request, program, CostForm(program=program), form)
    asked = form.cleaned_data
    rate = asked.pop("percent") / 100
    try:
        proposals.propose_rate(**asked, rate=rate, by=user_of(request), at=clock.now(program))
    except DomainError as refusal:
        form.add_error(None, refusal.detail)
        return _show(request, program, CostForm(program=program), form)
    messages.success(request, _now("The rate is proposed. It counts once somebody else has approved it."))
    return HttpResponseRedirect(reverse("finance_estimates"))


@require_POST
@program_page(frame.FINANCE)
def decide(request: HttpRequest, program: Program, approval_id: UUID) -> HttpResponseBase:
    """Approve, reject or withdraw a proposal of this section; the operation checks who may."""
    by, at = user_of(request), clock.now(program)
    action = request.POST.get("action")
    try:
        if action == "approve":
            approvals.approve(approval_id, program=program, by=by, at=at)
            messages.success(request, _now("Approved."))
        elif action == "withdraw":
            approvals.withdraw(approval_id, program=program, by=by, at=at)
            messages.success(request, _now("Withdrawn."))
        else:
            note = request.POST.get("note", "")
            approvals.reject(approval_id, program=program, by=by, at=at, note=note)
            messages.success(request, _now("Rejected."))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    back_to = "finance_closing" if request.POST.get("from") == "closing" else "finance_estimates"
    return HttpResponseRedirect(reverse(back_to))


def waiting(request: HttpRequest, program: Program, kind: str) -> list[dict[str, Any]]:
    """The proposals of a kind that wait, and what this person may do about each."""
    me = user_of(request)
    asked = list(
        Approval.objects.filter(program=program, kind=kind, status=ApprovalStatus.PENDING)
        .waiting(clock.now(program))
        .select_related("requested_by")
        .order_by("requested_at", "pk")
    )
    facts = approvals.told(asked)
    may = me.has_perm(approvals.kind_of(kind).permission)
    return [
        {
            "approval": one,
            "facts": facts[one.pk],
            "is_own": one.requested_by_id == me.pk,
            "may_decide": may and one.requested_by_id != me.pk,
        }
        for one in asked
    ]


def _show(request: HttpRequest, program: Program, cost: CostForm, rate: RateForm) -> HttpResponseBase:
    today = clock.today(program)
    context = {
        "title": _now("Costs and rates"),
        "today": today,
        "costs": _costs(program, today),
        "rates": list(
            BreakageRate.objects.filter(program=program)
            .select_related("wallet_type", "proposed_by", "approved_by")
            .order_by("wallet_type__name", "-cohort", "-version")
        ),
        "kinds": list(WalletType.objects.filter(program=program, is_spendable=True).order_by("name", "pk")),
        "waiting": waiting(request, program, proposals.BREAKAGE),
        "cost_form": cost,
        "rate_form": rate,
        "may_set": request.user.has_perm("members.change_pointcost"),
        "may_propose": request.user.has_perm("members.propose_breakagerate"),
    }
    return frame.render(request, "estimates.html", context)


def _costs(program: Program, today: date) -> list[tuple[PointCost, str]]:
    """The costs, newest first, each with its standing: ahead, now, or past."""
    found, current = [], set()
    costs = PointCost.objects.filter(program=program).select_related("wallet_type")
    for cost in costs.order_by("wallet_type__name", "-from_date"):
        standing = "ahead" if cost.from_date > today else "past"
        if standing == "past" and cost.wallet_type_id not in current:
            current.add(cost.wallet_type_id)
            standing = "now"
        found.append((cost, standing))
    return found
