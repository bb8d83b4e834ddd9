import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import KEY_VALIDATOR, moves_the_rules_revision


class ExpiryRule(models.TextChoices):
    NEVER = "never", _("Never")
    DAYS = "days", _("A number of days after earning")
    MONTHS = "months", _("A number of months after earning")


@pghistory.track()
class WalletType(models.Model):
    """A kind of points with its rules: what members spend, or what counts towards a tier."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="wallet_types")
    key = models.CharField(_("key"), max_length=40, validators=[KEY_VALIDATOR])
    name = models.CharField(_("name"), max_length=100, help_text=_("What members call these points."))
    is_spendable = models.BooleanField(_("may be spent"), default=True)
    expiry_rule = models.CharField(_("expire"), max_length=10, choices=ExpiryRule, default=ExpiryRule.NEVER)
    expires_after = models.PositiveSmallIntegerField(
        _("expire after"), null=True, blank=True, help_text=_("Days or months, as the rule says.")
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

    class Meta:
        verbose_name = _("wallet type")
        verbose_name_plural = _("wallet types")
        constraints = [
            models.UniqueConstraint(name="one_wallet_type_per_key", fields=["program", "key"]),
            models.CheckConstraint(
                name="an_expiry_rule_has_its_number",
                condition=(Q(expiry_rule="never") & Q(expires_after__isnull=True))
                | (Q(expiry_rule__in=["days", "months"]) & Q(expires_after__gte=1)),
            ),
            models.CheckConstraint(
                name="a_point_is_not_worth_less_than_nothing", condition=Q(point_value__gte=0)
            ),
        ]
        triggers = [moves_the_rules_revision()]

    def __str__(self) -> str:
        return self.name
