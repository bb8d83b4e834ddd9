from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone

from integrations.models import Delivery, WebhookEndpoint
from loyalty.core import health
from loyalty.core.api import counters
from loyalty.core.api.counters import Counters
from loyalty.core.models import Event

STATUS = "/v1/status"


@pytest.fixture(autouse=True)
def _worker():
    health.report_alive("worker")
    yield
    health.report_gone("worker")


@pytest.fixture
def endpoint(till) -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(
        partner=till.credential.partner, url="https://example.org/", secret=b"x"
    )


def due(endpoint: WebhookEndpoint, number: int, **ago: float) -> Delivery:
    return Delivery.objects.create(
        endpoint=endpoint, event_number=number, next_attempt_at=timezone.now() - timedelta(**ago)
    )


class TestStatus:
    def test_is_ok_when_all_is_as_usual(self, till):
        told = till.get(STATUS).json()

        assert told.pop("time")
        assert told == {
            "status": "ok",
            "version": "1.0.0",
            "database": "ok",
            "worker": "ok",
            "rate_limits": "shared",
            "webhook_delay_seconds": 0,
            "feed_delay_seconds": 0,
        }

    def test_takes_a_query_and_the_callers(self, till, django_assert_num_queries):
        with django_assert_num_queries(2):
            till.get(STATUS)

    def test_says_how_long_the_oldest_webhook_waits(self, till, endpoint):
        due(endpoint, 1, seconds=30)
        due(endpoint, 2, seconds=90)
        due(endpoint, 3, seconds=-500)

        told = till.get(STATUS).json()

        assert told["webhook_delay_seconds"] == 90
        assert told["status"] == "degraded"

    def test_says_nothing_of_other_partners_webhooks(self, till, outsider, endpoint):
        due(endpoint, 1, hours=1)

        assert outsider.get(STATUS).json()["webhook_delay_seconds"] == 0

    def test_says_nothing_of_webhooks_that_are_switched_off(self, till, endpoint):
        due(endpoint, 1, hours=1)
        WebhookEndpoint.objects.update(is_enabled=False)

        assert till.get(STATUS).json()["webhook_delay_seconds"] == 0

    def test_says_how_far_the_feed_is_behind(self, till, program, outsider):
        with time_machine.travel(timezone.now() - timedelta(seconds=70)):
            Event.objects.create(program=program, type="points.earned", occurred_at=timezone.now())

        told = till.get(STATUS).json()

        assert told["feed_delay_seconds"] == 70
        assert told["status"] == "degraded"
        assert outsider.get(STATUS).json()["feed_delay_seconds"] == 0

    def test_says_when_the_worker_is_silent(self, till):
        cache.delete("alive:worker")

        told = till.get(STATUS).json()

        assert (told["worker"], told["status"]) == ("silent", "degraded")

    def test_says_when_redis_is_away(self, till, monkeypatch):
        monkeypatch.setattr(counters, "calls", Counters("redis://127.0.0.1:1/0"))

        told = till.get(STATUS).json()

        assert (told["rate_limits"], told["worker"], told["status"]) == ("alone", "unknown", "degraded")


class TestWhoami:
    def test_shows_the_callers_limits(self, till):
        assert till.get("/v1/whoami").json()["limits"] == [
            {"name": "burst", "calls": 3_000, "seconds": 60},
            {"name": "hour", "calls": 100_000, "seconds": 3_600},
        ]
