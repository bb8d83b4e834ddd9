import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models.member import Member
from members.models.tier import Tier, TierLadder


class FormerTier(models.Model):
    """
    A tier that a member once had. The one that they have is a `MemberTier`.

    Written in the plan that moves the member to another tier. Rows of one ladder may overlap where a
    merge was undone: the one written last counts.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, models.PROTECT, db_index=False, related_name="former_tiers", verbose_name=_("member")
    )
    ladder = models.ForeignKey(
        TierLadder, models.PROTECT, db_index=False, related_name="+", verbose_name=_("ladder")
    )
    tier = models.ForeignKey(Tier, models.PROTECT, db_index=False, related_name="+", verbose_name=_("tier"))
    starts_at = models.DateTimeField(_("from"), db_comment="When the tier was reached")
    ends_at = models.DateTimeField(_("until"), db_comment="When another one was reached; exclusive")

    objects = TenantQuerySet["FormerTier"].as_manager()

    class Meta:
        verbose_name = _("former tier of a member")
        verbose_name_plural = _("former tiers of members")
        constraints = [
            models.CheckConstraint(
                name="a_former_tier_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))
            ),
        ]
        indexes = [models.Index(name="former_tiers_of_a_member", fields=["member", "id"])]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.tier} ({self.starts_at:%Y-%m-%d} – {self.ends_at:%Y-%m-%d})"
