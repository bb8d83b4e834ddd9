"""The form that changes a list of members: pasted, or from a file."""

from codecs import iterdecode
from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanWidget,
)

from loyalty.core import clock
from loyalty.core.errors import DomainError
from members import listing, segments
from members.models import IdentifierKind, Segment

ADD, REMOVE, REPLACE = "add", "remove", "replace"
PROBLEMS_SHOWN: Final = 20


class ListForm(forms.Form):
    """Nothing is changed as long as a line names nobody, unless the form says to go on without those."""

    step = forms.ChoiceField(
        label=_("What to do"),
        choices=[
            (ADD, _("Put them on the list")),
            (REMOVE, _("Take them off the list")),
            (REPLACE, _("Make them the whole list")),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    kind = forms.ChoiceField(
        label=_("Each line is"),
        choices=[*IdentifierKind.choices, (listing.BY_ID, _("Member id"))],
        widget=UnfoldAdminSelectWidget,
    )
    text = forms.CharField(
        label=_("Members"),
        required=False,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 6, "placeholder": "1001\n1002", "spellcheck": "false"}
        ),
        help_text=_("One a line."),
    )
    file = forms.FileField(
        label=_("or a file"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
        help_text=_("CSV in UTF-8; its first column counts."),
    )
    skips = forms.BooleanField(
        label=_("Leave out lines that name nobody"), required=False, widget=UnfoldBooleanWidget
    )

    def __init__(self, *args: Any, segment: Segment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.segment = segment
        self.problems: list[str] = []
        self.done = ""

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if bool(values.get("text")) == bool(values.get("file")):
            self.add_error("text", _("Paste members here or choose a file, one of both."))
        elif not self.errors:
            self._find(values)
        return values

    def _find(self, values: dict[str, Any]) -> None:
        where = "file" if values.get("file") else "text"
        try:
            found = listing.find(
                listing.lines(_rows(values)), kind=values["kind"], program=self.segment.program
            )
        except UnicodeDecodeError:
            return self.add_error(where, _("The file is not in UTF-8."))
        except DomainError as refusal:
            return self.add_error(where, refusal.detail)
        self.problems = [str(problem) for problem in found.problems[:PROBLEMS_SHOWN]]
        if len(found.problems) > PROBLEMS_SHOWN:
            self.problems.append(_and_more(len(found.problems) - PROBLEMS_SHOWN))
        if found.problems and not values["skips"]:
            self.add_error(where, _("Nothing was changed: some lines name nobody. They are listed below."))
        elif not found.member_ids:
            self.add_error(where, _("No line names a member."))
        self.member_ids = found.member_ids

    def save(self) -> bool:
        """Whether it was done, and what, is in `done`; if not, the form says why."""
        at = clock.now(self.segment.program)
        try:
            self.done = _STEPS[self.cleaned_data["step"]](self, at)
        except DomainError as refusal:
            self.add_error(None, refusal.detail)
            return False
        return True

    def _add(self, at: Any) -> str:
        number = segments.add(self.segment, member_ids=self.member_ids, at=at)
        return ngettext("%(n)d member is new on the list.", "%(n)d members are new on the list.", number) % {
            "n": number
        }

    def _remove(self, at: Any) -> str:
        number = segments.remove(self.segment, member_ids=self.member_ids, at=at)
        return ngettext(
            "%(n)d member is no longer on the list.", "%(n)d members are no longer on the list.", number
        ) % {"n": number}

    def _replace(self, at: Any) -> str:
        moved = segments.replace(self.segment, member_ids=self.member_ids, at=at)
        said = _now("The list is replaced: %(entered)d members are new on it, %(left)d are gone.")
        return said % {"entered": moved.entered, "left": moved.left}


_STEPS: Final = {ADD: ListForm._add, REMOVE: ListForm._remove, REPLACE: ListForm._replace}


def _rows(values: dict[str, Any]) -> Iterable[str]:
    """Line by line: a file is not held in memory as a whole."""
    file = values.get("file")
    return iterdecode(file, "utf-8-sig") if file else values["text"].splitlines(keepends=True)


def _and_more(number: int) -> str:
    return ngettext("and %(n)d more line", "and %(n)d more lines", number) % {"n": number}
