from integrations.admin.partner import PartnerAdmin
from integrations.admin.webhook import DeliveryAdmin, WebhookEndpointAdmin

__all__ = ["DeliveryAdmin", "PartnerAdmin", "WebhookEndpointAdmin"]
