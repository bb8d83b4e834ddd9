"""What a reward takes off a basket, asked so that it holds together."""

from typing import Any, Final

from django.utils.translation import gettext as _

from loyalty.core.admin.base import ProgramForm
from rewards.models import DISCOUNT_FIELDS, NEEDED, DiscountKind

_OF_KIND: Final = {
    "discount_amount": (DiscountKind.AMOUNT,),
    "discount_percent": (DiscountKind.PERCENT,),
    "discount_sku": (DiscountKind.FREE_PRODUCT,),
    "discount_maximum": (DiscountKind.PERCENT, DiscountKind.FREE_PRODUCT),
    "minimum_basket": (DiscountKind.AMOUNT, DiscountKind.PERCENT, DiscountKind.FREE_PRODUCT),
}
ASKED: Final = {
    name: "typeof discount_kind == 'undefined' || "
    + " || ".join(f"discount_kind == '{kind.value}'" for kind in kinds)
    for name, kinds in _OF_KIND.items()
}
"""When a field is shown; who may only look has no choice, and sees all."""


class DiscountForm(ProgramForm):
    """What the chosen kind of discount has no use for goes."""

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        kind = values.get("discount_kind")
        if kind is None or not set(DISCOUNT_FIELDS) <= self.fields.keys():
            return values
        for name, kinds in _OF_KIND.items():
            if kind not in kinds:
                values[name] = "" if name == "discount_sku" else None
                self.errors.pop(name, None)
        needed = NEEDED.get(DiscountKind(kind))
        if needed and not values.get(needed) and needed not in self.errors:
            self.add_error(needed, _("Say what is taken off."))
        return values
