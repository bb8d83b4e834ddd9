import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from rewards.models.redemption import Redemption
from rewards.models.reward import Reward

CODE_LENGTH = 40


class UploadedCode(models.Model):
    """
    A code of a third party that a voucher of a reward can have: given once, or still there to be given.

    One that was given stays so, whatever becomes of the voucher: who knows it might use it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    reward = models.ForeignKey(
        Reward, models.PROTECT, db_index=False, related_name="uploaded_codes", verbose_name=_("reward")
    )
    code = models.CharField(_("code"), max_length=CODE_LENGTH, db_comment="As it was uploaded")
    uploaded_at = models.DateTimeField(_("uploaded at"))
    redemption = models.OneToOneField(
        Redemption, models.PROTECT, null=True, related_name="+", verbose_name=_("given with")
    )
    given_at = models.DateTimeField(_("given at"), null=True)

    objects = TenantQuerySet["UploadedCode"].as_manager()

    class Meta:
        verbose_name = _("uploaded code")
        verbose_name_plural = _("uploaded codes")
        constraints = [
            models.UniqueConstraint(name="an_uploaded_code_is_there_once", fields=["program", "code"]),
            models.CheckConstraint(
                name="a_code_is_given_at_a_moment",
                condition=Q(redemption__isnull=True, given_at__isnull=True)
                | Q(redemption__isnull=False, given_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                name="codes_that_are_left", fields=["reward", "id"], condition=Q(redemption__isnull=True)
            )
        ]
        triggers = [
            pgtrigger.Protect(
                name="a_code_that_was_given_stays_so",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__redemption__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"…{self.code[-4:]}"
