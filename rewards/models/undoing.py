import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import never_emptied
from loyalty.core.tenancy import TenantQuerySet
from rewards.models.activity import Activity


class Undoing(models.Model):
    """
    That a sale was recorded by mistake: what took it back, and what stands in its place, if anything.

    The sale then is of the kind `undone`: it counts as a purchase no more, its number stays taken, and
    what is said of that number goes to the sale in its place.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    sale = models.OneToOneField(
        Activity, models.PROTECT, related_name="undoing", verbose_name=_("sale that was a mistake")
    )
    undo = models.OneToOneField(
        Activity, models.PROTECT, related_name="undoes", verbose_name=_("what took it back")
    )
    replacement = models.OneToOneField(
        Activity, models.PROTECT, null=True, related_name="replaces", verbose_name=_("sale in its place")
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    actor = models.CharField(_("by"), max_length=100, db_comment="As entries name who did something")
    undone_at = models.DateTimeField(_("undone at"), db_comment="By the program's clock")

    objects = TenantQuerySet["Undoing"].as_manager()

    class Meta:
        verbose_name = _("undone sale")
        verbose_name_plural = _("undone sales")
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied(),
        ]

    def __str__(self) -> str:
        return f"{self.sale_id}"
