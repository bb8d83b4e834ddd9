"""A week in which one of two endpoints is dead, hour by hour."""

from collections import Counter
from datetime import timedelta

import pytest

from integrations import delivery, webhooks
from integrations.delivery import Outcome
from integrations.models import DisabledBecause, WebhookEndpoint
from tests.integrations.test_webhooks import queue

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


class Week:
    """Sends what is due at each hour; an endpoint answers 204, or 503 while it is dead."""

    def __init__(self) -> None:
        self.dead: set[object] = set()
        self.arrived: dict[object, Counter[int]] = {}
        self.latest_by: dict[object, timedelta] = {}

    def send(self, *, at):
        while claimed := delivery.claim({}, room=1_000, failing_room=1_000, limit=10_000, at=at):
            delivery.record([self._answer(one, at) for one in claimed])

    def _answer(self, one, at):
        if one.endpoint_id in self.dead:
            return Outcome(one, at, 10, 503, "The answer was 503.")
        self.arrived.setdefault(one.endpoint_id, Counter())[one.event_number] += 1
        return Outcome(one, at, 10, 204)


def test_loses_nothing_disturbs_nobody_and_catches_up(listener, publish, noon):
    broken, healthy = (webhooks.subscribe(listener, url="http://127.0.0.1:1/")[0] for _ in range(2))
    week, published = Week(), []
    week.dead.add(broken.pk)

    for hour in range(7 * 24):
        at = noon + hour * HOUR
        numbers = publish()
        published += numbers
        queue(numbers, at=at)
        week.send(at=at)
        assert sum(week.arrived[healthy.pk].values()) == hour + 1

    broken.refresh_from_db()
    assert broken.disabled_because == DisabledBecause.FAILING
    assert broken.disabled_at - noon >= timedelta(days=5)
    assert broken.disabled_at - noon < timedelta(days=5, hours=24)
    assert broken.deliveries.filter(status="dead").exists()
    assert WebhookEndpoint.objects.get(pk=healthy.pk).is_enabled

    week.dead.clear()
    end = noon + timedelta(days=7)
    missed = webhooks.enable(broken, at=end)
    week.send(at=end)

    assert missed > 0
    assert week.arrived[broken.pk] == week.arrived[healthy.pk] == Counter(published)
    assert set(broken.deliveries.values_list("status", flat=True)) == {"delivered"}
