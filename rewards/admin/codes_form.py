"""The form that uploads codes of a third party for the vouchers of a reward."""

from __future__ import annotations

from codecs import iterdecode
from collections.abc import Iterator
from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminFileFieldWidget

from loyalty.core import clock
from loyalty.core.errors import DomainError
from loyalty.core.models import User
from rewards.models import Reward
from rewards.redeeming import uploaded_codes

MEGABYTES: Final = 5
PROBLEMS_SHOWN: Final = 50


class CodesForm(forms.Form):
    """Codes that are new are added; lines that bring none are in `problems` afterwards."""

    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
        help_text=_("CSV in UTF-8, a code a line; its first column counts. Up to 100,000 codes."),
    )

    def __init__(self, *args: Any, reward: Reward, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reward = reward
        self.number = 0
        self.problems: list[str] = []

    def clean_file(self) -> UploadedFile[bytes]:
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > MEGABYTES * 1024 * 1024:
            raise forms.ValidationError(_now("The file is larger than %(most)d MB.") % {"most": MEGABYTES})
        return file

    def save(self, *, by: User) -> bool:
        """Whether any code is new; if not, the form says why."""
        try:
            added = uploaded_codes.add(
                self.reward, lines=self._lines(), by=by, at=clock.now(self.reward.program)
            )
        except UnicodeDecodeError:
            self.add_error("file", _now("The file is not in UTF-8."))
            return False
        except DomainError as refusal:
            self.add_error("file", refusal.detail)
            return False
        self.number = added.number
        self.problems = [str(problem) for problem in added.problems[:PROBLEMS_SHOWN]]
        if (more := len(added.problems) - PROBLEMS_SHOWN) > 0:
            self.problems.append(ngettext("and %(n)d more line", "and %(n)d more lines", more) % {"n": more})
        if not added.number:
            self.add_error("file", _now("No line brings a new code."))
        return bool(added.number)

    def _lines(self) -> Iterator[str]:
        yield from iterdecode(self.cleaned_data["file"], "utf-8-sig")
