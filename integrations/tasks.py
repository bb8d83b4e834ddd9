import asyncio
from typing import Final

from celery import shared_task
from django.utils import timezone

from integrations import calls, delivery, listening, sending, tokens
from integrations.sandbox import time_travel

CLOCK_SECONDS: Final = 30


@shared_task
def deliver_webhooks() -> int:
    """Send what is due; a tick that comes while another is at it does nothing."""
    with sending.only_one() as is_mine:
        return asyncio.run(sending.run()) if is_mine else 0


@shared_task
def notice_occasions() -> int:
    """Book what campaigns listen to beside sales and reported events, from the event log."""
    return listening.notice_occasions()


@shared_task
def move_test_clocks() -> None:
    """Go on with test clocks whose caller waits no longer, or was lost."""
    for move in time_travel.abandoned():
        time_travel.go_on(move, seconds=CLOCK_SECONDS)


@shared_task
def prune_deliveries() -> int:
    return delivery.prune(at=timezone.now())


@shared_task
def prune_access_tokens() -> int:
    return tokens.prune(at=timezone.now())


@shared_task
def prune_calls() -> int:
    return calls.prune(at=timezone.now())
