from integrations.admin.call import CallAdmin
from integrations.admin.credential import CredentialAdmin
from integrations.admin.partner import PartnerAdmin
from integrations.admin.webhook import DeliveryAdmin, WebhookEndpointAdmin

__all__ = ["CallAdmin", "CredentialAdmin", "DeliveryAdmin", "PartnerAdmin", "WebhookEndpointAdmin"]
