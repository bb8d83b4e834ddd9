import asyncio

from celery import shared_task
from django.utils import timezone

from integrations import delivery, sending


@shared_task
def deliver_webhooks() -> int:
    """Send what is due; a tick that comes while another is at it does nothing."""
    with sending.only_one() as is_mine:
        return asyncio.run(sending.run()) if is_mine else 0


@shared_task
def prune_deliveries() -> int:
    return delivery.prune(at=timezone.now())
