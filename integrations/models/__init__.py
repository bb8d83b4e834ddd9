from integrations.models.consumer import Consumer
from integrations.models.partner import Credential, Partner
from integrations.models.sandbox import ClockMove
from integrations.models.webhook import (
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    DisabledBecause,
    WebhookEndpoint,
)

__all__ = [
    "ClockMove",
    "Consumer",
    "Credential",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryStatus",
    "DisabledBecause",
    "Partner",
    "WebhookEndpoint",
]
