from django.db import models

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet
from members.models.hold import Hold
from members.models.transfer import Transfer


class BroughtPoints(models.Model):
    """
    Points that another member of the household added to what a hold reserves.

    If the hold comes to nothing, the transfer that brought them is undone.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    hold = models.ForeignKey(Hold, models.PROTECT, related_name="brought")
    transfer = models.OneToOneField(Transfer, models.PROTECT, related_name="+")

    objects = TenantQuerySet["BroughtPoints"].as_manager()

    def __str__(self) -> str:
        return str(self.transfer_id)
