from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from rewards.models.activity import Activity


class UnclaimedSale(models.Model):
    """
    A sale of which nobody has said yet whose it was: a member may claim it by its receipt.

    Nothing is earned until then; it earns by the rules of when it happened. `activity` is what it was
    booked as. It says nothing about a person.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    source = models.CharField(_("source"), max_length=40, db_comment="Key of the partner that reported it")
    external_id = models.CharField(_("outside id"), max_length=100)
    store = models.CharField(_("store"), max_length=60, blank=True)
    amount = models.DecimalField(
        _("amount"), max_digits=14, decimal_places=2, db_comment="In the program's currency"
    )
    body = models.JSONField(_("as it was reported"), db_comment="As it was reported")
    fingerprint = models.BinaryField(
        max_length=32, db_comment="SHA-256 of what was reported: tells a repeat from a change"
    )
    occurred_at = models.DateTimeField(_("occurred at"), db_comment="By the partner's clock")
    recorded_at = models.DateTimeField(_("recorded at"), db_comment="By the program's clock")
    activity = models.OneToOneField(
        Activity, models.PROTECT, null=True, related_name="unclaimed", verbose_name=_("claimed as")
    )

    objects = TenantQuerySet["UnclaimedSale"].as_manager()

    class Meta:
        verbose_name = _("unclaimed sale")
        verbose_name_plural = _("unclaimed sales")
        constraints = [
            # In this order it finds a receipt whoever reported it, too.
            models.UniqueConstraint(
                name="an_unclaimed_sale_is_kept_once", fields=["program", "external_id", "source"]
            ),
            models.CheckConstraint(name="an_unclaimed_sale_is_worth_something", condition=Q(amount__gte=0)),
        ]
        indexes = [
            models.Index(name="unclaimed_sales_by_day", fields=["program", "-id"]),
            models.Index(
                name="unclaimed_sales_by_age",
                fields=["program", "occurred_at"],
                condition=Q(activity__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.external_id
