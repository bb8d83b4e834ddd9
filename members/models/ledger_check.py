from typing import Self

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet


class CheckStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    IN_ORDER = "in_order", _("In order")
    FAULTS = "faults", _("Faults found")
    FAILED = "failed", _("Could not be done")


class LedgerCheckQuerySet(TenantQuerySet["LedgerCheck"]):
    def shown_in(self, program: Program) -> Self:
        """Those of the program, and of the rows that belong to no program at all."""
        return self.filter(Q(program=program) | Q(program__isnull=True))

    def ended(self) -> Self:
        """Those that looked at everything."""
        return self.filter(status__in=[CheckStatus.IN_ORDER, CheckStatus.FAULTS])

    def under_way(self) -> Self:
        return self.filter(finished_at__isnull=True)


class LedgerCheck(models.Model):
    """
    One check of a program's books, and what it found.

    Without a program: of rows that belong to nobody, in whatever program they once were.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, null=True, db_index=False, related_name="+", verbose_name=_("program")
    )
    status = models.CharField(_("result"), max_length=8, choices=CheckStatus, default=CheckStatus.WAITING)
    actor = models.CharField(_("asked for by"), max_length=80, db_comment="staff:<id> or system:<job>")
    asked_at = models.DateTimeField(_("asked for"), db_comment="Real time, also in a sandbox")
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    members = models.BigIntegerField(_("members"), default=0)
    rows = models.BigIntegerField(_("rows"), default=0)
    sampled = models.IntegerField(
        _("activities worked out again"), default=0, db_comment="Drawn at random, awards computed again"
    )
    seconds = models.FloatField(_("seconds"), default=0)
    fault_count = models.BigIntegerField(_("faults"), default=0)
    faults = models.JSONField(
        default=list, db_comment="[{check, row, detail}], the first hundred of them; no personal data"
    )
    problem = models.CharField(
        _("problem"), max_length=200, blank=True, default="", db_comment="Why it could not be done"
    )
    event_number = models.BigIntegerField(
        default=0, db_comment="core_event.number up to which anchors and digest tell of entries"
    )
    digest = models.CharField(
        _("digest"), max_length=64, blank=True, default="", db_comment="SHA-256 of all chains' ends, as hex"
    )

    objects = LedgerCheckQuerySet.as_manager()

    class Meta:
        verbose_name = _("ledger check")
        verbose_name_plural = _("ledger checks")
        constraints = [
            models.UniqueConstraint(
                name="one_check_of_a_program_at_a_time",
                fields=["program"],
                condition=Q(finished_at__isnull=True),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="a_check_says_what_it_found",
                condition=Q(status="in_order", fault_count=0, finished_at__isnull=False)
                | Q(status="faults", fault_count__gt=0, finished_at__isnull=False)
                | Q(status="failed", finished_at__isnull=False)
                | Q(status__in=["waiting", "running"], finished_at__isnull=True),
            ),
        ]
        permissions = [("run_ledgercheck", "Can have the books checked now")]
        indexes = [models.Index(name="ledger_checks_by_day", fields=["program", "-id"])]
        triggers = [
            pgtrigger.Protect(
                name="a_finished_check_stays_as_it_is",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__finished_at__isnull=False),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} ({self.asked_at:%Y-%m-%d})"

    @property
    def is_under_way(self) -> bool:
        return self.finished_at is None


class LedgerAnchor(models.Model):
    """
    How the chains of a chunk of members ended at a check that found the books in order.

    Of each program only the newest ones are kept. See Note [Anchors] in `members.ledger.verify.anchors`.
    """

    program_path = "check_made__program"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    check_made = models.ForeignKey(LedgerCheck, models.CASCADE, db_index=False, related_name="anchors")
    position = models.IntegerField(db_comment="0, 1, 2 …, in the order of the members")
    last_member_id = models.UUIDField(db_comment="members_member.id of the last one of the chunk")
    digest = models.BinaryField(
        max_length=32, db_comment="SHA-256 over ids of wallets and their newest hashes"
    )
    marks = models.BinaryField(
        db_comment="Of each wallet the last four bytes of its id and the first four of its newest hash"
    )

    objects = TenantQuerySet["LedgerAnchor"].as_manager()

    class Meta:
        verbose_name = _("anchor")
        verbose_name_plural = _("anchors")
        constraints = [
            models.UniqueConstraint(name="anchors_are_in_order", fields=["check_made", "position"])
        ]

    def __str__(self) -> str:
        return f"{self.check_made} {self.position}"
