from integrations.models.call import Call
from integrations.models.consumer import Consumer
from integrations.models.partner import Credential, Partner
from integrations.models.quota import Quota
from integrations.models.webhook import (
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    DisabledBecause,
    WebhookEndpoint,
)

__all__ = [
    "Call",
    "Consumer",
    "Credential",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryStatus",
    "DisabledBecause",
    "Partner",
    "Quota",
    "WebhookEndpoint",
]
