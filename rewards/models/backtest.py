from typing import Self

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from rewards.models.campaign import Campaign, CampaignVersion


class BacktestStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    CANCELLED = "cancelled", _("Cancelled")
    FAILED = "failed", _("Could not be done")


class BacktestQuerySet(TenantQuerySet["Backtest"]):
    def under_way(self) -> Self:
        return self.filter(finished_at__isnull=True)

    def done(self) -> Self:
        return self.filter(status=BacktestStatus.DONE)


class Backtest(models.Model):
    """
    What a definition would have given for past activities, beside what the rules in force would have.

    Nothing of it is booked. Its sums, its position and the rows of its members move together, at the
    end of each slice, so that a run whose worker died goes on where it stopped.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_index=False, related_name="+", verbose_name=_("program")
    )
    campaign = models.ForeignKey(
        Campaign, models.PROTECT, db_index=False, related_name="backtests", verbose_name=_("campaign")
    )
    version = models.ForeignKey(
        CampaignVersion,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("version"),
        db_comment="The published version with this definition, if there was one",
    )
    replaced = models.ForeignKey(
        CampaignVersion,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("version in force"),
        db_comment="Of the same campaign, when it was asked for: what the definition would take the place of",
    )
    definition = models.JSONField(_("definition"))
    digest = models.CharField(max_length=64, db_comment="SHA-256 of the definition with sorted keys, as hex")
    rules = models.JSONField(
        default=list, db_comment="Ids of the versions in force when it was asked for: today's rules"
    )
    prices = models.JSONField(
        default=dict,
        db_comment="{wallet type: what a point costs}, in the program's currency, when asked for",
    )
    keeps_dates = models.BooleanField(
        _("only between the campaigns' dates"),
        default=False,
        db_comment="False: start and end of each campaign are left out, as if it ran all the time",
    )
    starts_at = models.DateTimeField(_("from"), db_comment="Activities that occurred from then on")
    ends_at = models.DateTimeField(_("until"), db_comment="Exclusive")
    status = models.CharField(
        _("status"), max_length=9, choices=BacktestStatus, default=BacktestStatus.WAITING
    )
    is_to_stop = models.BooleanField(
        default=False, db_comment="Somebody has cancelled it; its worker will see"
    )
    actor = models.CharField(_("asked for by"), max_length=80, db_comment="staff:<id> or system:<job>")
    asked_at = models.DateTimeField(_("asked for"), db_comment="Real time, also in a sandbox")
    started_at = models.DateTimeField(_("started"), null=True)
    heard_at = models.DateTimeField(null=True, db_comment="When its worker last said that it is alive")
    finished_at = models.DateTimeField(_("finished"), null=True)
    total = models.BigIntegerField(_("activities"), default=0, db_comment="In the period, when it started")
    done = models.BigIntegerField(_("looked at"), default=0)
    position_at = models.DateTimeField(
        null=True, db_comment="Activities up to here are done; of this moment, up to position_id"
    )
    position_id = models.UUIDField(null=True)
    seconds = models.FloatField(_("seconds"), default=0, db_comment="Of work, without waiting")
    resumed = models.PositiveSmallIntegerField(
        default=0, db_comment="How often it went on after its worker was lost, since it last moved"
    )
    state = models.JSONField(default=dict, db_comment="Sums so far; empty when it has ended")
    result = models.JSONField(default=dict, db_comment="See rewards.backtests.results")
    problem = models.CharField(_("problem"), max_length=200, blank=True, default="")

    objects = BacktestQuerySet.as_manager()

    class Meta:
        verbose_name = _("backtest")
        verbose_name_plural = _("backtests")
        constraints = [
            models.UniqueConstraint(
                name="one_backtest_of_a_program_runs_at_a_time",
                fields=["program"],
                condition=Q(status="running"),
            ),
            models.CheckConstraint(
                name="a_backtest_has_ended_or_not",
                condition=Q(status__in=["waiting", "running"], finished_at__isnull=True)
                | Q(status__in=["done", "cancelled", "failed"], finished_at__isnull=False),
            ),
            models.CheckConstraint(name="a_backtest_has_a_period", condition=Q(ends_at__gt=F("starts_at"))),
        ]
        indexes = [
            models.Index(name="backtests_of_a_campaign", fields=["campaign", "-id"]),
            models.Index(
                name="backtests_under_way", fields=["program", "id"], condition=Q(finished_at__isnull=True)
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="a_finished_backtest_stays_as_it_is",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__finished_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} ({self.asked_at:%Y-%m-%d})"

    @property
    def is_under_way(self) -> bool:
        return self.finished_at is None

    @property
    def percent(self) -> int:
        return min(100, self.done * 100 // self.total) if self.total else 0


class BacktestMember(models.Model):
    """
    What a backtest that is under way has found for one member; gone when it ends.

    In rows and not in its worker's memory, which so stays the same for however many members.
    """

    program_path = "backtest__program"

    id = models.BigAutoField(primary_key=True)
    backtest = models.ForeignKey(Backtest, models.CASCADE, db_index=False, related_name="members")
    member_id = models.UUIDField()
    matched = models.BigIntegerField(default=0, db_comment="Activities that met the definition")
    earlier = models.BigIntegerField(
        default=0, db_comment="Activities that met the version that the definition takes the place of"
    )
    before = models.BigIntegerField(default=0, db_comment="Spendable points by today's rules")
    after = models.BigIntegerField(default=0, db_comment="Spendable points with the definition")
    given = models.BigIntegerField(default=0, db_comment="Points of any kind that the definition gave")
    part = models.CharField(max_length=40, default="", db_comment="Variant, or the control group")
    used = models.JSONField(
        default=dict, db_comment="{before, after: {limit period: [times, points]}}: limits per member"
    )

    objects = TenantQuerySet["BacktestMember"].as_manager()

    class Meta:
        verbose_name = _("member of a backtest")
        verbose_name_plural = _("members of backtests")
        constraints = [
            models.UniqueConstraint(name="a_backtest_has_a_row_per_member", fields=["backtest", "member_id"])
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.after - self.before:+d}"


class TallyKind(models.TextChoices):
    PRODUCT = "product", _("Product")
    STORE = "store", _("Store")


class BacktestTally(models.Model):
    """What a backtest that is under way has found for one product or store; gone when it ends."""

    program_path = "backtest__program"

    id = models.BigAutoField(primary_key=True)
    backtest = models.ForeignKey(Backtest, models.CASCADE, db_index=False, related_name="tallies")
    kind = models.CharField(max_length=7, choices=TallyKind)
    key = models.CharField(max_length=100)
    name = models.CharField(max_length=200, blank=True, default="")
    matched = models.BigIntegerField(default=0)
    amount = models.DecimalField(max_digits=18, decimal_places=2, default=0)
    points = models.BigIntegerField(default=0)

    objects = TenantQuerySet["BacktestTally"].as_manager()

    class Meta:
        verbose_name = _("tally of a backtest")
        verbose_name_plural = _("tallies of backtests")
        constraints = [
            models.UniqueConstraint(name="a_backtest_has_a_row_per_thing", fields=["backtest", "kind", "key"])
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
