from typing import Self

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import KEY_VALIDATOR, moves_the_rules_revision


class CampaignStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def running(self) -> Self:
        return self.filter(status=CampaignStatus.RUNNING)


@pghistory.track()
class Campaign(models.Model):
    """
    An earning rule as a marketer sees it: its name, its state and the definition being worked on.

    Members earn by its versions, never by the draft.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="campaigns", verbose_name=_("program"))
    key = models.CharField(_("key"), max_length=40, validators=[KEY_VALIDATOR])
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=CampaignStatus, default=CampaignStatus.DRAFT
    )
    draft = models.JSONField(
        _("draft"), default=dict, help_text=_("Trigger, conditions, effects and schedule.")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [models.UniqueConstraint(name="one_campaign_per_key", fields=["program", "key"])]
        permissions = [("publish_campaign", "Can publish, pause and end campaigns")]

    def __str__(self) -> str:
        return self.name


class CampaignVersion(models.Model):
    """
    A campaign's frozen state from a moment on. The newest version whose time has come is in force.

    Pausing and ending are versions too (`is_running` is false), so that a sale that arrives late
    earns by what held when it happened.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="+")
    campaign = models.ForeignKey(
        Campaign, models.PROTECT, related_name="versions", verbose_name=_("campaign")
    )
    number = models.PositiveIntegerField(_("number"))
    is_running = models.BooleanField(_("running"), default=True)
    definition = models.JSONField(_("definition"))
    effective_at = models.DateTimeField(_("in force from"))
    published_at = models.DateTimeField(_("published at"), auto_now_add=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("published by")
    )

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        constraints = [
            models.UniqueConstraint(name="versions_are_numbered_in_a_row", fields=["campaign", "number"]),
            models.CheckConstraint(name="version_numbers_start_at_one", condition=Q(number__gte=1)),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            moves_the_rules_revision(),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} {self.number}"
