import pghistory
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import KEY_VALIDATOR, MADE_OR_RENAMED, moves_the_rules_revision
from loyalty.core.tenancy import TenantQuerySet
from members.models import Member
from rewards.models.activity import Activity


@pghistory.track()
class Badge(models.Model):
    """A mark of something reached, which a campaign gives to a member once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="badges", verbose_name=_("program"))
    key = models.CharField(_("key"), max_length=40, validators=[KEY_VALIDATOR])
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True, help_text=_("What it takes to earn it."))
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = TenantQuerySet["Badge"].as_manager()

    class Meta:
        verbose_name = _("badge")
        verbose_name_plural = _("badges")
        constraints = [models.UniqueConstraint(name="one_badge_per_key", fields=["program", "key"])]
        triggers = [moves_the_rules_revision(operation=MADE_OR_RENAMED)]

    def __str__(self) -> str:
        return self.name


class MemberBadge(models.Model):
    """A badge that a member has, and the activity that gave it. Nothing takes it away."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="badges", verbose_name=_("member")
    )
    badge = models.ForeignKey(Badge, models.PROTECT, related_name="holders", verbose_name=_("badge"))
    activity = models.ForeignKey(
        Activity, models.PROTECT, db_index=False, related_name="+", verbose_name=_("activity")
    )
    earned_at = models.DateTimeField(_("earned at"))

    objects = TenantQuerySet["MemberBadge"].as_manager()

    class Meta:
        verbose_name = _("badge of a member")
        verbose_name_plural = _("badges of members")
        constraints = [
            models.UniqueConstraint(name="a_badge_is_earned_once", fields=["member", "badge"]),
        ]

    def __str__(self) -> str:
        return str(self.badge_id)
