from typing import Self

import pghistory
import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import KEY_VALIDATOR, MADE_OR_RENAMED, moves_the_rules_revision
from loyalty.core.tenancy import TenantQuerySet
from members.models import Member
from rewards.models.activity import Activity

GOAL_AT_MOST = 1_000_000


@pghistory.track()
class Challenge(models.Model):
    """A goal with a counter: campaigns bring members nearer to it, and listen to its completion."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="challenges", verbose_name=_("program"))
    key = models.CharField(_("key"), max_length=40, validators=[KEY_VALIDATOR])
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True, help_text=_("What members are told of it."))
    goal = models.IntegerField(
        _("goal"),
        validators=[MinValueValidator(1), MaxValueValidator(GOAL_AT_MOST)],
        help_text=_("How much progress completes it, such as 10 stamps."),
    )
    is_repeatable = models.BooleanField(
        _("can be repeated"), default=False, help_text=_("Begins anew each time that it is completed.")
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = TenantQuerySet["Challenge"].as_manager()

    class Meta:
        verbose_name = _("challenge")
        verbose_name_plural = _("challenges")
        constraints = [
            models.UniqueConstraint(name="one_challenge_per_key", fields=["program", "key"]),
            models.CheckConstraint(
                name="a_challenge_has_a_goal", condition=Q(goal__gte=1, goal__lte=GOAL_AT_MOST)
            ),
        ]
        triggers = [moves_the_rules_revision(operation=MADE_OR_RENAMED)]

    def __str__(self) -> str:
        return self.name


class ChallengeProgressQuerySet(TenantQuerySet["ChallengeProgress"]):
    def newest(self) -> Self:
        """Where each member stands with each challenge: the last step of it."""
        return self.order_by("member", "challenge", "-number").distinct("member", "challenge")


class ChallengeProgress(models.Model):
    """
    A step of a member towards a challenge's goal, and where it has led.

    Steps are added and never changed. Each has the number after the one that it was decided from,
    so that of two at the same time one is decided again.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="challenges", verbose_name=_("member")
    )
    challenge = models.ForeignKey(
        Challenge, models.PROTECT, db_index=False, related_name="steps", verbose_name=_("challenge")
    )
    number = models.PositiveIntegerField(_("number"))
    added = models.PositiveIntegerField(_("added"), db_comment="Of what was given, what counted")
    progress = models.PositiveIntegerField(
        _("progress"), db_comment="Towards the goal of then, after this step; starts anew at a completion"
    )
    completions = models.PositiveIntegerField(
        _("completed"), db_comment="How often the member has completed the challenge, after this step"
    )
    activity = models.ForeignKey(
        Activity, models.PROTECT, db_index=False, related_name="+", verbose_name=_("activity")
    )
    made_at = models.DateTimeField(_("made at"))

    objects = ChallengeProgressQuerySet.as_manager()

    class Meta:
        verbose_name = _("step of a challenge")
        verbose_name_plural = _("steps of challenges")
        constraints = [
            models.UniqueConstraint(
                name="steps_of_a_challenge_are_numbered", fields=["member", "challenge", "number"]
            ),
            models.CheckConstraint(name="a_step_leads_somewhere", condition=Q(added__gte=1)),
            models.CheckConstraint(name="steps_are_counted_from_one", condition=Q(number__gte=1)),
        ]
        indexes = [models.Index(name="steps_by_challenge", fields=["challenge", "-id"])]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.progress}"
