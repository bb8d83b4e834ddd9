"""Forms for rules of points, which say in words what a rule still lacks."""

from typing import Any

from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty.core.admin.base import ProgramForm
from members.models import ExpiryRule
from members.models.wallet_type import COUNTED_RULES, PERIOD_RULES


def day_input() -> UnfoldAdminTextInputWidget:
    """A browser's own field for a day, which no server's time zone confuses."""
    return UnfoldAdminTextInputWidget(attrs={"type": "date"})


class ExpiryRuleForm(ProgramForm):
    """Of a row with `expiry_rule` and what it needs; what it has no use for goes."""

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        rule, number = values.get("expiry_rule"), values.get("expires_after")
        if rule in COUNTED_RULES and not number and "expires_after" not in self.errors:
            self.add_error("expires_after", _("Say how many, at least 1."))
        if rule in PERIOD_RULES and number is None and "expires_after" not in self.errors:
            self.add_error("expires_after", _("Say how many further ones; 0 is the end of the present one."))
        if rule == ExpiryRule.FIXED_DATE and not values.get("expires_on_date"):
            self.add_error("expires_on_date", _("Say on which day."))
        if rule not in (*COUNTED_RULES, *PERIOD_RULES) and "expires_after" in values:
            values["expires_after"] = None
        if rule != ExpiryRule.FIXED_DATE and "expires_on_date" in values:
            values["expires_on_date"] = None
        return values


class WalletTypeForm(ExpiryRuleForm):
    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if values.get("expires_only_if_warned") and not values.get("warns_days_before"):
            self.add_error("warns_days_before", _("Say how many days before, or nothing would ever expire."))
        self._check_rate(values)
        return values

    def _check_rate(self, values: dict[str, Any]) -> None:
        """Points and money make a rate together, and only what may be spent can pay."""
        given = {name for name in ("checkout_points", "checkout_amount") if values.get(name)}
        for name in {"checkout_points", "checkout_amount"} - given - self.errors.keys() if given else ():
            self.add_error(name, _("Say both: how many points pay how much."))
        if given and not values.get("is_spendable"):
            self.add_error(min(given), _("Points that cannot be spent do not pay at a checkout."))
