"""Two calls with one key at once, on two real connections."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from threading import Event as Signal

import pytest
from django.db import connection, connections, transaction

from loyalty.core.api import idempotency
from loyalty.core.models import Event, IdempotencyRecord
from tests.core.api.test_idempotency import ORDER

pytestmark = pytest.mark.django_db(transaction=True)


CLAIM = """
INSERT INTO core_idempotencyrecord (id, partner_id, key, fingerprint, status, body, created_at)
VALUES (gen_random_uuid(), %s, 'k', '', 201, 'null', now())
"""


def in_threads(count, work):
    """Run the work in that many threads at once, each with a database connection of its own."""
    barrier = Barrier(count)

    def run(number):
        try:
            barrier.wait(timeout=60)
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


class TestParallelRepeats:
    def test_have_one_effect_and_one_answer(self, till):
        responses = in_threads(12, lambda _: till.post("/v1/orders", ORDER, idempotency_key="k"))

        assert {response.status_code for response in responses} == {201}
        assert len({response.content for response in responses if "Idempotent-Replayed" not in response}) == 1
        assert all(response.json() == responses[0].json() for response in responses)
        assert Event.objects.count() == IdempotencyRecord.objects.count() == 1

    def test_of_a_refusal_agree(self, till):
        responses = in_threads(
            6, lambda _: till.post("/v1/orders", {"number": "refused"}, idempotency_key="k")
        )

        assert {response.status_code for response in responses} == {409}
        assert not Event.objects.exists()
        assert IdempotencyRecord.objects.count() == 1

    def test_with_different_bodies_let_one_of_them_through(self, till):
        responses = in_threads(
            6, lambda number: till.post("/v1/orders", {"number": str(number)}, idempotency_key="k")
        )

        assert sorted(response.status_code for response in responses) == [201, 422, 422, 422, 422, 422]
        assert Event.objects.count() == 1


class TestRepeatWhileTheFirstIsRunning:
    def test_is_told_to_come_back_when_patience_ends(self, till, monkeypatch):
        monkeypatch.setattr(idempotency, "PATIENCE_SECONDS", 1)
        claimed, finish = Signal(), Signal()

        def first():
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(CLAIM, [till.credential.partner_id])
                claimed.set()
                finish.wait(timeout=60)
            connections.close_all()

        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(first)
            claimed.wait(timeout=60)
            response = till.post("/v1/orders", ORDER, idempotency_key="k")
            finish.set()
            running.result()

        assert response.status_code == 409
        assert response.json()["code"] == "request_in_progress"
        assert response.headers["Retry-After"] == "1"
        assert not Event.objects.exists()

    def test_does_the_work_itself_if_the_first_fails(self, till):
        claimed = Signal()

        def first():
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(CLAIM, [till.credential.partner_id])
                claimed.set()
                cursor.execute("SELECT pg_sleep(0.3)")
                transaction.set_rollback(True)
            connections.close_all()

        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(first)
            claimed.wait(timeout=60)
            response = till.post("/v1/orders", ORDER, idempotency_key="k")
            running.result()

        assert response.status_code == 201
        assert Event.objects.count() == 1
