import asyncio

from celery import shared_task
from django.utils import timezone

from integrations import calls, consumers, delivery, sending, tokens
from rewards import noticing


@shared_task
def deliver_webhooks() -> int:
    """Send what is due; a tick that comes while another is at it does nothing."""
    with sending.only_one() as is_mine:
        return asyncio.run(sending.run()) if is_mine else 0


@shared_task
def notice_occasions() -> int:
    """Book what campaigns listen to beside sales and reported events, from the event log."""
    return consumers.catch_up(
        noticing.CONSUMER,
        lambda span: noticing.notice(span.events().filter(type__in=noticing.TYPES)),
        limit=noticing.AT_ONCE,
    )


@shared_task
def prune_deliveries() -> int:
    return delivery.prune(at=timezone.now())


@shared_task
def prune_access_tokens() -> int:
    return tokens.prune(at=timezone.now())


@shared_task
def prune_calls() -> int:
    return calls.prune(at=timezone.now())
