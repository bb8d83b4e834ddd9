from datetime import datetime
from typing import Self

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models import Program
from loyalty.core.models.program import KEY_VALIDATOR
from loyalty.core.tenancy import TenantQuerySet
from rewards.engine.triggers import SOURCE


@pghistory.track()
class Partner(models.Model):
    """An outside system of one program: a till network, a shop, an app, a CRM."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, models.PROTECT, related_name="partners", verbose_name=_("program"))
    key = models.CharField(_("key"), max_length=40, validators=[KEY_VALIDATOR])
    name = models.CharField(_("name"), max_length=100)
    is_active = models.BooleanField(_("active"), default=True)

    objects = TenantQuerySet["Partner"].as_manager()

    class Meta:
        verbose_name = _("partner")
        verbose_name_plural = _("partners")
        constraints = [models.UniqueConstraint(name="one_partner_per_key", fields=["program", "key"])]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Activities that the program itself has seen say so by this key."""
        if self.key == SOURCE:
            raise ValidationError({"key": _("This key is the program's own.")})


class CredentialKind(models.TextChoices):
    API_KEY = "api_key", _("API key")
    OAUTH_CLIENT = "oauth_client", _("OAuth client")


class CredentialQuerySet(TenantQuerySet["Credential"]):
    def valid(self, moment: datetime) -> Self:
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=moment),
            revoked_at__isnull=True,
            partner__is_active=True,
        )


@pghistory.track(exclude=["digest", "last_used_at"])
class Credential(models.Model):
    """
    What a partner proves itself by: an API key, or an OAuth client's secret.

    Only its digest is kept; the key or secret itself is shown once. A client whose secret is rotated
    has two credentials for a while, with the same client id.
    """

    program_path = "partner__program"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    partner = models.ForeignKey(
        Partner, models.PROTECT, related_name="credentials", verbose_name=_("partner")
    )
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=12, choices=CredentialKind, default=CredentialKind.API_KEY)
    client_id = models.CharField(_("client id"), max_length=40, blank=True, default="")
    prefix = models.CharField(_("begins with"), max_length=16, help_text=_("Enough to recognise it by."))
    digest = models.BinaryField(
        max_length=32, unique=True, db_comment="SHA-256 of the whole API key or client secret"
    )
    scopes = ArrayField(models.CharField(max_length=40), verbose_name=_("scopes"), default=list)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    last_used_at = models.DateTimeField(
        _("last used at"), null=True, blank=True, db_comment="To the minute or so"
    )

    objects = CredentialQuerySet.as_manager()

    class Meta:
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")
        constraints = [
            models.CheckConstraint(
                name="a_client_has_an_id_and_a_key_has_none",
                condition=Q(kind="api_key", client_id="") | (Q(kind="oauth_client") & ~Q(client_id="")),
            ),
            models.CheckConstraint(
                name="a_key_expires_after_it_was_made",
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def works_at(self, moment: datetime) -> bool:
        """Whether it has neither ended nor been revoked; its partner may be switched off all the same."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > moment)
