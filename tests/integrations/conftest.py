from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol

import pytest

from integrations import webhooks
from integrations.models import Partner, WebhookEndpoint
from loyalty.core.models import Event, Program
from members.models import Member
from tests import factories
from tests.integrations import receiver as receivers


class Publish(Protocol):
    def __call__(self, count: int = 1, **changes: Any) -> list[int]: ...


@pytest.fixture
def receiver() -> Iterator[receivers.Receiver]:
    with receivers.running() as receiver:
        yield receiver


@pytest.fixture
def listener(program: Program) -> Partner:
    return factories.PartnerFactory.create(program=program)


@pytest.fixture
def publish(program: Program, ada: Member, noon: datetime) -> Publish:
    """Writes events of Ada's to the log, and gives their numbers."""

    def publish(count: int = 1, **changes: Any) -> list[int]:
        values = {
            "program": program,
            "member_id": ada.pk,
            "type": "points.earned",
            "data": {"points": 5},
            "occurred_at": noon,
        } | changes
        return [Event.objects.create(**values).number for _ in range(count)]

    return publish


@pytest.fixture
def subscription(listener: Partner, receiver: receivers.Receiver) -> tuple[WebhookEndpoint, str]:
    return webhooks.subscribe(listener, url=receiver.url())


@pytest.fixture
def endpoint(subscription: tuple[WebhookEndpoint, str]) -> WebhookEndpoint:
    """Of the listener; the receiver behind it takes everything."""
    return subscription[0]
