from datetime import datetime
from typing import Final, Self

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Approval, Program
from loyalty.core.models.program import KEY_VALIDATOR, RENAMED, moves_the_rules_revision
from loyalty.core.tenancy import TenantQuerySet


class CampaignStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    APPROVED = "approved", _("Approved")
    SCHEDULED = "scheduled", _("Scheduled")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")
    ARCHIVED = "archived", _("Archived")


NEVER_PUBLISHED: Final = (CampaignStatus.DRAFT, CampaignStatus.IN_REVIEW, CampaignStatus.APPROVED)
UNDER_WAY: Final = (CampaignStatus.SCHEDULED, CampaignStatus.RUNNING, CampaignStatus.PAUSED)
OVER: Final = (CampaignStatus.ENDED, CampaignStatus.ARCHIVED)

STEPS: Final[dict[str, tuple[str, ...]]] = {
    CampaignStatus.DRAFT: ("in_review", "scheduled", "running", "archived"),
    CampaignStatus.IN_REVIEW: ("draft", "approved"),
    CampaignStatus.APPROVED: ("draft", "in_review", "scheduled", "running"),
    CampaignStatus.SCHEDULED: ("draft", "approved", "running"),
    CampaignStatus.RUNNING: ("paused", "ended"),
    CampaignStatus.PAUSED: ("running", "ended"),
    CampaignStatus.ENDED: ("archived",),
    CampaignStatus.ARCHIVED: ("draft", "ended"),
}
"""What may follow what. The database refuses everything else."""


class VersionStep(models.TextChoices):
    """What somebody did that made a version."""

    PUBLISHED = "published", _("Published")
    REVERTED = "reverted", _("Went back")
    PAUSED = "paused", _("Paused")
    RESUMED = "resumed", _("Resumed")
    CALLED_OFF = "called_off", _("Called off")
    ENDED = "ended", _("Ended")


_REFUSED: Final = "USING ERRCODE = 'integrity_constraint_violation'"
_PAIRS: Final = ", ".join(f"('{before}', '{after}')" for before, then in STEPS.items() for after in then)


def _steps_follow_each_other() -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="steps_follow_each_other",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update,
        func=(
            "IF TG_OP = 'INSERT' THEN"
            f" IF NEW.status <> 'draft' THEN RAISE EXCEPTION 'a campaign begins as a draft' {_REFUSED};"
            " END IF; RETURN NEW; END IF;"
            " IF NEW.status = OLD.status THEN RETURN NEW; END IF;"
            f" IF (OLD.status, NEW.status) NOT IN ({_PAIRS}) THEN"
            " RAISE EXCEPTION 'a campaign that is % does not become %', OLD.status, NEW.status"
            f" {_REFUSED}; END IF;"
            " IF NEW.status IN ('scheduled', 'running') AND NOT coalesce((SELECT is_running"
            " FROM rewards_campaignversion WHERE campaign_id = NEW.id ORDER BY number DESC LIMIT 1), false)"
            f" THEN RAISE EXCEPTION 'no version of the campaign runs' {_REFUSED}; END IF;"
            " RETURN NEW;"
        ),
    )


def _what_is_asked_for_stays() -> pgtrigger.Trigger:
    """A draft in review is not changed; one that is changed after its approval needs another."""
    return pgtrigger.Trigger(
        name="what_is_asked_for_stays",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func=(
            "IF NEW.draft = OLD.draft OR OLD.approval_id IS NULL"
            " OR NEW.approval_id IS DISTINCT FROM OLD.approval_id THEN RETURN NEW; END IF;"
            " IF (SELECT status FROM core_approval WHERE id = OLD.approval_id) = 'pending' THEN"
            f" RAISE EXCEPTION 'a draft in review stays as it is: %', OLD.id {_REFUSED}; END IF;"
            " NEW.approval_id := NULL;"
            " IF NEW.status = 'approved' THEN NEW.status := 'draft'; END IF;"
            " RETURN NEW;"
        ),
    )


def _what_runs_was_agreed_to() -> pgtrigger.Trigger:
    """Where a program asks for a second person, nothing runs that neither was approved nor ran before."""
    return pgtrigger.Trigger(
        name="what_runs_was_agreed_to",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func=(
            "IF NOT NEW.is_running"
            " OR NOT (SELECT campaigns_need_approval FROM core_program WHERE id = NEW.program_id)"
            " OR EXISTS (SELECT FROM core_approval WHERE id = NEW.approval_id AND status = 'approved'"
            " AND kind = 'campaign' AND program_id = NEW.program_id AND subject_id = NEW.campaign_id"
            " AND payload -> 'definition' = NEW.definition)"
            " OR EXISTS (SELECT FROM rewards_campaignversion WHERE campaign_id = NEW.campaign_id"
            " AND is_running AND definition = NEW.definition)"
            " THEN RETURN NEW; END IF;"
            f" RAISE EXCEPTION 'nobody approved this version of the campaign' {_REFUSED};"
        ),
    )


class CampaignQuerySet(TenantQuerySet["Campaign"]):
    def running(self) -> Self:
        return self.filter(status=CampaignStatus.RUNNING)

    def due(self, moment: datetime) -> Self:
        """Those that begin, change or end by themselves by that moment."""
        return self.filter(turns_at__lte=moment)


@pghistory.track(exclude=["turns_at"])
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
    approval = models.ForeignKey(
        Approval,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("approval"),
        db_comment="The request about the draft as it is now: it waits, or was granted",
    )
    turns_at = models.DateTimeField(
        null=True,
        editable=False,
        db_comment="When the next version or the schedule's start or end is due; `planning.turns` looks then",
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [models.UniqueConstraint(name="one_campaign_per_key", fields=["program", "key"])]
        indexes = [
            models.Index(
                name="campaigns_by_turn", fields=["program", "turns_at"], condition=Q(turns_at__isnull=False)
            ),
        ]
        permissions = [
            ("publish_campaign", "Can publish, pause and end campaigns"),
            ("submit_campaign", "Can submit campaigns for review"),
            ("approve_campaign", "Can approve campaigns of others"),
        ]
        triggers = [
            _steps_follow_each_other(),
            _what_is_asked_for_stays(),
            # Its versions say the rest.
            moves_the_rules_revision(operation=RENAMED),
        ]

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
    step = models.CharField(
        _("step"), max_length=10, choices=VersionStep, default=VersionStep.PUBLISHED, editable=False
    )
    is_running = models.BooleanField(_("running"), default=True)
    definition = models.JSONField(_("definition"))
    effective_at = models.DateTimeField(_("in force from"))
    published_at = models.DateTimeField(_("published at"), auto_now_add=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("published by")
    )
    approval = models.ForeignKey(
        Approval,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        db_comment="The request by which a second person agreed to this definition",
    )
    taken_from = models.PositiveIntegerField(
        null=True,
        editable=False,
        db_comment="The number of the version whose definition this one takes again",
    )

    objects = TenantQuerySet["CampaignVersion"].as_manager()

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        constraints = [
            models.UniqueConstraint(name="versions_are_numbered_in_a_row", fields=["campaign", "number"]),
            models.CheckConstraint(name="version_numbers_start_at_one", condition=Q(number__gte=1)),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            _what_runs_was_agreed_to(),
            moves_the_rules_revision(),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} {self.number}"
