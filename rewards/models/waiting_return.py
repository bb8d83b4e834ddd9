from typing import Self

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from rewards.models.activity import Activity, waits_or_is_booked


class WaitingStatus(models.TextChoices):
    WAITING = "waiting", _("Waits for its sale")
    APPLIED = "applied", _("Applied")
    REFUSED = "refused", _("Refused")


class WaitingReturnQuerySet(TenantQuerySet["WaitingReturn"]):
    def waiting(self) -> Self:
        return self.filter(status=WaitingStatus.WAITING)


class WaitingReturn(models.Model):
    """
    A return that was reported before its sale: it is applied when the sale comes.

    The return then has this row's id, so that the partner was told the right one.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    source = models.CharField(_("source"), max_length=40, db_comment="Key of the partner that reported it")
    external_id = models.CharField(_("outside id"), max_length=100)
    sale_external_id = models.CharField(_("outside id of the sale"), max_length=100)
    body = models.JSONField(_("as it was reported"), db_comment="As it was reported")
    fingerprint = models.BinaryField(
        max_length=32, db_comment="SHA-256 of what was reported: tells a repeat from a change"
    )
    status = models.CharField(_("status"), max_length=8, choices=WaitingStatus, default=WaitingStatus.WAITING)
    reason = models.CharField(_("why not"), max_length=300, blank=True, default="")
    occurred_at = models.DateTimeField(_("occurred at"), db_comment="By the partner's clock")
    recorded_at = models.DateTimeField(_("recorded at"), db_comment="By the program's clock")
    activity = models.OneToOneField(
        Activity, models.PROTECT, null=True, related_name="waited", verbose_name=_("return")
    )

    objects = WaitingReturnQuerySet.as_manager()

    class Meta:
        verbose_name = _("waiting return")
        verbose_name_plural = _("waiting returns")
        constraints = [
            models.UniqueConstraint(name="a_return_waits_once", fields=["program", "source", "external_id"]),
            models.CheckConstraint(
                name="a_waiting_return_has_one_end",
                condition=Q(status="waiting", activity__isnull=True, reason="")
                | Q(status="applied", activity__isnull=False, reason="")
                | (Q(status="refused", activity__isnull=True) & ~Q(reason="")),
            ),
        ]
        indexes = [
            models.Index(
                name="returns_waiting_for_a_sale",
                fields=["program", "source", "sale_external_id"],
                condition=Q(status="waiting"),
            ),
            models.Index(name="waiting_returns_by_day", fields=["program", "-id"]),
        ]
        triggers = [
            waits_or_is_booked(
                others="rewards_activity WHERE kind = 'return'", condition=pgtrigger.Q(new__status="waiting")
            )
        ]

    def __str__(self) -> str:
        return self.external_id
