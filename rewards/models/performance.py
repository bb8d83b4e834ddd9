"""What is known of campaigns' results: counted by day, and measured as a whole."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models import Member
from rewards.models.campaign import Campaign, CampaignVersion


class CampaignDay(models.Model):
    """
    What a campaign version gave on a day, to those of one variant: a sum that can be made again.

    Written by `rewards.performance.days` alone, a day at a time, from the activities of that day.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    campaign = models.ForeignKey(Campaign, models.PROTECT, db_index=False, related_name="days")
    version = models.ForeignKey(CampaignVersion, models.PROTECT, db_index=False, related_name="+")
    variant = models.CharField(max_length=40, blank=True, db_comment="Key of the variant; empty without")
    day = models.DateField(db_comment="On which the activities happened, in the program's time zone")
    activities = models.PositiveIntegerField(db_comment="That it gave something for")
    members = models.PositiveIntegerField(db_comment="Different ones on that day")
    points = models.JSONField(default=dict, db_comment="{wallet type: points} as granted, without returns")
    sales = models.DecimalField(
        max_digits=16, decimal_places=2, db_comment="Of those activities that are sales, net of returns"
    )

    objects = TenantQuerySet["CampaignDay"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="a_campaigns_day_is_counted_once", fields=["campaign", "day", "version", "variant"]
            )
        ]
        indexes = [models.Index(name="campaign_days_of_a_program", fields=["program", "day"])]

    def __str__(self) -> str:
        return f"{self.campaign} {self.day}"


class CampaignDayMark(models.Model):
    """How far a program's activities are counted into campaign days; see Note [Campaign days]."""

    program = models.OneToOneField(Program, models.PROTECT, primary_key=True, related_name="+")
    counted_through = models.UUIDField(db_comment="rewards_activity.id: none up to it is missing")
    time_zone = models.CharField(max_length=63, db_comment="By which the days were cut")
    counted_at = models.DateTimeField(db_comment="By the real clock")

    objects = TenantQuerySet["CampaignDayMark"].as_manager()

    def __str__(self) -> str:
        return f"{self.program}"


class CampaignAudience(models.Model):
    """
    For whom a campaign was when its groups were drawn: written down once, before it can have an effect.

    Only for audiences that a campaign can change, by segments or tiers; `members` are its rows.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="+")
    campaign = models.ForeignKey(Campaign, models.PROTECT, db_index=False, related_name="+")
    starts_at = models.DateTimeField(db_comment="When these groups began to differ")
    taken_at = models.DateTimeField(db_comment="When it was written down, by the program's clock")

    objects = TenantQuerySet["CampaignAudience"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="an_audience_is_kept_once", fields=["campaign", "starts_at"])
        ]

    def __str__(self) -> str:
        return f"{self.campaign} {self.starts_at}"


class CampaignAudienceMember(models.Model):
    """A member of an audience that was written down."""

    program_path = "audience__program"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    audience = models.ForeignKey(CampaignAudience, models.CASCADE, db_index=False, related_name="members")
    member = models.ForeignKey(Member, models.PROTECT, db_index=False, related_name="+")

    objects = TenantQuerySet["CampaignAudienceMember"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="a_member_is_in_an_audience_once", fields=["audience", "member"])
        ]

    def __str__(self) -> str:
        return f"{self.member_id}"


class MeasurementStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Broken off")


class CampaignMeasurementQuerySet(TenantQuerySet["CampaignMeasurement"]):
    def under_way(self) -> Self:
        return self.filter(status__in=(MeasurementStatus.WAITING, MeasurementStatus.RUNNING))


class CampaignMeasurement(models.Model):
    """
    A campaign's results as they were last counted from all activities, and when.

    While it is counted anew, the figures of the last time stay.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="+")
    campaign = models.OneToOneField(Campaign, models.PROTECT, related_name="measurement")
    status = models.CharField(max_length=7, choices=MeasurementStatus, default=MeasurementStatus.WAITING)
    asked_at = models.DateTimeField(db_comment="By the real clock")
    counted_at = models.DateTimeField(
        null=True, db_comment="By the program's clock: what happened until then is in the figures"
    )
    seconds = models.FloatField(default=0)
    figures = models.JSONField(default=dict, db_comment="See rewards.performance.figures; no floats")
    problem = models.CharField(max_length=100, blank=True)

    objects = CampaignMeasurementQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="figures_say_of_when_they_are", condition=Q(counted_at__isnull=False) | Q(figures={})
            )
        ]
        permissions = [("measure_campaign", "Can have the results of campaigns counted anew")]

    def __str__(self) -> str:
        return f"{self.campaign}"

    @property
    def is_under_way(self) -> bool:
        return self.status in (MeasurementStatus.WAITING, MeasurementStatus.RUNNING)
