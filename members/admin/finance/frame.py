"""What the pages of the finance section have in common: who may open them, tabs, dates, kept figures."""

from collections.abc import Callable, Mapping
from datetime import date
from hashlib import sha256
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty.core import clock
from loyalty.core.admin import program_of
from loyalty.core.models import Program
from members.finance import estimates
from members.finance.estimates import Estimates

LIABILITY: Final = "members.view_liability"
FINANCE: Final = "members.view_finance"
KEPT_FOR: Final = 300
"""Seconds; the pages say from when their figures are."""

TABS: Final = (
    ("finance", _("Liability"), LIABILITY),
    ("finance_movements", _("Movements"), FINANCE),
    ("finance_cohorts", _("Breakage"), FINANCE),
    ("finance_revenue", _("Revenue (IFRS 15)"), FINANCE),
    ("finance_journal", _("Journal"), FINANCE),
    ("finance_estimates", _("Costs and rates"), FINANCE),
    ("finance_closing", _("Closed periods"), FINANCE),
)


def render(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    """A page in the admin's frame, with the section's tabs."""
    request.current_app = admin.site.name
    here = request.resolver_match.url_name if request.resolver_match else ""
    tabs = [
        {"link": reverse(name), "label": label, "is_here": name == here}
        for name, label, permission in TABS
        if request.user.has_perm(permission)
    ]
    frame = {**admin.site.each_context(request), "tabs": tabs, "program": program_of(request)}
    return TemplateResponse(request, f"admin/finance/{template}", {**frame, **context})


class DayForm(forms.Form):
    """At the end of which day: today's, unless another one is chosen; none that is still to come."""

    as_of = forms.DateField(required=False, input_formats=["%Y-%m-%d"])

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean_as_of(self) -> date:
        day: date | None = self.cleaned_data["as_of"]
        if day and day > self.today:
            raise forms.ValidationError(_("This day is still to come."))
        return day or self.today


def chosen_day(request: HttpRequest, program: Program) -> tuple[date, str]:
    """The day that the address names, and what is wrong with it, if anything: then it is today."""
    today = clock.today(program)
    form = DayForm(request.GET, today=today)
    if form.is_valid():
        return form.cleaned_data["as_of"], ""
    return today, str(form.errors["as_of"][0])


def kept[T](program: Program, name: str, count: Callable[[Estimates], T]) -> tuple[T, Any]:
    """
    Figures that take a while to count, and the moment from which they are.

    They are counted, from what is estimated, anew as soon as a cost or a breakage rate is another one.
    """
    known = estimates.of(program)
    estimated = sha256(repr(known).encode()).hexdigest()[:16]
    key = f"finance:1:{program.pk}:{program.time_zone}:{estimated}:{name}"
    found: tuple[T, Any] | None = cache.get(key)
    if found is None:
        found = count(known), timezone.now()
        cache.set(key, found, timeout=KEPT_FOR)
    return found
