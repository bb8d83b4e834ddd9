from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models import Member

CODE_LENGTH = 8


class ReferralCode(models.Model):
    """What a member passes on to friends: by it a friend says who brought them. Each has one, for good."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.OneToOneField(
        Member, models.PROTECT, related_name="referral_code", verbose_name=_("member")
    )
    code = models.CharField(_("code"), max_length=CODE_LENGTH)
    made_at = models.DateTimeField(_("made at"), db_comment="By the program's clock")

    disabled_at = models.DateTimeField(
        _("disabled"), null=True, db_comment="Nobody is brought by it from then on"
    )
    disabled_reason = models.CharField(
        _("why it is disabled"), max_length=200, blank=True, default="", db_default=""
    )

    objects = TenantQuerySet["ReferralCode"].as_manager()

    class Meta:
        verbose_name = _("referral code")
        verbose_name_plural = _("referral codes")
        constraints = [
            models.CheckConstraint(
                name="a_disabled_code_says_why",
                condition=Q(disabled_at__isnull=True, disabled_reason="")
                | (Q(disabled_at__isnull=False) & ~Q(disabled_reason="")),
            ),
            models.UniqueConstraint(name="a_referral_code_names_one_member", fields=["program", "code"]),
        ]
        indexes = [models.Index(name="referral_codes_by_age", fields=["program", "-id"])]

    def __str__(self) -> str:
        return self.code
