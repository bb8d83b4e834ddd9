from datetime import datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integrations.models.partner import Partner
from loyalty.core.ids import new_id
from loyalty.core.tenancy import TenantQuerySet


class DeliveryStatus(models.TextChoices):
    PENDING = "pending", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    DEAD = "dead", _("Given up")


class DisabledBecause(models.TextChoices):
    BY_HAND = "by_hand", _("Somebody disabled it")
    GONE = "gone", _("The receiver answered that it is gone (410)")
    FAILING = "failing", _("It failed for five days")


class WebhookEndpoint(models.Model):
    """
    An address of a partner that is told of events, with its own secret and its own queue.

    Made, disabled and enabled by the operations of `integrations.webhooks`, which see to it that
    what happens while an endpoint is disabled is not lost.
    """

    program_path = "partner__program"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    partner = models.ForeignKey(
        Partner, models.PROTECT, related_name="webhook_endpoints", verbose_name=_("partner")
    )
    url = models.URLField(_("address"), max_length=500)
    event_types = ArrayField(
        models.CharField(max_length=60),
        verbose_name=_("events"),
        default=list,
        blank=True,
        help_text=_("Empty: all of them."),
    )
    secret = models.BinaryField(db_comment="The signing secret, encrypted with a key of the settings")
    is_enabled = models.BooleanField(_("enabled"), default=True)
    disabled_at = models.DateTimeField(_("disabled at"), null=True, blank=True, editable=False)
    disabled_because = models.CharField(
        _("disabled because"), max_length=10, choices=DisabledBecause, blank=True, editable=False
    )
    failing_since = models.DateTimeField(
        _("failing since"),
        null=True,
        blank=True,
        editable=False,
        db_comment="Empty once anything got through",
    )
    resumes_at = models.DateTimeField(
        _("resumes at"),
        null=True,
        blank=True,
        editable=False,
        db_comment="As the receiver asked by Retry-After",
    )
    queued_until = models.BigIntegerField(
        default=0,
        editable=False,
        db_comment="core_event.number: later events became deliveries, or will when it is enabled",
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = TenantQuerySet["WebhookEndpoint"].as_manager()

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")

    def __str__(self) -> str:
        return self.url


class DeliveryQuerySet(TenantQuerySet["Delivery"]):
    def due(self, moment: datetime) -> Self:
        return self.filter(status=DeliveryStatus.PENDING, next_attempt_at__lte=moment)


class Delivery(models.Model):
    """
    One event for one endpoint, until it is delivered or given up.

    `id` is the `webhook-id`: the same across retries. A worker that claims a delivery moves
    `next_attempt_at` past its lease, so that a crashed worker's claim falls due again by itself.
    """

    program_path = "endpoint__partner__program"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, models.PROTECT, related_name="deliveries", verbose_name=_("endpoint")
    )
    event_number = models.BigIntegerField(_("event"), db_comment="core_event.number")
    status = models.CharField(
        _("status"), max_length=10, choices=DeliveryStatus, default=DeliveryStatus.PENDING
    )
    attempt_count = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt at"))
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(
                name="an_event_goes_once_to_an_endpoint", fields=["endpoint", "event_number"]
            )
        ]
        indexes = [
            models.Index(
                name="deliveries_due",
                fields=["endpoint", "next_attempt_at", "event_number"],
                condition=Q(status="pending"),
            ),
            models.Index(name="deliveries_by_age", fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return f"#{self.event_number} → {self.endpoint_id}"


class DeliveryAttempt(models.Model):
    """One try to deliver, with what the receiver answered."""

    program_path = "delivery__endpoint__partner__program"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    delivery = models.ForeignKey(
        Delivery, models.CASCADE, related_name="attempts"
    )  # pruned with its delivery
    attempted_at = models.DateTimeField(_("attempted at"))
    status_code = models.PositiveSmallIntegerField(_("answer"), null=True)
    error = models.CharField(_("error"), max_length=200, blank=True)
    duration_ms = models.PositiveIntegerField(_("took"), help_text=_("Milliseconds."))

    objects = TenantQuerySet["DeliveryAttempt"].as_manager()

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")

    def __str__(self) -> str:
        return self.error or str(self.status_code)
