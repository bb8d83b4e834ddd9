"""The form of a reward: what it takes off, and where the codes of its vouchers come from."""

from typing import Any

from django.utils.translation import gettext as _

from rewards.admin.discount_form import DiscountForm
from rewards.models import CodesFrom


class RewardForm(DiscountForm):
    """A reward with an uploaded list begins without a code: the list is its stock."""

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if values.get("codes_from") == CodesFrom.UPLOADED:
            values["stock"] = 0
            self.errors.pop("stock", None)
        is_of_list = CodesFrom.UPLOADED in (values.get("codes_from"), self.instance.codes_from)
        if is_of_list and values.get("has_voucher") is False:
            self.add_error("has_voucher", _("Codes are those of vouchers: it gives one."))
        return values
