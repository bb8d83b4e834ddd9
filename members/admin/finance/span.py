"""From which day to which, in which steps: what the reports over time are asked for."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from loyalty.core import clock
from loyalty.core.models import Program
from members.finance.periods import Step, back, periods

AT_MOST: Final = 400
"""Periods of one report: a year of days, and some."""
_USUAL: Final[dict[str, int]] = {"day": 13, "month": 5, "quarter": 3}


@dataclass(frozen=True, slots=True)
class Span:
    first: date
    last: date
    step: Step

    @property
    def name(self) -> str:
        return f"{self.first}:{self.last}:{self.step}"


class SpanForm(forms.Form):
    """Months, unless days or quarters are asked for; the last few of them, unless days are named."""

    since = forms.DateField(label=_("From"), required=False, input_formats=["%Y-%m-%d"])
    until = forms.DateField(label=_("Until"), required=False, input_formats=["%Y-%m-%d"])
    step = forms.ChoiceField(
        label=_("By"),
        required=False,
        choices=[("month", _("months")), ("quarter", _("quarters")), ("day", _("days"))],
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if self.errors:
            return given
        step: Step = given["step"] or "month"
        last = given["until"] or self.today
        first = given["since"] or back(last, steps=_USUAL[step], step=step)
        if last > self.today:
            raise forms.ValidationError(_("The last day is still to come."))
        if first > last:
            raise forms.ValidationError(_("The first day is after the last."))
        if first.year < 1970 or len(periods(first=first, last=last, step=step)) > AT_MOST:
            raise forms.ValidationError(_("These are too many periods for one report."))
        return {"span": Span(first, last, step)}


def chosen(request: HttpRequest, program: Program) -> tuple[Span, str]:
    """What the address asks for, and what is wrong with it, if anything: then it is the usual."""
    today = clock.today(program)
    form = SpanForm(request.GET, today=today)
    if form.is_valid():
        return form.cleaned_data["span"], ""
    usual = Span(back(today, steps=_USUAL["month"], step="month"), today, "month")
    return usual, str(next(iter(form.errors.values()))[0])
