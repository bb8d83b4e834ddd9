"""The form that gives a member points or takes some, and says beforehand what will come of it."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from loyalty.core import clock
from loyalty.core.approvals import NOTE_MAX
from loyalty.core.errors import DomainError
from loyalty.core.ids import new_id
from loyalty.core.models import Program, User
from members import adjustments
from members.adjustments import Adjusted, Outlook, Requested
from members.ledger.operations import MAX_POINTS
from members.models import Direction, Member, ReasonCode, WalletType

GIVE, TAKE = "give", "take"
_FIELD_OF: Final = {"#/points": "points", "#/reason": "reason", "#/note": "note"}


class AdjustForm(forms.Form):
    """What is adjusted for that member. `adjustment` is drawn with the form, so that it counts once."""

    adjustment = forms.UUIDField(widget=forms.HiddenInput)
    wallet_type = forms.ChoiceField(label=_("Kind of points"), widget=UnfoldAdminSelectWidget)
    direction = forms.ChoiceField(
        label=_("What to do"),
        choices=[(GIVE, _("Give points")), (TAKE, _("Take points away"))],
        initial=GIVE,
        widget=UnfoldAdminRadioSelectWidget,
    )
    points = forms.IntegerField(
        label=_("How many"), min_value=1, max_value=MAX_POINTS, widget=UnfoldAdminIntegerFieldWidget
    )
    reason = forms.ChoiceField(label=_("Reason"), widget=UnfoldAdminSelectWidget)
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=NOTE_MAX,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("For colleagues: what happened? Members and partners do not see it."),
    )

    def __init__(self, *args: Any, program: Program, member: Member, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.program = program
        self.member = member
        types = WalletType.objects.filter(program=program).order_by("-is_spendable", "name", "pk")
        kinds = list(types.values_list("key", "name"))
        self.fields["wallet_type"].choices = kinds  # type: ignore[attr-defined]
        self.reasons = ReasonCode.objects.filter(program=program, is_active=True).order_by("label", "pk")
        self.fields["reason"].choices = _grouped(self.reasons)  # type: ignore[attr-defined]
        self.fields["adjustment"].initial = new_id
        if len(kinds) == 1:
            self.fields["wallet_type"].widget = forms.HiddenInput()
            self.fields["wallet_type"].initial = kinds[0][0]

    def outlook(self, *, by: User) -> Outlook | None:
        """What would come of it now; None if the form says why not."""
        try:
            return adjustments.look_ahead(**self._asked(), by=by, at=clock.now(self.program))
        except DomainError as refusal:
            self._say(refusal)
            return None

    def save(self, *, by: User) -> Adjusted | Requested | None:
        """What was done or asked for; None if the form says why not."""
        form_id: UUID = self.cleaned_data["adjustment"]
        try:
            return adjustments.adjust(
                **self._asked(),
                note=self.cleaned_data["note"],
                by=by,
                actor=by.actor,
                at=clock.now(self.program),
                adjustment_id=form_id,
            )
        except DomainError as refusal:
            self._say(refusal)
            return None

    def _asked(self) -> dict[str, Any]:
        values = self.cleaned_data
        return {
            "program": self.program,
            "member_id": self.member.pk,
            "wallet_type": values["wallet_type"],
            "points": values["points"] if values["direction"] == GIVE else -values["points"],
            "reason": values["reason"],
        }

    def _say(self, refusal: DomainError) -> None:
        self.add_error(_FIELD_OF.get(refusal.pointer or ""), refusal.detail)


def _grouped(reasons: Iterable[ReasonCode]) -> list[tuple[str, Any]]:
    """Reasons under what they are for, so that nobody has to try."""
    listed = list(reasons)
    groups = [
        (direction.label, [(reason.key, reason.label) for reason in listed if reason.direction == direction])
        for direction in Direction
    ]
    return [("", "—"), *((str(label), choices) for label, choices in groups if choices)]
