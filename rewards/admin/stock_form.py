"""The form that changes a reward's stock by pieces, so that what is sold meanwhile stays sold."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from loyalty.core.errors import DomainError
from loyalty.core.models import User
from rewards.models import Reward
from rewards.redeeming import stock

ADD, REMOVE, LIMIT, LIFT = "add", "remove", "limit", "lift"


class StockForm(forms.Form):
    """What can be done to the stock of that reward as it is now."""

    change = forms.ChoiceField(label=_("Change"), widget=UnfoldAdminSelectWidget)
    pieces = forms.IntegerField(
        label=_("Pieces"),
        required=False,
        min_value=0,
        max_value=stock.MOST,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def __init__(self, *args: Any, reward: Reward, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reward = reward
        counted = [(ADD, _("Add pieces")), (REMOVE, _("Remove pieces")), (LIFT, _("No longer limit it"))]
        self.fields["change"].choices = (  # type: ignore[attr-defined]
            [(LIMIT, _("Limit it to so many pieces"))] if reward.stock is None else counted
        )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        needs_pieces = values.get("change") in (ADD, REMOVE, LIMIT) and "pieces" not in self.errors
        if needs_pieces and values.get("pieces") is None:
            self.add_error("pieces", _("Say how many."))
        return values

    def save(self, *, by: User) -> bool:
        """Whether it was done; if not, the form says why."""
        change, pieces = self.cleaned_data["change"], self.cleaned_data["pieces"]
        try:
            if change == LIFT:
                stock.lift_limit(self.reward, by=by)
            elif change == LIMIT:
                stock.limit(self.reward, pieces=pieces, by=by)
            else:
                stock.add(self.reward, pieces=pieces if change == ADD else -pieces, by=by)
        except DomainError as refusal:
            self.add_error(None, refusal.detail)
            return False
        return True
