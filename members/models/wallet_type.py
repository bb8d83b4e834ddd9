from collections.abc import Sequence
from decimal import Decimal

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import KEY_VALIDATOR, moves_the_rules_revision
from loyalty.core.tenancy import TenantQuerySet


class ExpiryRule(models.TextChoices):
    NEVER = "never", _("Never")
    DAYS = "days", _("A number of days after earning")
    MONTHS = "months", _("A number of months after earning")
    END_OF_MONTH = "end_of_month", _("At the end of a month")
    END_OF_QUARTER = "end_of_quarter", _("At the end of a quarter")
    END_OF_YEAR = "end_of_year", _("At the end of a year")
    FIXED_DATE = "fixed_date", _("On a fixed date")
    INACTIVITY = "inactivity", _("After months without activity")


COUNTED_RULES = (ExpiryRule.DAYS, ExpiryRule.MONTHS, ExpiryRule.INACTIVITY)
"""Rules whose number is at least 1."""
PERIOD_RULES = (ExpiryRule.END_OF_MONTH, ExpiryRule.END_OF_QUARTER, ExpiryRule.END_OF_YEAR)
"""Rules whose number counts the periods that follow: 0 is the end of the one in which points are earned."""

MAX_RATE_POINTS = 1_000_000


def has_what_its_rule_needs(*, rules: Sequence[str], blank: bool = False) -> Q:
    """The condition of a row with `expiry_rule`, `expires_after` and `expires_on_date`."""
    none = Q(expires_after__isnull=True, expires_on_date__isnull=True)
    # A comparison with NULL is neither true nor false, and a constraint lets that pass.
    has_number = Q(expires_after__isnull=False, expires_on_date__isnull=True)
    counted = has_number & Q(expires_after__gte=1)
    by_period = has_number & Q(expires_after__gte=0)
    condition = (
        (Q(expiry_rule=ExpiryRule.NEVER) & none)
        | (Q(expiry_rule__in=[r for r in COUNTED_RULES if r in rules]) & counted)
        | (Q(expiry_rule__in=PERIOD_RULES) & by_period)
        | Q(expiry_rule=ExpiryRule.FIXED_DATE, expires_after__isnull=True, expires_on_date__isnull=False)
    )
    return condition | (Q(expiry_rule="") & none) if blank else condition


class ReturnPolicy(models.TextChoices):
    """What becomes of points that are to be taken back and are not there any more."""

    WITHIN_BALANCE = "within_balance", _("They are written off")
    DEBT = "debt", _("The member owes them: the next points pay for them")


class TransferScope(models.TextChoices):
    """To whom members may pass points on."""

    NOBODY = "nobody", _("Nobody")
    HOUSEHOLD = "household", _("Members of their household")
    ANYONE = "anyone", _("Any member")


@pghistory.track()
class WalletType(models.Model):
    """A kind of points with its rules: what members spend, or what counts towards a tier."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="wallet_types")
    key = models.CharField(_("key"), max_length=40, validators=[KEY_VALIDATOR])
    name = models.CharField(_("name"), max_length=100, help_text=_("What members call these points."))
    is_spendable = models.BooleanField(_("may be spent"), default=True)
    expiry_rule = models.CharField(_("expire"), max_length=14, choices=ExpiryRule, default=ExpiryRule.NEVER)
    expires_after = models.PositiveSmallIntegerField(
        _("expire after"),
        null=True,
        blank=True,
        help_text=_(
            "Days or months, as the rule says. For the end of a month, quarter or year: how many further"
            " ones; 0 is the end of the one in which the points were earned."
        ),
    )
    expires_on_date = models.DateField(
        _("expire on"),
        null=True,
        blank=True,
        help_text=_(
            "Last day of the points, for a fixed date. What is earned on that day or later goes on the same"
            " day of the next year."
        ),
    )
    pending_days = models.PositiveSmallIntegerField(
        _("pending for"),
        default=0,
        help_text=_("Days until new points may be spent, such as the time in which goods can be returned."),
    )
    return_policy = models.CharField(
        _("when returned points were spent"),
        max_length=14,
        choices=ReturnPolicy,
        default=ReturnPolicy.WITHIN_BALANCE,
    )
    warns_days_before = models.PositiveSmallIntegerField(
        _("warn before expiry"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Days ahead; empty for no warning."),
    )
    expires_only_if_warned = models.BooleanField(
        _("keep what nobody was warned of"),
        default=False,
        help_text=_("Points do not expire before their warning was delivered."),
    )
    expiry_is_on_hold = models.BooleanField(
        _("expiry is on hold"),
        default=False,
        help_text=_("Nothing of this kind expires; members may go on spending what is due."),
    )
    transfers_to = models.CharField(
        _("may be passed on to"), max_length=10, choices=TransferScope, default=TransferScope.NOBODY
    )
    transfer_minimum = models.PositiveIntegerField(
        _("smallest transfer"), default=1, validators=[MinValueValidator(1)]
    )
    transfer_monthly_limit = models.PositiveBigIntegerField(
        _("most in a month"),
        null=True,
        blank=True,
        help_text=_("Points that a member may pass on in a calendar month; empty for no limit."),
    )
    transfer_fee_percent = models.DecimalField(
        _("fee"),
        max_digits=5,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("Per cent of the points that are sent, rounded down; the rest arrives."),
    )
    point_value = models.DecimalField(
        _("value of a point"),
        max_digits=10,
        decimal_places=6,
        default=0,
        help_text=_(
            "What one point costs when it is redeemed, in the program's currency;"
            " the liability is counted with it."
        ),
    )
    checkout_points = models.PositiveIntegerField(
        _("so many points"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RATE_POINTS)],
        help_text=_("Empty: these points do not pay at a checkout."),
    )
    checkout_amount = models.DecimalField(
        _("pay this much"),
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("Money off, in the program’s currency; fewer or more points in proportion."),
    )

    objects = TenantQuerySet["WalletType"].as_manager()

    class Meta:
        verbose_name = _("kind of points")
        verbose_name_plural = _("kinds of points")
        constraints = [
            models.UniqueConstraint(name="one_wallet_type_per_key", fields=["program", "key"]),
            models.CheckConstraint(
                name="an_expiry_rule_has_what_it_needs",
                condition=has_what_its_rule_needs(rules=ExpiryRule.values),
            ),
            models.CheckConstraint(
                name="who_warns_says_when",
                condition=Q(expires_only_if_warned=False) | Q(warns_days_before__isnull=False),
            ),
            models.CheckConstraint(
                name="a_warning_comes_before_the_day",
                condition=Q(warns_days_before__isnull=True) | Q(warns_days_before__gte=1),
            ),
            models.CheckConstraint(
                name="a_transfer_moves_points",
                condition=Q(transfer_minimum__gte=1, transfer_fee_percent__range=(0, 100)),
            ),
            models.CheckConstraint(
                name="a_return_policy_is_known", condition=Q(return_policy__in=ReturnPolicy.values)
            ),
            models.CheckConstraint(
                name="a_point_is_not_worth_less_than_nothing", condition=Q(point_value__gte=0)
            ),
            models.CheckConstraint(
                name="a_checkout_rate_has_points_and_money",
                condition=Q(checkout_points__isnull=True, checkout_amount__isnull=True)
                | Q(
                    checkout_points__isnull=False,
                    checkout_amount__isnull=False,
                    checkout_points__gte=1,
                    checkout_amount__gt=0,
                    is_spendable=True,
                ),
            ),
        ]
        triggers = [moves_the_rules_revision()]

    def __str__(self) -> str:
        return self.name
