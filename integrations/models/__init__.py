from integrations.models.call import Call
from integrations.models.consumer import Consumer
from integrations.models.partner import Credential, CredentialKind, Partner
from integrations.models.quota import Quota
from integrations.models.sandbox import ClockMove
from integrations.models.token import AccessToken
from integrations.models.webhook import (
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    DisabledBecause,
    WebhookEndpoint,
)

__all__ = [
    "AccessToken",
    "Call",
    "ClockMove",
    "Consumer",
    "Credential",
    "CredentialKind",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryStatus",
    "DisabledBecause",
    "Partner",
    "Quota",
    "WebhookEndpoint",
]
