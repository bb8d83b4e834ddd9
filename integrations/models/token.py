from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from integrations.models.partner import Credential
from loyalty.core.ids import new_id
from loyalty.core.tenancy import TenantQuerySet

LASTS_AT_MOST = timedelta(hours=1)


class AccessToken(models.Model):
    """
    What an OAuth client calls with for up to an hour. Only its digest is kept.

    It works no longer than its credential, and for no scope that its credential has lost.
    """

    program_path = "credential__partner__program"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Tokens are no record of anything: they go with what they stand for.
    credential = models.ForeignKey(
        Credential, models.CASCADE, related_name="tokens", verbose_name=_("credential")
    )
    digest = models.BinaryField(max_length=32, unique=True, db_comment="SHA-256 of the whole token")
    scopes = ArrayField(models.CharField(max_length=40), verbose_name=_("scopes"))
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("expires at"), db_index=True)

    objects = TenantQuerySet["AccessToken"].as_manager()

    class Meta:
        verbose_name = _("access token")
        verbose_name_plural = _("access tokens")
        constraints = [
            models.CheckConstraint(
                name="a_token_lasts_an_hour_at_most",
                condition=Q(expires_at__gt=F("created_at"))
                & Q(expires_at__lte=F("created_at") + LASTS_AT_MOST),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
