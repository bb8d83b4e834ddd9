from typing import Self

import pgtrigger
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models.member import Member

PURPOSE_VALIDATOR = RegexValidator(
    r"^[a-z][a-z0-9_.-]*\Z",
    _("Use lower-case letters, digits, hyphens, dots and underscores; begin with a letter."),
)


class ConsentQuerySet(TenantQuerySet["Consent"]):
    def newest(self) -> Self:
        """Of each member and purpose what was said last, whenever it was learned."""
        return self.order_by("member", "purpose", "-occurred_at", "-id").distinct("member", "purpose")


class Consent(models.Model):
    """
    That a member agreed to something, or does so no longer: said once, and kept for good.

    It holds no personal data but that it was said; the proof of it stands in `ConsentEvidence`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="consents", verbose_name=_("member")
    )
    purpose = models.CharField(
        _("purpose"),
        max_length=40,
        validators=[PURPOSE_VALIDATOR],
        help_text=_("What the data may be used for, as newsletter or profiling."),
    )
    is_granted = models.BooleanField(_("granted"), db_comment="False: withdrawn")
    version = models.CharField(
        _("version of the text"), max_length=60, blank=True, help_text=_("The wording that was agreed to.")
    )
    source = models.CharField(
        _("where it was said"),
        max_length=60,
        blank=True,
        help_text=_("As till-12, app or preference-centre."),
    )
    actor = models.CharField(_("reported by"), max_length=80, db_comment="partner:<key> or staff:<id>")
    occurred_at = models.DateTimeField(_("at"), db_comment="When the member said so")
    recorded_at = models.DateTimeField(_("recorded at"), db_comment="By the program's clock")

    objects = ConsentQuerySet.as_manager()

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.CheckConstraint(name="a_consent_is_to_something", condition=~Q(purpose="")),
        ]
        indexes = [
            models.Index(name="consents_of_a_member", fields=["member", "purpose", "-occurred_at", "-id"]),
            models.Index(name="purposes_of_a_program", fields=["program", "purpose"]),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.purpose


class ConsentEvidence(models.Model):
    """What proves a consent, in the words of whoever took it. It goes when the person is forgotten."""

    consent = models.OneToOneField(
        Consent, models.PROTECT, primary_key=True, related_name="evidence", verbose_name=_("consent")
    )
    program_path = "consent__program"
    details = models.JSONField(_("details"), db_comment="Texts by name, such as the address of the form")

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("evidence of a consent")
        verbose_name_plural = _("evidence of consents")
        triggers = [pgtrigger.Protect(name="evidence_is_not_changed", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return str(self.pk)
