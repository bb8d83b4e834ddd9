from typing import Final

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integrations.models.partner import Credential
from loyalty.core.tenancy import TenantQuerySet

MOST: Final = 1_000_000_000


_BOUNDS: Final = [MinValueValidator(1), MaxValueValidator(MOST)]
_USUAL: Final = _("Empty: as many as others.")


@pghistory.track()
class Quota(models.Model):
    """How often one credential may call, where that is not what the settings say for all."""

    program_path = "credential__partner__program"

    credential = models.OneToOneField(
        Credential, models.PROTECT, primary_key=True, related_name="quota", verbose_name=_("API key")
    )
    calls_per_minute = models.PositiveIntegerField(
        _("calls a minute"), null=True, blank=True, validators=_BOUNDS, help_text=_USUAL
    )
    calls_per_hour = models.PositiveIntegerField(
        _("calls an hour"), null=True, blank=True, validators=_BOUNDS, help_text=_USUAL
    )

    objects = TenantQuerySet["Quota"].as_manager()

    class Meta:
        verbose_name = _("limit of calls")
        verbose_name_plural = _("limits of calls")
        constraints = [
            models.CheckConstraint(
                name="a_limit_of_calls_lets_some_pass",
                condition=(Q(calls_per_minute__isnull=True) | Q(calls_per_minute__gte=1))
                & (Q(calls_per_hour__isnull=True) | Q(calls_per_hour__gte=1)),
            ),
        ]

    def __str__(self) -> str:
        return str(self.credential_id)
