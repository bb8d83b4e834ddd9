import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models.member import Member, MemberStatus


class Merge(models.Model):
    """
    Two records of one person became one: what the duplicate had went to the survivor.

    `moved` is what an undo needs, by name: `identifiers` (their ids), `tiers` (for each ladder: the
    duplicate's tier, progress and date, and the survivor's tier and date before), `wallets` (for each
    kind of points: the points and the debt that moved). The entries are `merge:<id>:…`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, db_index=False, related_name="+")
    survivor = models.ForeignKey(Member, models.PROTECT, related_name="merges", verbose_name=_("stays"))
    duplicate = models.ForeignKey(
        Member, models.PROTECT, related_name="merged_by", verbose_name=_("duplicate")
    )
    duplicate_status = models.CharField(
        _("status before"), max_length=10, choices=MemberStatus, db_comment="Of the duplicate"
    )
    moved = models.JSONField(_("what moved"))
    actor = models.CharField(_("by"), max_length=80)
    merged_at = models.DateTimeField(_("merged at"), db_comment="By the program's clock")
    undone_at = models.DateTimeField(_("undone at"), null=True)
    undone_by = models.CharField(_("undone by"), max_length=80, blank=True)
    left_behind = models.JSONField(
        _("what did not go back"), default=list, db_comment="After an undo: sentences for staff"
    )

    objects = TenantQuerySet["Merge"].as_manager()

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("merged members")
        constraints = [
            models.UniqueConstraint(
                name="a_duplicate_is_merged_once", fields=["duplicate"], condition=Q(undone_at__isnull=True)
            ),
            models.CheckConstraint(
                name="nobody_is_merged_with_oneself", condition=~Q(survivor=F("duplicate"))
            ),
            models.CheckConstraint(
                name="an_undone_merge_says_when_and_by_whom",
                condition=Q(undone_at__isnull=True, undone_by="")
                | (Q(undone_at__isnull=False) & ~Q(undone_by="")),
            ),
        ]
        indexes = [models.Index(name="merges_by_age", fields=["program", "-id"])]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="what_was_merged_stays", exclude=["undone_at", "undone_by", "left_behind"]
            ),
            pgtrigger.Protect(
                name="undone_once",
                operation=pgtrigger.Update,
                # What did not go back is told with names, and emptied when a person is forgotten.
                condition=pgtrigger.Condition(
                    "OLD.undone_at IS NOT NULL AND (NEW.left_behind <> '[]'::jsonb OR"
                    " (NEW.undone_at, NEW.undone_by) IS DISTINCT FROM (OLD.undone_at, OLD.undone_by))"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.duplicate} → {self.survivor}"
