from datetime import datetime
from typing import Self

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models.program import Program, never_emptied
from loyalty.core.models.user import User
from loyalty.core.tenancy import TenantQuerySet


class ApprovalStatus(models.TextChoices):
    PENDING = "pending", _("Waiting")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    EXPIRED = "expired", _("Ran out")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class ApprovalQuerySet(TenantQuerySet["Approval"]):
    def waiting(self, moment: datetime) -> Self:
        """Those that can still be decided at that moment."""
        return self.filter(status=ApprovalStatus.PENDING, expires_at__gt=moment)

    def overdue(self, moment: datetime) -> Self:
        """Those that nobody decided in time."""
        return self.filter(status=ApprovalStatus.PENDING, expires_at__lte=moment)


_ASKED = (
    "id", "program_id", "kind", "subject_id", "summary", "payload",
    "requested_by_id", "actor", "requested_at", "expires_at",
)  # fmt: skip
_DECIDED = ("status", "decided_by_id", "decided_at", "result")


def _row(side: str, columns: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"{side}.{column}" for column in columns) + ")"


class Approval(models.Model):
    """
    Something that one person asked for and that waits for another: asked once, decided once.

    What is carried out is what was asked for, so the payload is frozen. Notes are people's own words:
    they are not changed either, but may be emptied, so that a person can be forgotten.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, db_index=False, related_name="approvals")
    kind = models.CharField(_("kind"), max_length=40, db_comment="A key of `loyalty.core.approvals`")
    subject_id = models.UUIDField(
        null=True, db_comment="What it is about, by its kind: a member, a campaign; empty for the program"
    )
    summary = models.CharField(_("what"), max_length=200, db_comment="No personal data: it stays for good")
    payload = models.JSONField(db_comment="All that the kind needs to carry it out; no personal data")
    note = models.TextField(_("note"), blank=True)
    requested_by = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("asked by"),
        db_comment="Empty if a partner system asked",
    )
    actor = models.CharField(max_length=80, db_comment="Who asked: partner:<key> or staff:<id>")
    requested_at = models.DateTimeField(_("asked at"), db_comment="By the program's clock, like the others")
    expires_at = models.DateTimeField(_("runs out at"))
    status = models.CharField(
        _("status"), max_length=10, choices=ApprovalStatus, default=ApprovalStatus.PENDING
    )
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(
        _("decided at"), null=True, db_comment="Also when it was withdrawn, or found to have run out"
    )
    decision_note = models.TextField(_("note on the decision"), blank=True)
    result = models.CharField(
        max_length=100, blank=True, db_comment="What came of it, by its kind, as adjustment:<id>"
    )

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        constraints = [
            models.CheckConstraint(
                name="nobody_decides_on_their_own_request",
                condition=Q(requested_by__isnull=True)
                | Q(decided_by__isnull=True)
                | ~Q(requested_by=F("decided_by")),
            ),
            models.CheckConstraint(
                name="a_decision_says_who_and_when",
                condition=Q(status="pending", decided_by__isnull=True, decided_at__isnull=True)
                | Q(status__in=["approved", "rejected"], decided_by__isnull=False, decided_at__isnull=False)
                | Q(status__in=["expired", "withdrawn"], decided_by__isnull=True, decided_at__isnull=False),
            ),
            models.CheckConstraint(
                name="nothing_is_approved_after_its_time",
                condition=~Q(status="approved") | Q(decided_at__lt=F("expires_at")),
            ),
            models.CheckConstraint(
                name="only_what_is_approved_has_a_result", condition=Q(status="approved") | Q(result="")
            ),
        ]
        indexes = [
            models.Index(
                name="approvals_waiting", fields=["program", "expires_at"], condition=Q(status="pending")
            ),
            models.Index(name="approvals_by_age", fields=["program", "-id"]),
            models.Index(name="approvals_by_subject", fields=["subject_id", "-id"]),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="a_request_is_frozen",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=(
                    f"IF {_row('NEW', _ASKED)} IS DISTINCT FROM {_row('OLD', _ASKED)}"
                    " OR NEW.note NOT IN (OLD.note, '')"
                    " THEN RAISE EXCEPTION 'a request is frozen: %', OLD.id; END IF; RETURN NEW;"
                ),
            ),
            pgtrigger.Trigger(
                name="a_decision_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=(
                    f"IF OLD.status <> 'pending' AND ({_row('NEW', _DECIDED)} IS DISTINCT FROM"
                    f" {_row('OLD', _DECIDED)} OR NEW.decision_note NOT IN (OLD.decision_note, ''))"
                    " THEN RAISE EXCEPTION 'a decision stays: %', OLD.id; END IF; RETURN NEW;"
                ),
            ),
            pgtrigger.Protect(name="approvals_are_kept", operation=pgtrigger.Delete),
            never_emptied(),
        ]

    def __str__(self) -> str:
        return self.summary
