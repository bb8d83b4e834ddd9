from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet


class ClockMoveQuerySet(TenantQuerySet["ClockMove"]):
    def under_way(self) -> Self:
        return self.filter(finished_at__isnull=True)


class ClockMove(models.Model):
    """
    A sandbox's test clock on its way to a later moment: asked for once, carried out moment by moment.

    See Note [Test clock] in `integrations.sandbox`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_index=False, related_name="+", verbose_name=_("program")
    )
    from_at = models.DateTimeField(_("from"), db_comment="By the test clock")
    to_at = models.DateTimeField(_("to"), db_comment="By the test clock")
    reached_at = models.DateTimeField(
        _("reached"), null=True, db_comment="All that fell due until then has happened; empty: not begun"
    )
    actor = models.CharField(_("moved by"), max_length=80)
    asked_at = models.DateTimeField(_("asked for"), db_comment="Real time")
    busy_until = models.DateTimeField(
        null=True, db_comment="Real time: until then a process is at it, or was when it was lost"
    )
    finished_at = models.DateTimeField(_("finished"), null=True, db_comment="Real time; empty: under way")

    objects = ClockMoveQuerySet.as_manager()

    class Meta:
        verbose_name = _("move of a test clock")
        verbose_name_plural = _("moves of test clocks")
        permissions = [
            ("control_sandbox", "Can move a sandbox's clock, fill it and reset it"),
            ("create_sandbox", "Can make a sandbox with the rules of a program"),
        ]
        constraints = [
            models.UniqueConstraint(
                name="a_clock_moves_to_one_moment_at_a_time",
                fields=["program"],
                condition=Q(finished_at__isnull=True),
            ),
            models.CheckConstraint(name="a_clock_never_moves_back", condition=Q(to_at__gt=F("from_at"))),
        ]
        indexes = [models.Index(name="moves_of_a_program", fields=["program", "-id"])]

    def __str__(self) -> str:
        return f"{self.from_at:%Y-%m-%d %H:%M} → {self.to_at:%Y-%m-%d %H:%M}"
