"""The journal for accounting, to be looked at and downloaded, and the accounts that it uses."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from loyalty.core import spreadsheets
from loyalty.core.admin import program_page
from loyalty.core.models import Program
from members.admin.finance import frame, movements, span
from members.finance import journal
from members.models import AccountingAccount

_LABELS = {
    **movements.LABELS,
    "passed_on": _("Passed on and merged"),
    "estimates": _("New estimates"),
    "rounding": _("Rounding"),
}


class AccountsForm(forms.Form):
    """A number and a name for each purpose; empty ones are the default again."""

    def __init__(self, *args: Any, program: Program, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {one.purpose: one for one in AccountingAccount.objects.filter(program=program)}
        for purpose, (number, name) in journal.ACCOUNTS.items():
            one = own.get(purpose)
            for part, default, length in (("number", number, 20), ("name", name, 80)):
                self.fields[f"{purpose}-{part}"] = forms.CharField(
                    label=name,
                    required=False,
                    max_length=length,
                    initial=getattr(one, part, ""),
                    widget=forms.TextInput(attrs={"placeholder": default, "class": "rg-input"}),
                )

    def pairs(self) -> list[tuple[Any, Any, Any]]:
        """What an account is for, and the fields of its number and its name."""
        return [
            (name, self[f"{purpose}-number"], self[f"{purpose}-name"])
            for purpose, (_number, name) in journal.ACCOUNTS.items()
        ]


@program_page(frame.FINANCE)
def show(request: HttpRequest, program: Program) -> HttpResponseBase:
    asked, problem = span.chosen(request, program)
    if request.GET.get("format") == "csv" and not problem:
        found = journal.of(program, first=asked.first, last=asked.last, step=asked.step)
        name = f"journal-{program.key}-{asked.first}-{asked.last}"
        return spreadsheets.download(name, journal.HEADER, found.rows())
    found, counted_at = frame.kept(
        program,
        f"journal:{asked.name}",
        lambda _known: journal.of(program, first=asked.first, last=asked.last, step=asked.step),
    )
    context = {
        "title": _now("Journal"),
        "span": asked,
        "problem": problem,
        "journal": found,
        "lines": [(line, _LABELS.get(line.movement, line.movement)) for line in found.lines],
        "counted_at": counted_at,
        "accounts": AccountsForm(program=program),
        "may_change": request.user.has_perm("members.change_accountingaccount"),
    }
    return frame.render(request, "journal.html", context)


@require_POST
@program_page("members.change_accountingaccount")
def save_accounts(request: HttpRequest, program: Program) -> HttpResponseBase:
    form = AccountsForm(request.POST, program=program)
    if not form.is_valid():
        messages.error(request, _now("Numbers have at most 20 characters, names 80. Nothing was changed."))
        return HttpResponseRedirect(reverse("finance_journal"))
    with transaction.atomic():
        for purpose, (number, name) in journal.ACCOUNTS.items():
            given = form.cleaned_data[f"{purpose}-number"], form.cleaned_data[f"{purpose}-name"]
            _save(program, purpose, given, (number, str(name)))
    messages.success(request, _now("The accounts were saved."))
    return HttpResponseRedirect(reverse("finance_journal"))


def _save(program: Program, purpose: str, given: tuple[str, str], default: tuple[str, str]) -> None:
    own = AccountingAccount.objects.filter(program=program, purpose=purpose)
    if not any(given):
        own.delete()
        return
    number, name = (one or other for one, other in zip(given, default, strict=True))
    AccountingAccount.objects.update_or_create(
        program=program, purpose=purpose, defaults={"number": number, "name": name}
    )
