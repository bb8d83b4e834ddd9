from typing import Self

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models.ledger import Wallet
from members.models.member import Member


class HoldStatus(models.TextChoices):
    HELD = "held", _("Held")
    SETTLED = "settled", _("Settled")
    RELEASED = "released", _("Released")
    EXPIRED = "expired", _("Expired")


class HoldQuerySet(TenantQuerySet["Hold"]):
    def open(self) -> Self:
        return self.filter(status=HoldStatus.HELD)


class Hold(models.Model):
    """
    Points that are reserved at a checkout for a time, and then settled (spent) or released.

    Which points of which lots they are, the postings of the hold's entry say. Whoever closes a hold
    moves its wallet's version in the same statement, so that only one of them can.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="holds", verbose_name=_("member")
    )
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, db_index=False, related_name="holds", verbose_name=_("wallet")
    )
    points = models.BigIntegerField(_("points"))
    settled = models.BigIntegerField(_("settled"), default=0, db_comment="Points that were spent in the end")
    restored = models.BigIntegerField(
        _("given back"), default=0, db_comment="Of the settled points, those that returns gave back"
    )
    status = models.CharField(_("status"), max_length=8, choices=HoldStatus, default=HoldStatus.HELD)
    source = models.CharField(_("source"), max_length=40, db_comment="Key of the partner that asked for it")
    placed_at = models.DateTimeField(_("placed at"))
    expires_at = models.DateTimeField(_("expires at"), db_comment="Released by itself then")
    closed_at = models.DateTimeField(_("closed at"), null=True)
    kept_for = models.CharField(
        max_length=60,
        blank=True,
        default="",
        db_default="",
        db_comment="What the hold is a part of and ends with, as redemption:<id>; empty: it stands alone",
    )
    paid_source = models.CharField(
        max_length=40, blank=True, default="", db_comment="Partner that reported the sale that was paid for"
    )
    paid_external_id = models.CharField(
        _("paid for"), max_length=100, blank=True, default="", db_comment="Outside id of that sale"
    )
    paid_lines = models.JSONField(
        default=dict, db_comment="{line id: points} if it is known which lines were paid for"
    )

    objects = HoldQuerySet.as_manager()

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.CheckConstraint(name="a_hold_holds_points", condition=Q(points__gt=0)),
            models.CheckConstraint(
                name="a_hold_ends_after_it_begins", condition=Q(expires_at__gt=F("placed_at"))
            ),
            models.CheckConstraint(
                name="no_more_is_settled_than_was_held",
                condition=Q(settled__gte=0, settled__lte=F("points")),
            ),
            models.CheckConstraint(
                name="no_more_is_given_back_than_was_settled",
                condition=Q(restored__gte=0, restored__lte=F("settled")),
            ),
            models.CheckConstraint(
                name="a_hold_is_open_or_closed",
                condition=Q(status="held", closed_at__isnull=True, settled=0)
                | Q(status="settled", closed_at__isnull=False, settled__gt=0)
                | Q(status__in=["released", "expired"], closed_at__isnull=False, settled=0),
            ),
        ]
        indexes = [
            models.Index(name="open_holds_by_end", fields=["expires_at", "id"], condition=Q(status="held")),
            models.Index(name="holds_of_a_member", fields=["member", "-id"]),
            models.Index(name="holds_by_day", fields=["program", "-id"]),
            models.Index(
                name="holds_that_paid_for_a_sale",
                fields=["program", "paid_source", "paid_external_id"],
                condition=~Q(paid_external_id=""),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="a_closed_hold_stays_closed",
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__status="held")
                & (
                    pgtrigger.Q(old__status__df=pgtrigger.F("new__status"))
                    | pgtrigger.Q(old__settled__df=pgtrigger.F("new__settled"))
                ),
            ),
            pgtrigger.Protect(
                name="a_hold_stays_what_it_was",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__points__df=pgtrigger.F("new__points"))
                | pgtrigger.Q(old__wallet__df=pgtrigger.F("new__wallet"))
                | pgtrigger.Q(old__member__df=pgtrigger.F("new__member")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.points:,} ({self.get_status_display()})"
