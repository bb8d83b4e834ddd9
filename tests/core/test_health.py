import socket
from threading import Timer
from typing import Any, Final

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from loyalty.core import health
from loyalty.core.api import counters
from loyalty.core.api.counters import Counters

A_SALE: Final[dict[str, Any]] = {
    "kind": "sale",
    "external_id": "r1",
    "member": {"kind": "card", "value": "1001"},
    "occurred_at": "2026-01-02T12:00:00Z",
    "amount": {"amount": "12.50", "currency": "EUR"},
}


@pytest.fixture(autouse=True)
def _all_parts_are_alive():
    for part in health.REPORTING:
        health.report_alive(part)
    yield
    cache.delete_many([f"alive:{part}" for part in health.REPORTING])


@pytest.fixture
def elsewhere(settings):
    """Redis is looked for at another port of this machine."""

    def move(port: int) -> None:
        said = settings.CACHES["default"] | {"LOCATION": f"redis://127.0.0.1:{port}/0"}
        settings.CACHES = {"default": said}

    return move


@pytest.fixture
def mute():
    """The port of a server that takes connections and says nothing; after five seconds it is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        end = Timer(5, listening.close)
        end.start()
        yield listening.getsockname()[1]
        end.cancel()
        end.join()


class TestReadiness:
    def test_is_ok_while_all_parts_are(self, db):
        answer = Client().get("/readyz")

        assert (answer.status_code, answer.json()) == (
            200,
            {
                "status": "ok",
                "parts": {"database": "ok", "redis": "ok", "worker": "ok", "scheduler": "ok"},
            },
        )

    def test_is_kept_while_redis_is_away_as_sales_go_on(self, db, elsewhere):
        elsewhere(1)

        answer = Client().get("/readyz")

        assert (answer.status_code, answer.json()) == (
            200,
            {
                "status": "degraded",
                "parts": {
                    "database": "ok",
                    "redis": "ConnectionError",
                    "worker": "unknown",
                    "scheduler": "unknown",
                },
            },
        )

    def test_waits_for_no_redis_that_says_nothing(self, db, elsewhere, mute):
        elsewhere(mute)

        answer = Client().get("/readyz")

        assert (answer.status_code, answer.json()["parts"]["redis"]) == (200, "TimeoutError")

    @pytest.mark.parametrize("part", health.REPORTING)
    def test_is_kept_while_a_part_is_silent_that_answers_nobody(self, db, part):
        health.report_gone(part)

        answer = Client().get("/readyz")

        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert answer.json()["parts"] == dict.fromkeys(health.parts(), "ok") | {part: "silent"}

    def test_ends_when_the_database_is_away(self, django_db_blocker, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "PORT", "1")

        with django_db_blocker.unblock():
            connection.close()
            answer = Client().get("/readyz")

        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert answer.json()["parts"]["database"] == "OperationalError"

    def test_takes_one_query(self, db, django_assert_num_queries):
        with django_assert_num_queries(1):
            Client().get("/readyz")


class TestSalesWithoutRedis:
    def test_are_booked_and_the_status_says_degraded(self, till, ada, elsewhere, monkeypatch):
        elsewhere(1)
        monkeypatch.setattr(counters, "calls", Counters("redis://127.0.0.1:1/0"))

        sale = till.post("/v1/transactions", A_SALE)
        told = till.get("/v1/status").json()

        assert sale.status_code == 201
        assert (told["status"], told["rate_limits"], told["worker"]) == ("degraded", "alone", "unknown")
