"""What a basket must cost for a reward to take something off it."""

from decimal import Decimal
from typing import ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.errors import DomainError, Extra
from loyalty.core.models import Program


class BasketTooSmall(DomainError):
    """
    The basket costs less than the reward's `minimum`, before anything is taken off: `missing` is the rest.

    Both are money, as `{"amount": "20.00", "currency": "EUR"}`.
    """

    code: ClassVar[str] = "basket_too_small"
    status: ClassVar[int] = 422
    title = gettext_lazy("The basket is too small for it")
    extras = {
        "minimum": Extra(
            {"amount": "20.00", "currency": "EUR"}, gettext_lazy("What the basket has to cost at least")
        ),
        "missing": Extra(
            {"amount": "7.50", "currency": "EUR"}, gettext_lazy("How much more it would have to cost")
        ),
    }


def check_minimum(
    minimum: Decimal | None, *, name: str, basket: Decimal, program: Program, pointer: str
) -> None:
    """
    Is the basket large enough for the reward of that name, whose minimum that is?

    `basket` is what all of it costs as the shop sells it, before anything is taken off by rewards,
    vouchers or points.

    :raises BasketTooSmall: if it is not, with what is missing
    """
    if minimum is None or basket >= minimum:
        return
    missing, currency = minimum - basket, program.currency
    detail = _(
        "“{name}” is for baskets of {minimum} {currency} and more: {missing} {currency} is missing."
    ).format(name=name, minimum=f"{minimum:.2f}", missing=f"{missing:.2f}", currency=currency)
    raise BasketTooSmall(
        detail,
        pointer=pointer,
        minimum={"amount": f"{minimum:.2f}", "currency": currency},
        missing={"amount": f"{missing:.2f}", "currency": currency},
    )
