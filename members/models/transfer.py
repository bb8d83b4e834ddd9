from datetime import datetime
from typing import Self

import pgtrigger
from django.db import models
from django.db.models import Case, F, Q, Sum, When
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models.household import Household
from members.models.member import Member
from members.models.wallet_type import WalletType

UNDOING = ("undone_at", "undone_by", "returned", "fee_returned")


class TransferQuerySet(TenantQuerySet["Transfer"]):
    def counted(self, *, since: datetime, until: datetime) -> Self:
        """Transfers of that time which count towards the monthly limit: those outside of households."""
        return self.filter(household__isnull=True, sent_at__gte=since, sent_at__lt=until)

    def points_sent(self) -> int:
        """Points that left their senders and did not come back."""
        kept = F("arrived") - F("returned")
        left = Case(When(undone_at__isnull=True, then=F("points")), default=kept)
        total: int = self.aggregate(total=Sum(left, default=0))["total"]
        return total


class Transfer(models.Model):
    """
    Points that one member gave another. Written once; an undo is noted beside what was sent.

    The entries are `transfer:<id>:out` and `:in`, those of an undo `transfer:<id>:undo:out` and `:in`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, db_index=False, related_name="+")
    sender = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="transfers_sent", verbose_name=_("from")
    )
    recipient = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="transfers_received", verbose_name=_("to")
    )
    wallet_type = models.ForeignKey(
        WalletType, models.PROTECT, db_index=False, related_name="+", verbose_name=_("kind of points")
    )
    household = models.ForeignKey(
        Household,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="transfers",
        verbose_name=_("household"),
        db_comment="Set if both were in it: such a transfer is free of fee and monthly limit",
    )
    points = models.BigIntegerField(_("points sent"), db_comment="What left the sender, with the fee")
    fee = models.BigIntegerField(_("fee"), default=0, db_comment="Points, out of those sent")
    arrived = models.BigIntegerField(_("points received"))
    source = models.CharField(
        _("source"), max_length=40, blank=True, db_comment="Key of the partner that asked; blank for staff"
    )
    actor = models.CharField(_("by"), max_length=80)
    sent_at = models.DateTimeField(_("sent at"), db_comment="By the program's clock")
    undone_at = models.DateTimeField(_("undone at"), null=True)
    undone_by = models.CharField(_("undone by"), max_length=80, blank=True)
    returned = models.BigIntegerField(
        _("points given back"), default=0, db_comment="Of those that arrived, what was left at the undo"
    )
    fee_returned = models.BigIntegerField(_("fee given back"), default=0)

    objects = TransferQuerySet.as_manager()

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.CheckConstraint(
                name="what_is_sent_is_the_fee_and_what_arrives",
                condition=Q(points=F("fee") + F("arrived"), fee__gte=0, arrived__gt=0),
            ),
            models.CheckConstraint(
                name="a_transfer_is_between_two_members", condition=~Q(sender=F("recipient"))
            ),
            models.CheckConstraint(
                name="a_household_takes_no_fee", condition=Q(household__isnull=True) | Q(fee=0)
            ),
            models.CheckConstraint(
                name="no_more_comes_back_than_was_sent",
                condition=Q(
                    returned__gte=0,
                    returned__lte=F("arrived"),
                    fee_returned__gte=0,
                    fee_returned__lte=F("fee"),
                ),
            ),
            models.CheckConstraint(
                name="an_undone_transfer_says_when_and_by_whom",
                condition=(Q(undone_at__isnull=True) & Q(undone_by="", returned=0, fee_returned=0))
                | (Q(undone_at__isnull=False) & ~Q(undone_by="") & Q(returned__gt=0)),
            ),
        ]
        indexes = [
            models.Index(name="transfers_by_age", fields=["program", "-id"]),
            models.Index(name="transfers_of_a_sender", fields=["sender", "wallet_type", "sent_at"]),
            models.Index(name="transfers_to_a_recipient", fields=["recipient", "sent_at"]),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="what_was_sent_stays", exclude=list(UNDOING)),
            pgtrigger.Protect(
                name="undone_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__undone_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(_("%(points)s points") % {"points": f"{self.points:,}"})
