from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Collate, Upper
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.tenancy import TenantQuerySet


class KnownField(models.TextChoices):
    """What of purchases conditions ask about by value."""

    STORE = "store", _("Store")
    CATEGORY = "category", _("Category")
    BRAND = "brand", _("Brand")
    DEPARTMENT = "department", _("Department")
    SKU = "sku", _("Product")


class KnownValue(models.Model):
    """
    A store, category, brand, department or product that purchases have named, exactly as they wrote it.

    It is what forms offer to choose from. `planning.known_values` alone writes it, from activities.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, db_index=False, related_name="+")
    field = models.CharField(max_length=10, choices=KnownField)
    value = models.CharField(max_length=100)
    label = models.CharField(
        max_length=200, blank=True, db_comment="What a receipt called it last; empty if nothing but the value"
    )
    last_seen = models.DateField(db_comment="Day of the newest purchase with it, in the program's time zone")

    objects = TenantQuerySet["KnownValue"].as_manager()

    class Meta:
        verbose_name = _("known value")
        verbose_name_plural = _("known values")
        constraints = [
            models.UniqueConstraint(name="a_value_is_known_once", fields=["program", "field", "value"]),
            models.CheckConstraint(name="a_known_value_is_not_empty", condition=~models.Q(value="")),
        ]
        # Ranges of beginnings are looked up in the order of code points, which is that of the collation C.
        indexes = [
            models.Index("program", "field", Collate(Upper("value"), "C"), name="known_values_by_beginning"),
            models.Index(
                "program",
                "field",
                Collate(Upper("label"), "C"),
                name="known_labels_by_beginning",
                condition=~models.Q(label=""),
            ),
            GinIndex(OpClass(Upper("value"), name="gin_trgm_ops"), name="known_values_by_part"),
            GinIndex(
                OpClass(Upper("label"), name="gin_trgm_ops"),
                name="known_labels_by_part",
                condition=~models.Q(label=""),
            ),
        ]

    def __str__(self) -> str:
        return self.label or self.value


class KnownValueCursor(models.Model):
    """How far the activities of a program were read for values. Who holds its row is the one who reads."""

    program = models.OneToOneField(Program, models.PROTECT, primary_key=True, related_name="+")
    activity_id = models.UUIDField(db_comment="rewards_activity.id; ids grow with the moment of recording")

    objects = TenantQuerySet["KnownValueCursor"].as_manager()

    class Meta:
        verbose_name = _("known value cursor")
        verbose_name_plural = _("known value cursors")

    def __str__(self) -> str:
        return f"{self.program_id} up to {self.activity_id}"
