import asyncio
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from urllib.parse import quote

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from integrations import http, secrets, sending, tasks, webhooks
from integrations.models import Delivery, DeliveryAttempt, DisabledBecause, WebhookEndpoint
from tests.integrations import receiver as receivers
from tests.integrations.test_consumers import seal
from tests.races import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

IN_MID_DELIVERY = 40


def run(*, patience=15, **options):
    """A run; where something hangs, `patience` is short, and only there: a busy machine is slow, too."""
    return asyncio.run(sending.run(client=http.Client(timeout_seconds=patience), **options))


def let_pass(wait: timedelta) -> None:
    """As if so much time had gone by."""
    Delivery.objects.update(next_attempt_at=F("next_attempt_at") - wait)


def statuses(endpoint):
    return set(endpoint.deliveries.values_list("status", flat=True))


@pytest.fixture
def happen(publish):
    """Events that are ready to be read."""

    def happen(count=1):
        numbers = publish(count)
        seal(numbers[-1])
        return numbers

    return happen


@pytest.fixture
def subscribe(listener, receiver):
    return lambda path: webhooks.subscribe(listener, url=receiver.url(path))[0]


class TestRun:
    def test_sends_each_event_once_with_a_signature_that_verifies(self, subscription, receiver, happen):
        endpoint, secret = subscription
        numbers = happen(300)

        attempts = run()

        received = receiver.verified(secret)
        assert sorted(message["sequence"] for message in received) == numbers
        assert attempts == 300
        assert set(receiver.ids()) == {str(pk) for pk in endpoint.deliveries.values_list("pk", flat=True)}
        assert statuses(endpoint) == {"delivered"}
        assert DeliveryAttempt.objects.filter(status_code=204, error="").count() == 300

    def test_does_nothing_when_nothing_has_happened(self, endpoint, receiver):
        assert run() == 0
        assert receiver.messages == []

    def test_sends_again_after_a_failure_with_the_same_id(self, subscribe, receiver, happen):
        endpoint = subscribe("recovers")
        happen()
        before = timezone.now()
        run()
        after = timezone.now()
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.attempt_count) == ("pending", 1)
        assert before + timedelta(seconds=4) < delivery.next_attempt_at < after + timedelta(seconds=6)

        let_pass(timedelta(seconds=6))
        run()

        assert receiver.ids("/recovers") == [str(delivery.pk)] * 2
        assert statuses(endpoint) == {"delivered"}
        codes = DeliveryAttempt.objects.order_by("attempted_at").values_list("status_code", flat=True)
        assert list(codes) == [500, 200]
        endpoint.refresh_from_db()
        assert endpoint.failing_since is None

    @pytest.mark.parametrize(
        ("path", "status_code", "error"),
        [
            ("redirect", 302, "The answer was 302."),
            ("closes", None, "The connection was closed before an answer came."),
            ("hang", None, "No answer in time."),
        ],
    )
    def test_notes_what_went_wrong(self, subscribe, receiver, happen, path, status_code, error):
        endpoint = subscribe(path)
        happen()

        run(patience=0.5 if path == "hang" else 15)

        attempt = DeliveryAttempt.objects.get()
        assert (attempt.status_code, attempt.error) == (status_code, error)
        assert statuses(endpoint) == {"pending"}
        assert [where for where, _, _ in receiver.messages] == [f"/{path}"]

    def test_disables_an_endpoint_that_is_gone_and_keeps_its_queue(self, subscribe, receiver, happen):
        endpoint = subscribe("status/410")
        happen(20)

        run()

        endpoint.refresh_from_db()
        assert (endpoint.is_enabled, endpoint.disabled_because) == (False, DisabledBecause.GONE)
        assert statuses(endpoint) == {"pending"}
        assert endpoint.deliveries.count() == 20
        assert len(receiver.messages) <= sending.WIDTH_AT_FIRST

    def test_lets_a_receiver_rest_that_asks_for_it(self, subscribe, receiver, happen):
        endpoint = subscribe("busy/429/120")
        happen(100)
        before = timezone.now()

        run()
        sent = len(receiver.messages)
        run()

        assert len(receiver.messages) == sent <= sending.WIDTH_AT_FIRST
        endpoint.refresh_from_db()
        assert endpoint.resumes_at > before + timedelta(seconds=110)

    def test_believes_the_status_of_an_answer_that_does_not_end(self, subscribe, happen, monkeypatch):
        monkeypatch.setattr(http, "ANSWER_TIMEOUT_SECONDS", 0.1)
        endpoint = subscribe("slow-body")
        happen()

        run()

        assert statuses(endpoint) == {"delivered"}

    def test_notes_an_address_that_has_become_forbidden(self, endpoint, receiver, happen, settings):
        happen()
        settings.WEBHOOKS_MAY_USE_LOOPBACK = False

        run()

        assert receiver.messages == []
        assert "https://" in DeliveryAttempt.objects.get().error

    def test_notes_a_secret_that_cannot_be_read_and_goes_on(self, endpoint, subscribe, happen):
        other = subscribe("status/200")
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(secret=b"gAAAAnonsense")
        happen()

        run()

        assert "cannot be decrypted" in DeliveryAttempt.objects.get(delivery__endpoint=endpoint).error
        assert statuses(other) == {"delivered"}

    def test_never_shows_a_secret_in_the_logs(self, subscription, happen, caplog, capsys):
        endpoint, secret = subscription
        happen(3)

        with caplog.at_level("DEBUG"):
            run()

        told = caplog.text + "".join(capsys.readouterr())
        assert secret not in told
        assert secrets.decrypt(bytes(endpoint.secret)) == secret


class TestLanes:
    def test_a_hanging_endpoint_delays_no_other(self, endpoint, subscribe, receiver, happen):
        """Messages keep arriving at the healthy endpoint while twenty others hold on to their first."""
        hanging = [subscribe("hang") for _ in range(20)]
        happen()

        def arrived(number: int) -> bool:
            return len(receiver.ids()) == number

        with ThreadPoolExecutor(1) as pool:
            going_on = pool.submit(run, seconds=300, patience=300)
            try:
                for number in range(1, 9):
                    wait_until(partial(arrived, number))
                    happen()
                wait_until(lambda: arrived(9) and len(receiver.ids("/hang")) >= 20)
                noted = DeliveryAttempt.objects.filter(delivery__endpoint__in=hanging).count()
            finally:
                receiver.closing.set()
            going_on.result()

        assert noted == 0
        for dead in hanging:
            assert statuses(dead) == {"pending"}

    def test_a_hanging_endpoint_is_sent_little(self, subscribe, receiver, happen):
        endpoint = subscribe("hang")
        happen(200)

        run(seconds=0.2, patience=0.5)

        assert len(receiver.messages) <= sending.WIDTH_AT_FIRST
        due = endpoint.deliveries.filter(attempt_count=0, next_attempt_at__lte=timezone.now()).count()
        assert due >= 200 - sending.WIDTH_AT_FIRST  # given back, not held until the lease ends

    def test_a_run_ends_in_time_however_much_is_due(self, endpoint, receiver, happen):
        receiver.delay_seconds = 0.05
        happen(2_000)

        run(seconds=0.5)

        done = endpoint.deliveries.filter(status="delivered").count()
        # What was on its way when the time was over may have arrived, and comes again.
        assert 0 < done <= len(receiver.ids()) < 2_000
        assert (
            endpoint.deliveries.filter(status="pending", next_attempt_at__lte=timezone.now()).count()
            == 2_000 - done
        )


class TestDeliverWebhooks:
    def test_is_what_the_scheduler_calls(self, endpoint, receiver, happen):
        happen(2)

        assert tasks.deliver_webhooks() == 2
        assert len(receiver.ids()) == 2

    def test_leaves_it_to_the_run_that_is_going_on(self, endpoint, receiver, happen):
        happen()
        entered, leave = threading.Event(), threading.Event()

        def hold() -> None:
            with sending.only_one() as is_mine:
                assert is_mine
                entered.set()
                leave.wait(60)
            connection.close()

        thread = threading.Thread(target=hold)
        thread.start()
        entered.wait(60)
        meanwhile = tasks.deliver_webhooks()
        leave.set()
        thread.join()

        assert meanwhile == 0
        assert receiver.messages == []
        assert tasks.deliver_webhooks() == 1

    def test_does_not_hold_up_the_seal(self, publish):
        with sending.only_one():
            done: list[int] = []

            def publish_and_seal() -> None:
                numbers = publish()
                seal(numbers[-1])
                done.extend(numbers)
                connection.close()

            thread = threading.Thread(target=publish_and_seal)
            thread.start()
            thread.join(30)

        assert done != []


class TestCrash:
    def test_every_event_arrives_though_the_worker_is_killed_in_mid_delivery(
        self, endpoint, receiver, happen
    ):
        happen(200)

        for _ in range(2):
            receiver.answers_at_most = len(receiver.messages) + IN_MID_DELIVERY
            with worker():
                wait_until(lambda: len(receiver.messages) > receiver.answers_at_most)
            assert statuses(endpoint) != {"delivered"}
            let_pass(timedelta(seconds=70))
        receiver.answers_at_most = math.inf
        run()

        ids = {str(pk) for pk in endpoint.deliveries.values_list("pk", flat=True)}
        assert len(ids) == 200
        assert set(receiver.ids()) == ids
        assert len(receiver.ids()) > 200  # some were sent twice, under the same id
        assert statuses(endpoint) == {"delivered"}


@contextmanager
def worker() -> Iterator[None]:
    """A worker of the test's database, as a process that is killed when the block ends."""
    database = connection.settings_dict
    user, password = quote(database["USER"]), quote(database["PASSWORD"])
    url = f"postgres://{user}:{password}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    program = "import django; django.setup(); from integrations import tasks; tasks.deliver_webhooks()"
    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "loyalty.settings"}
    with subprocess.Popen([sys.executable, "-c", program], env=environment) as process:
        try:
            yield
        finally:
            process.kill()


class TestReceiveWebhooks:
    def test_prints_what_it_got_and_whether_it_verifies(self, listener, happen):
        with receivers.listening(secret=None, failures=0) as (url, told):
            webhooks.subscribe(listener, url=url)
            happen()
            run()

        assert "not verified: no --secret" in told[0]
        assert "points.earned" in told[0]

    def test_verifies_fails_as_often_as_told_and_knows_a_wrong_secret(self, listener, happen):
        with receivers.listening(secret=None, failures=1) as (url, told):
            _, secret = webhooks.subscribe(listener, url=url)
            happen()
            with receivers.listening(secret=secret, failures=0) as (again, verified):
                WebhookEndpoint.objects.update(url=again)
                run()
            with receivers.listening(secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", failures=1) as (
                wrong,
                other,
            ):
                WebhookEndpoint.objects.update(url=wrong)
                Delivery.objects.update(status="pending")
                run()

        assert told == []
        assert verified[0].splitlines()[0].endswith(" verified")
        assert "NOT VERIFIED" in other[0]
        assert list(
            DeliveryAttempt.objects.order_by("attempted_at").values_list("status_code", flat=True)
        ) == [
            204,
            500,
        ]
