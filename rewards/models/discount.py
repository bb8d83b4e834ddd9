from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

_CENT = MinValueValidator(Decimal("0.01"))


class DiscountKind(models.TextChoices):
    NONE = "none", _("Nothing")
    AMOUNT = "amount", _("An amount")
    PERCENT = "percent", _("A percentage")
    FREE_PRODUCT = "free_product", _("One piece of a product")


DISCOUNT_FIELDS = (
    "discount_kind", "discount_amount", "discount_percent", "discount_sku", "discount_maximum",
    "minimum_basket",
)  # fmt: skip
NEEDED = {
    DiscountKind.AMOUNT: "discount_amount",
    DiscountKind.PERCENT: "discount_percent",
    DiscountKind.FREE_PRODUCT: "discount_sku",
}
"""What a kind of discount says for itself."""

_NO_AMOUNT = Q(discount_amount__isnull=True)
_NO_PERCENT = Q(discount_percent__isnull=True)
_NO_SKU = Q(discount_sku="")
_NO_MAXIMUM = Q(discount_maximum__isnull=True)
# A comparison with NULL is neither true nor false, and a constraint lets that pass.
HAS_WHAT_IT_NEEDS = models.CheckConstraint(
    name="a_discount_has_what_its_kind_needs",
    condition=(Q(discount_kind="none") & _NO_AMOUNT & _NO_PERCENT & _NO_SKU & _NO_MAXIMUM)
    | (
        Q(discount_kind="amount", discount_amount__isnull=False, discount_amount__gt=0)
        & _NO_PERCENT
        & _NO_SKU
        & _NO_MAXIMUM
    )
    | (
        Q(discount_kind="percent", discount_percent__isnull=False, discount_percent__gt=0)
        & Q(discount_percent__lte=100)
        & _NO_AMOUNT
        & _NO_SKU
    )
    | (Q(discount_kind="free_product") & ~_NO_SKU & _NO_AMOUNT & _NO_PERCENT),
)
MAXIMUM_IS_SOMETHING = models.CheckConstraint(
    name="a_discount_s_maximum_is_more_than_nothing",
    condition=Q(discount_maximum__isnull=True) | Q(discount_maximum__gt=0),
)
MINIMUM_BELONGS_TO_A_DISCOUNT = models.CheckConstraint(
    name="a_minimum_basket_belongs_to_a_discount",
    condition=Q(minimum_basket__isnull=True) | (Q(minimum_basket__gt=0) & ~Q(discount_kind="none")),
)


class Discounted(models.Model):
    """What a reward takes off a basket: at a checkout at once, or later by its voucher."""

    discount_kind = models.CharField(
        _("takes off"),
        max_length=12,
        choices=DiscountKind,
        default=DiscountKind.NONE,
        db_default=DiscountKind.NONE,
    )
    discount_amount = models.DecimalField(
        _("amount off"),
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[_CENT],
        help_text=_("In the program’s currency."),
    )
    discount_percent = models.DecimalField(
        _("per cent off"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[_CENT, MaxValueValidator(100)],
    )
    discount_sku = models.CharField(
        _("free product"),
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text=_("Its SKU, as tills and shops report it."),
    )
    discount_maximum = models.DecimalField(
        _("at most"),
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[_CENT],
        help_text=_("Most that a percentage or a free product takes off. Empty: no limit."),
    )
    minimum_basket = models.DecimalField(
        _("from a basket of"),
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[_CENT],
        help_text=_("What all of it costs before anything is taken off. Empty: any basket."),
        db_comment="Money, in the program's currency",
    )

    class Meta:
        abstract = True
