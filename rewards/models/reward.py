from datetime import datetime
from typing import Self

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import KEY_VALIDATOR
from loyalty.core.tenancy import TenantQuerySet
from members.models import WalletType
from rewards.models.discount import (
    HAS_WHAT_IT_NEEDS,
    MAXIMUM_IS_SOMETHING,
    MINIMUM_BELONGS_TO_A_DISCOUNT,
    Discounted,
)


class LimitPeriod(models.TextChoices):
    EVER = "ever", _("In all")
    DAY = "day", _("A day")
    WEEK = "week", _("A week")
    MONTH = "month", _("A month")
    YEAR = "year", _("A year")


class CodesFrom(models.TextChoices):
    MADE = "made", _("Made here")
    UPLOADED = "uploaded", _("A list that is uploaded")


class RewardQuerySet(TenantQuerySet["Reward"]):
    def on_offer(self, moment: datetime) -> Self:
        """Rewards that can be bought at that moment, as far as the catalogue is concerned."""
        return self.filter(
            Q(starts_at__isnull=True) | Q(starts_at__lte=moment),
            Q(ends_at__isnull=True) | Q(ends_at__gt=moment),
            Q(stock__isnull=True) | Q(stock__gt=0),
            is_active=True,
        )


@pghistory.track(exclude=["stock"])
class Reward(Discounted):
    """What points buy: a voucher, whose code a partner system checks and uses, or a thing to hand over."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="rewards", verbose_name=_("program"))
    key = models.CharField(_("key"), max_length=40, validators=[KEY_VALIDATOR])
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True)
    wallet_type = models.ForeignKey(WalletType, models.PROTECT, related_name="+", verbose_name=_("paid with"))
    price = models.PositiveBigIntegerField(_("price"), help_text=_("In points."))
    # Not a PositiveIntegerField: its own check would come first, under a name that says nothing.
    stock = models.IntegerField(
        _("stock"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Empty: as many as are asked for."),
    )
    voucher_valid_days = models.PositiveSmallIntegerField(
        _("voucher valid for"), default=90, help_text=_("Days.")
    )
    has_voucher = models.BooleanField(
        _("gives a voucher"),
        default=True,
        db_default=True,
        help_text=_("A code to be used at a till or in a shop. Without one, it is handed over or sent."),
    )
    voucher_uses = models.PositiveSmallIntegerField(
        _("voucher can be used"),
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("Times."),
    )
    codes_from = models.CharField(
        _("codes of its vouchers"),
        max_length=8,
        choices=CodesFrom,
        default=CodesFrom.MADE,
        db_default=CodesFrom.MADE,
        help_text=_(
            "A list of a third party is uploaded once the reward is saved; its stock is what is left."
        ),
    )
    codes_warn_below = models.PositiveIntegerField(
        _("warn below"),
        default=20,
        db_default=20,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text=_("Codes that are left of an uploaded list."),
    )
    limit_per_member = models.PositiveIntegerField(
        _("at most per member"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text=_("Times that a member may buy it. Empty: as often as they like."),
    )
    limit_period = models.CharField(
        _("counted by"),
        max_length=5,
        choices=LimitPeriod,
        default=LimitPeriod.EVER,
        db_default=LimitPeriod.EVER,
        help_text=_("Days, weeks (from Monday), months and years of the program’s calendar."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    starts_at = models.DateTimeField(_("available from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("available until"), null=True, blank=True)

    objects = RewardQuerySet.as_manager()

    class Meta:
        verbose_name = _("reward")
        verbose_name_plural = _("rewards")
        constraints = [
            models.UniqueConstraint(name="one_reward_per_key", fields=["program", "key"]),
            models.CheckConstraint(name="a_reward_costs_points", condition=Q(price__gt=0)),
            models.CheckConstraint(
                name="stock_is_never_negative", condition=Q(stock__isnull=True) | Q(stock__gte=0)
            ),
            models.CheckConstraint(
                name="a_limit_per_member_lets_some_through",
                condition=Q(limit_per_member__isnull=True) | Q(limit_per_member__gt=0),
            ),
            models.CheckConstraint(
                name="an_uploaded_list_has_a_stock_and_vouchers",
                condition=~Q(codes_from="uploaded") | Q(stock__isnull=False, has_voucher=True),
            ),
            models.CheckConstraint(name="a_voucher_can_be_used", condition=Q(voucher_uses__gt=0)),
            HAS_WHAT_IT_NEEDS,
            MAXIMUM_IS_SOMETHING,
            MINIMUM_BELONGS_TO_A_DISCOUNT,
            models.CheckConstraint(
                name="a_reward_ends_after_it_starts",
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_uploaded_codes(self) -> bool:
        return self.codes_from == CodesFrom.UPLOADED

    def is_on_offer(self, moment: datetime) -> bool:
        """Whether it can be bought at that moment, as far as the catalogue is concerned."""
        has_begun = self.starts_at is None or self.starts_at <= moment
        goes_on = self.ends_at is None or self.ends_at > moment
        return self.is_active and has_begun and goes_on and self.stock != 0
