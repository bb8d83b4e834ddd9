from typing import Self

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models.ledger import Wallet
from members.models.wallet_type import WalletType


class RunStatus(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


class ExpiryRunQuerySet(TenantQuerySet["ExpiryRun"]):
    def unfinished(self) -> Self:
        """Runs that a job has to go on with."""
        return self.filter(status__in=[RunStatus.RUNNING, RunStatus.UNDOING])


class ExpiryRun(models.Model):
    """
    Taking the points of one kind whose time is over by a moment, from all members.

    Its sums and its position move in the transaction of each chunk, so that a run that was broken
    off goes on where it stopped. A run is undone at most once, and then counts what it gave back.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, db_index=False, related_name="+")
    wallet_type = models.ForeignKey(
        WalletType, models.PROTECT, db_index=False, related_name="+", verbose_name=_("kind of points")
    )
    through = models.DateTimeField(_("through"), db_comment="What is due at this moment expires")
    status = models.CharField(_("status"), max_length=7, choices=RunStatus, default=RunStatus.RUNNING)
    members = models.BigIntegerField(_("members"), default=0)
    lots = models.BigIntegerField(_("grants"), default=0)
    points = models.BigIntegerField(_("points"), default=0)
    value = models.DecimalField(
        _("value"),
        max_digits=24,
        decimal_places=6,
        default=0,
        db_comment="Of the points, by the value of a point when they expired; in the program's currency",
    )
    position_at = models.DateTimeField(
        null=True, db_comment="Dates up to here are done; of this date, wallets up to position_id"
    )
    position_id = models.UUIDField(null=True)
    is_past_dates = models.BooleanField(
        default=False, db_comment="Lots with dates are done; wallets that lapse are next"
    )
    actor = models.CharField(_("by"), max_length=80)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    undone_by = models.CharField(_("undone by"), max_length=80, blank=True, default="")
    undone_at = models.DateTimeField(_("undone"), null=True, db_comment="When it was decided")
    undone_points = models.BigIntegerField(_("points given back"), default=0)
    new_expires_at = models.DateTimeField(
        _("new expiry"), null=True, db_comment="First moment at which the points given back are gone"
    )

    objects = ExpiryRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("expiry run")
        verbose_name_plural = _("expiry")
        constraints = [
            models.UniqueConstraint(
                name="one_expiry_run_at_a_time",
                fields=["wallet_type"],
                condition=Q(status=RunStatus.RUNNING),
            ),
            models.CheckConstraint(
                name="an_undone_run_says_when_and_until",
                condition=Q(
                    status__in=[RunStatus.UNDOING, RunStatus.UNDONE],
                    undone_at__isnull=False,
                    new_expires_at__isnull=False,
                )
                | Q(
                    status__in=[RunStatus.RUNNING, RunStatus.DONE],
                    undone_at__isnull=True,
                    new_expires_at__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="no_more_is_given_back_than_expired",
                condition=Q(undone_points__gte=0, undone_points__lte=F("points")),
            ),
        ]
        indexes = [models.Index(name="expiry_runs_of_a_program", fields=["program", "-started_at", "-id"])]
        triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.wallet_type} {self.through:%Y-%m-%d}"


class ExpiryWarning(models.Model):
    """
    A member was told that points of a wallet go on a date: an event `points.expiring`, once.

    `delivered_at` says that a receiver has taken the event.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    wallet = models.ForeignKey(Wallet, models.PROTECT, db_index=False, related_name="+")
    expires_at = models.DateTimeField(_("expires at"), db_comment="The date that was warned of")
    points = models.BigIntegerField(_("points"), db_comment="That would have gone then, at the warning")
    warned_at = models.DateTimeField(_("warned at"))
    delivered_at = models.DateTimeField(_("delivered at"), null=True)

    objects = TenantQuerySet["ExpiryWarning"].as_manager()

    class Meta:
        verbose_name = _("expiry warning")
        verbose_name_plural = _("expiry warnings")
        constraints = [
            models.UniqueConstraint(name="one_warning_per_wallet_and_date", fields=["wallet", "expires_at"]),
            models.CheckConstraint(name="a_warning_is_of_points", condition=Q(points__gt=0)),
        ]
        indexes = [models.Index(name="expiry_warnings_by_age", fields=["program", "-warned_at"])]

    def __str__(self) -> str:
        return f"{self.points} {self.expires_at:%Y-%m-%d}"
