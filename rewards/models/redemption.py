from datetime import datetime
from typing import Self

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models import Hold, Member, WalletType
from rewards.models.activity import Activity
from rewards.models.reward import Reward


class RedemptionStatus(models.TextChoices):
    HELD = "held", _("Reserved")
    CONFIRMED = "confirmed", _("Confirmed")
    FULFILLED = "fulfilled", _("Handed over")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")
    RETURNED = "returned", _("Returned")


LASTING = (RedemptionStatus.HELD, RedemptionStatus.CONFIRMED, RedemptionStatus.FULFILLED)
"""The member has it, or has it reserved: it counts towards limits."""


class RedemptionQuerySet(TenantQuerySet["Redemption"]):
    def overdue(self, moment: datetime) -> Self:
        """Reservations whose time is over at that moment, and that still keep points and a piece."""
        return self.filter(status=RedemptionStatus.HELD, expires_at__lte=moment)


class Redemption(models.Model):
    """
    One purchase of a reward, with a life of its own: held → confirmed → fulfilled.

    Every other end (cancelled, expired, returned) is final, and gives back the points, the piece and
    the place under the reward's limit. Only `rewards.redeeming` moves it from one state to the next.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("program"),
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="redemptions", verbose_name=_("member")
    )
    reward = models.ForeignKey(
        Reward, models.PROTECT, db_index=False, related_name="redemptions", verbose_name=_("reward")
    )
    source = models.CharField(_("source"), max_length=40, db_comment="Key of the partner that asked for it")
    wallet_type = models.ForeignKey(
        WalletType,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("paid with"),
        db_comment="Empty: it was given",
    )
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
    took_piece = models.BooleanField(
        default=False, db_default=False, db_comment="Of a counted stock: it goes back there if this ends"
    )
    brought = models.PositiveBigIntegerField(
        _("from the household"),
        default=0,
        db_default=0,
        db_comment="Of the points, those that others of the household added to a reservation",
    )
    hold = models.OneToOneField(
        Hold,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("hold"),
        db_comment="What reserved its points; empty: they were spent at once",
    )
    redeemed_at = models.DateTimeField(_("redeemed at"), db_comment="When it was asked for, held or not")
    expires_at = models.DateTimeField(
        _("reserved until"), null=True, db_comment="If it was held: expires by itself then"
    )
    confirmed_at = models.DateTimeField(
        _("confirmed at"), null=True, db_comment="If it was held before; otherwise it was so from the start"
    )
    fulfilled_at = models.DateTimeField(_("handed over at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, db_comment="Cancelled, expired or returned")
    reason = models.CharField(
        _("reason"), max_length=200, blank=True, default="", db_default="", db_comment="Of its end"
    )
    tracking = models.CharField(
        _("tracking"),
        max_length=100,
        blank=True,
        default="",
        db_default="",
        db_comment="How the partner finds what was sent: a parcel number, an order",
    )

    objects = RedemptionQuerySet.as_manager()

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        constraints = [
            models.CheckConstraint(
                name="a_redemption_is_bought_or_given",
                condition=Q(points__gt=0, activity__isnull=True) | Q(points=0, activity__isnull=False),
            ),
            models.CheckConstraint(
                name="what_is_held_has_a_hold_and_an_end",
                condition=~Q(status__in=["held", "expired"])
                | Q(hold__isnull=False, expires_at__isnull=False, confirmed_at__isnull=True),
            ),
            models.CheckConstraint(
                name="a_redemption_goes_on_or_has_ended",
                condition=Q(status__in=["cancelled", "expired", "returned"], ended_at__isnull=False)
                | Q(status__in=["held", "confirmed", "fulfilled"], ended_at__isnull=True),
            ),
            models.CheckConstraint(
                name="what_is_handed_over_has_its_moment",
                condition=~Q(status="fulfilled") | Q(fulfilled_at__isnull=False),
            ),
        ]
        indexes = [
            # In the order of lists: a page, however far back, is one stretch of one of these.
            models.Index(name="redemptions_by_moment", fields=["program", "redeemed_at", "id"]),
            models.Index(name="redemptions_of_a_member", fields=["member", "redeemed_at", "id"]),
            models.Index(name="redemptions_of_a_reward", fields=["reward", "redeemed_at", "id"]),
            models.Index(name="redemptions_by_status", fields=["program", "status", "redeemed_at", "id"]),
            models.Index(
                name="held_redemptions_by_end", fields=["expires_at", "id"], condition=Q(status="held")
            ),
            models.Index(name="rewards_given_for", fields=["activity"], condition=Q(activity__isnull=False)),
        ]
        triggers = [
            pgtrigger.Protect(
                name="a_redemption_that_ended_stays_so",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status__in=["cancelled", "expired", "returned"])
                & pgtrigger.Q(old__status__df=pgtrigger.F("new__status")),
            ),
            pgtrigger.Protect(
                name="a_redemption_stays_what_it_was",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__points__df=pgtrigger.F("new__points"))
                | pgtrigger.Q(old__reward__df=pgtrigger.F("new__reward"))
                | pgtrigger.Q(old__member__df=pgtrigger.F("new__member"))
                | pgtrigger.Q(old__activity__df=pgtrigger.F("new__activity"))
                | pgtrigger.Q(old__hold__df=pgtrigger.F("new__hold")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reward}"

    @property
    def is_over(self) -> bool:
        return self.status not in LASTING

    def is_overdue(self, at: datetime) -> bool:
        """Its time is over, whether or not the job that ends it has come by."""
        return self.status == RedemptionStatus.HELD and self.expires_at is not None and self.expires_at <= at


class VoucherStatus(models.TextChoices):
    ISSUED = "issued", _("Issued")
    USED = "used", _("Used")
    VOID = "void", _("Void")


class Voucher(models.Model):
    """A code that a partner system checks and uses, once or several times."""

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
    uses_allowed = models.PositiveSmallIntegerField(_("can be used"), default=1, db_default=1)
    uses = models.PositiveSmallIntegerField(
        _("was used"), default=0, db_default=0, db_comment="Times, without those that were rolled back"
    )
    reserved = models.PositiveSmallIntegerField(
        default=0, db_default=0, db_comment="Uses that open checkouts keep for themselves"
    )
    expires_at = models.DateTimeField(_("expires at"), null=True)

    objects = TenantQuerySet["Voucher"].as_manager()

    class Meta:
        verbose_name = _("voucher")
        verbose_name_plural = _("vouchers")
        constraints = [
            models.UniqueConstraint(name="a_voucher_code_is_unique", fields=["program", "code"]),
            models.CheckConstraint(
                name="a_voucher_is_used_as_often_as_allowed", condition=Q(uses__lte=F("uses_allowed"))
            ),
            models.CheckConstraint(
                name="no_more_of_a_voucher_is_reserved_than_is_left",
                condition=Q(uses__lte=F("uses_allowed") - F("reserved")),
            ),
            models.CheckConstraint(
                name="a_voucher_is_used_up_or_not",
                condition=Q(status="used", uses=F("uses_allowed"))
                | Q(status="issued", uses__lt=F("uses_allowed"))
                | Q(status="void"),
            ),
        ]
        indexes = [models.Index(name="vouchers_by_status", fields=["program", "status", "-id"])]

    def __str__(self) -> str:
        return self.code

    def is_expired(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at


class VoucherUseQuerySet(TenantQuerySet["VoucherUse"]):
    def standing(self) -> Self:
        """Those that were not rolled back."""
        return self.filter(rolled_back_at__isnull=True)


class VoucherUse(models.Model):
    """One use of a voucher, for a purchase. One that did not come to pass is rolled back, and stays here."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    voucher = models.ForeignKey(
        Voucher, models.PROTECT, db_index=False, related_name="all_uses", verbose_name=_("voucher")
    )
    source = models.CharField(_("source"), max_length=40, db_comment="Key of the partner that used it")
    external_id = models.CharField(
        _("purchase"), max_length=100, db_comment="The partner's number of the receipt or order"
    )
    amount = models.DecimalField(
        _("discount"),
        max_digits=14,
        decimal_places=2,
        null=True,
        db_comment="Money off, in the program's currency, if the partner said it",
    )
    used_at = models.DateTimeField(_("used at"))
    rolled_back_at = models.DateTimeField(_("rolled back at"), null=True)

    objects = VoucherUseQuerySet.as_manager()

    class Meta:
        verbose_name = _("use of a voucher")
        verbose_name_plural = _("uses of vouchers")
        constraints = [
            models.UniqueConstraint(
                name="a_voucher_is_used_once_per_purchase",
                fields=["voucher", "source", "external_id"],
                condition=Q(rolled_back_at__isnull=True),
            ),
            models.CheckConstraint(
                name="a_discount_is_not_negative", condition=Q(amount__isnull=True) | Q(amount__gte=0)
            ),
        ]
        indexes = [models.Index(name="uses_of_a_voucher", fields=["voucher", "-id"])]
        triggers = [
            pgtrigger.Protect(
                name="a_use_stays_what_it_was",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__voucher__df=pgtrigger.F("new__voucher"))
                | pgtrigger.Q(old__external_id__df=pgtrigger.F("new__external_id"))
                | pgtrigger.Q(old__amount__df=pgtrigger.F("new__amount"))
                | pgtrigger.Q(old__rolled_back_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.voucher} · {self.external_id}"
