from datetime import datetime
from typing import Self

import pghistory
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import KEY_VALIDATOR
from loyalty.core.tenancy import TenantQuerySet
from members.models import Member, WalletType
from rewards.models.activity import Activity


class RedemptionStatus(models.TextChoices):
    CONFIRMED = "confirmed", _("Confirmed")
    CANCELLED = "cancelled", _("Cancelled")


class VoucherStatus(models.TextChoices):
    ISSUED = "issued", _("Issued")
    USED = "used", _("Used")
    VOID = "void", _("Void")


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
class Reward(models.Model):
    """What points buy: here a voucher, whose code a partner system checks and uses."""

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
                name="a_reward_ends_after_it_starts",
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Redemption(models.Model):
    """One purchase of a reward."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("program"),
    )
    member = models.ForeignKey(Member, models.PROTECT, related_name="redemptions", verbose_name=_("member"))
    reward = models.ForeignKey(Reward, models.PROTECT, related_name="redemptions", verbose_name=_("reward"))
    source = models.CharField(_("source"), max_length=40, db_comment="Key of the partner that asked for it")
    points = models.PositiveBigIntegerField(_("points"), help_text=_("0: a campaign gave it."))
    activity = models.ForeignKey(
        Activity,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="gifts",
        verbose_name=_("given for"),
        db_comment="What a campaign gave it for; empty: it was bought",
    )
    status = models.CharField(
        _("status"), max_length=10, choices=RedemptionStatus, default=RedemptionStatus.CONFIRMED
    )
    redeemed_at = models.DateTimeField(_("redeemed at"))

    objects = TenantQuerySet["Redemption"].as_manager()

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        constraints = [
            models.CheckConstraint(
                name="a_redemption_is_bought_or_given",
                condition=Q(points__gt=0, activity__isnull=True) | Q(points=0, activity__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="redemptions_by_day", fields=["program", "-id"]),
            models.Index(name="rewards_given_for", fields=["activity"], condition=Q(activity__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.reward}"


class Voucher(models.Model):
    """A code that a partner system checks and uses."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("program"),
    )
    redemption = models.OneToOneField(
        Redemption, models.PROTECT, related_name="voucher", verbose_name=_("redemption")
    )
    code = models.CharField(_("code"), max_length=40)
    status = models.CharField(_("status"), max_length=10, choices=VoucherStatus, default=VoucherStatus.ISSUED)
    expires_at = models.DateTimeField(_("expires at"), null=True)

    objects = TenantQuerySet["Voucher"].as_manager()

    class Meta:
        verbose_name = _("voucher")
        verbose_name_plural = _("vouchers")
        constraints = [models.UniqueConstraint(name="a_voucher_code_is_unique", fields=["program", "code"])]

    def __str__(self) -> str:
        return self.code
