from datetime import datetime
from typing import Self

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models import Member
from rewards.models.activity import Activity


class CheckoutStatus(models.TextChoices):
    OPEN = "open", _("Open")
    CONFIRMED = "confirmed", _("Paid")
    ABANDONED = "abandoned", _("Abandoned")
    EXPIRED = "expired", _("Time was over")


class CheckoutQuerySet(TenantQuerySet["Checkout"]):
    def overdue(self, moment: datetime) -> Self:
        """Open ones whose time is over at that moment, and that still keep something reserved."""
        return self.filter(status=CheckoutStatus.OPEN, expires_at__lte=moment)


class Checkout(models.Model):
    """
    A basket of a member on its way to being paid, and what is reserved for it.

    Points, rewards and vouchers that are applied are kept for it until it ends: confirmed, abandoned or
    expired. It ends once: whoever ends it has locked its row. See Note [Checkout].
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="checkouts", verbose_name=_("member")
    )
    source = models.CharField(_("source"), max_length=40, db_comment="Key of the partner that opened it")
    status = models.CharField(_("status"), max_length=9, choices=CheckoutStatus, default=CheckoutStatus.OPEN)
    basket = models.JSONField(db_comment="Lines, store and attributes as they were sent")
    quote = models.JSONField(db_comment="Prices, what is applied with its reservations, earn preview")
    total = models.DecimalField(
        _("to pay"), max_digits=14, decimal_places=2, db_comment="Money, in the program's currency"
    )
    opened_at = models.DateTimeField(_("opened at"))
    expires_at = models.DateTimeField(_("expires at"), db_comment="Everything reserved is free again then")
    closed_at = models.DateTimeField(_("closed at"), null=True)
    payments = models.JSONField(default=list, db_comment="How the total was paid, as it was sent")
    paid_source = models.CharField(
        max_length=40, blank=True, default="", db_comment="Partner that reported the sale"
    )
    paid_external_id = models.CharField(
        _("receipt"), max_length=100, blank=True, default="", db_comment="Outside id of the sale"
    )
    sale = models.OneToOneField(Activity, models.PROTECT, null=True, related_name="+", verbose_name=_("sale"))
    receipt = models.JSONField(null=True, db_comment="What the partner was told of the sale")

    objects = CheckoutQuerySet.as_manager()

    class Meta:
        verbose_name = _("checkout")
        verbose_name_plural = _("checkouts")
        constraints = [
            models.CheckConstraint(
                name="a_checkout_ends_after_it_begins", condition=Q(expires_at__gt=F("opened_at"))
            ),
            models.CheckConstraint(name="nobody_is_paid_for_buying", condition=Q(total__gte=0)),
            models.CheckConstraint(
                name="a_checkout_is_open_or_closed",
                condition=Q(status="open", closed_at__isnull=True)
                | (~Q(status="open") & Q(closed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="what_was_paid_has_its_sale",
                condition=(Q(status="confirmed", sale__isnull=False) & ~Q(paid_external_id=""))
                | (~Q(status="confirmed") & Q(sale__isnull=True, paid_external_id="")),
            ),
        ]
        indexes = [
            models.Index(
                name="open_checkouts_by_end",
                fields=["program", "expires_at", "id"],
                condition=Q(status="open"),
            ),
            models.Index(name="checkouts_of_a_member", fields=["member", "-id"]),
            models.Index(name="checkouts_by_day", fields=["program", "-id"]),
            models.Index(name="checkouts_by_status", fields=["program", "status", "-id"]),
            models.Index(
                name="paid_checkouts_by_receipt",
                fields=["program", "paid_external_id"],
                condition=Q(status="confirmed"),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="a_closed_checkout_stays_as_it_is",
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__status="open"),
            ),
            pgtrigger.Protect(
                name="a_checkout_stays_its_members",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__member__df=pgtrigger.F("new__member"))
                | pgtrigger.Q(old__program__df=pgtrigger.F("new__program")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.total} ({self.get_status_display()})"

    def is_overdue(self, at: datetime) -> bool:
        """Its time is over, whether or not the job that ends it has come by."""
        return self.status == CheckoutStatus.OPEN and self.expires_at <= at
