from datetime import timedelta

import pytest

from integrations import secrets, webhooks
from integrations.consumers import Span
from integrations.http import AddressRefused
from integrations.models import (
    Consumer,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    DisabledBecause,
    WebhookEndpoint,
)
from integrations.webhooks import EndpointDisabled
from loyalty.core.errors import InvalidInput
from tests import factories

URL = "http://127.0.0.1:8090/"

pytestmark = pytest.mark.django_db


def queue(numbers, *, at):
    """What the consumer does with sealed events. Sealing is tested where transactions are real."""
    count = webhooks._queue(Span(after=numbers[0] - 1, until=numbers[-1], count=len(numbers)), at=at)
    Consumer.objects.update_or_create(key=webhooks.CONSUMER, defaults={"cursor": numbers[-1]})
    return count


def queued_for(endpoint, **conditions):
    found = endpoint.deliveries.filter(**conditions).order_by("event_number")
    return list(found.values_list("event_number", flat=True))


class TestSubscribe:
    def test_gives_the_secret_once_and_keeps_it_encrypted(self, listener):
        endpoint, secret = webhooks.subscribe(
            listener, url=URL, event_types=["points.spent", "points.earned"]
        )

        endpoint.refresh_from_db()
        assert secret.startswith("whsec_")
        assert secret.encode() not in bytes(endpoint.secret)
        assert secrets.decrypt(bytes(endpoint.secret)) == secret
        assert endpoint.event_types == ["points.earned", "points.spent"]
        assert endpoint.is_enabled

    def test_refuses_an_address_that_we_would_not_send_to(self, listener):
        with pytest.raises(AddressRefused):
            webhooks.subscribe(listener, url="https://10.0.0.5/")

        assert not WebhookEndpoint.objects.exists()

    def test_refuses_events_that_do_not_exist_and_says_which(self, listener):
        with pytest.raises(InvalidInput, match="points.vanished") as refusal:
            webhooks.subscribe(listener, url=URL, event_types=["points.earned", "points.vanished"])

        assert refusal.value.pointer == "#/event_types/1"
        assert not WebhookEndpoint.objects.exists()


class TestQueue:
    def test_makes_a_delivery_for_each_event_and_endpoint(self, listener, publish, noon):
        first, _ = webhooks.subscribe(listener, url=URL)
        second, _ = webhooks.subscribe(listener, url=URL)
        numbers = publish(3)

        assert queue(numbers, at=noon) == 6
        assert queued_for(first) == numbers
        assert queued_for(second) == numbers
        assert set(Delivery.objects.values_list("status", "next_attempt_at")) == {("pending", noon)}

    def test_makes_ids_that_grow_with_time(self, endpoint, publish, noon):
        queue(publish(2), at=noon)

        [one, _] = Delivery.objects.values_list("pk", flat=True)
        assert one.version == 7
        assert one.variant == "specified in RFC 4122"

    def test_makes_none_twice(self, endpoint, publish, noon):
        numbers = publish(3)
        queue(numbers, at=noon)

        assert queue(numbers, at=noon) == 0

    def test_tells_only_of_the_events_asked_for(self, listener, publish, noon):
        endpoint, _ = webhooks.subscribe(listener, url=URL, event_types=["points.spent"])
        earned, spent = publish(), publish(type="points.spent")

        queue(earned + spent, at=noon)

        assert queued_for(endpoint) == spent

    def test_tells_nobody_of_another_programs_events(self, endpoint, publish, noon):
        foreign = publish(program=factories.ProgramFactory.create())

        assert queue(foreign, at=noon) == 0

    def test_tells_no_partner_that_is_not_active(self, endpoint, listener, publish, noon):
        listener.is_active = False
        listener.save()

        assert queue(publish(), at=noon) == 0

    def test_tells_nothing_of_what_was_before_the_subscription(self, listener, publish, noon):
        before = publish(2)
        endpoint, _ = webhooks.subscribe(listener, url=URL)
        after = publish(1)

        queue(before + after, at=noon)

        assert queued_for(endpoint) == after

    def test_is_one_statement_for_any_number_of_events_and_endpoints(
        self, listener, publish, noon, django_assert_num_queries
    ):
        for _ in range(3):
            webhooks.subscribe(listener, url=URL)
        numbers = publish(10)

        with django_assert_num_queries(1):
            count = webhooks._queue(Span(after=numbers[0] - 1, until=numbers[-1], count=10), at=noon)

        assert count == 30


class TestDisable:
    def test_stops_queueing_and_says_why(self, endpoint, publish, noon):
        assert webhooks.disable([endpoint.pk], because=DisabledBecause.GONE, at=noon) == 1

        endpoint.refresh_from_db()
        assert (endpoint.is_enabled, endpoint.disabled_at) == (False, noon)
        assert endpoint.disabled_because == DisabledBecause.GONE
        assert queue(publish(), at=noon) == 0

    def test_leaves_an_endpoint_as_it_was_that_is_disabled_already(self, endpoint, noon):
        webhooks.disable([endpoint.pk], because=DisabledBecause.GONE, at=noon)

        later = noon + timedelta(hours=1)
        assert webhooks.disable([endpoint.pk], because=DisabledBecause.BY_HAND, at=later) == 0

        endpoint.refresh_from_db()
        assert (endpoint.disabled_at, endpoint.disabled_because) == (noon, DisabledBecause.GONE)


class TestEnable:
    def test_queues_what_was_missed_and_nothing_twice(self, endpoint, publish, noon):
        before = publish(2)
        queue(before, at=noon)
        webhooks.disable([endpoint.pk], because=DisabledBecause.BY_HAND, at=noon)
        missed = publish(3)
        queue(missed, at=noon)

        assert webhooks.enable(endpoint, at=noon) == 3

        after = publish(1)
        queue(after, at=noon)
        assert queued_for(endpoint, status="pending") == before + missed + after

    def test_sends_again_what_was_given_up_since_it_began_to_fail(self, endpoint, publish, noon):
        old, new = publish(2)
        queue([old, new], at=noon)
        for number, days in [(old, -9), (new, -4)]:
            given_up = Delivery.objects.get(event_number=number)
            Delivery.objects.filter(pk=given_up.pk).update(status=DeliveryStatus.DEAD, attempt_count=10)
            DeliveryAttempt.objects.create(
                delivery=given_up, attempted_at=noon + timedelta(days=days), status_code=500, duration_ms=3
            )
        WebhookEndpoint.objects.update(failing_since=noon - timedelta(days=5))
        webhooks.disable([endpoint.pk], because=DisabledBecause.FAILING, at=noon)

        webhooks.enable(endpoint, at=noon)

        assert queued_for(endpoint, status="pending", attempt_count=0) == [new]
        assert queued_for(endpoint, status="dead") == [old]
        endpoint.refresh_from_db()
        assert (endpoint.is_enabled, endpoint.failing_since, endpoint.disabled_at) == (True, None, None)

    def test_changes_nothing_at_an_endpoint_that_is_enabled(self, endpoint, publish, noon):
        queue(publish(), at=noon)
        Delivery.objects.update(attempt_count=3)

        assert webhooks.enable(endpoint, at=noon) == 0
        assert Delivery.objects.get().attempt_count == 3


class TestResend:
    def test_begins_a_new_round_under_the_same_id(self, endpoint, publish, noon):
        queue(publish(), at=noon)
        Delivery.objects.update(status=DeliveryStatus.DELIVERED, attempt_count=4, delivered_at=noon)
        delivery = Delivery.objects.get()

        later = noon + timedelta(days=2)
        webhooks.resend(delivery, at=later)

        again = Delivery.objects.get(pk=delivery.pk)
        assert (again.status, again.attempt_count) == (DeliveryStatus.PENDING, 0)
        assert (again.next_attempt_at, again.delivered_at) == (later, None)

    def test_sends_all_that_was_given_up_and_nothing_else(self, endpoint, publish, noon):
        dead, delivered = publish(2)
        queue([dead, delivered], at=noon)
        Delivery.objects.filter(event_number=dead).update(status=DeliveryStatus.DEAD)
        Delivery.objects.filter(event_number=delivered).update(status=DeliveryStatus.DELIVERED)

        assert webhooks.resend_dead(endpoint, at=noon) == 1
        assert queued_for(endpoint, status="pending") == [dead]

    def test_refuses_a_disabled_endpoint(self, endpoint, publish, noon):
        queue(publish(), at=noon)
        webhooks.disable([endpoint.pk], because=DisabledBecause.BY_HAND, at=noon)
        endpoint.refresh_from_db()

        with pytest.raises(EndpointDisabled, match="Enable the endpoint first"):
            webhooks.resend(Delivery.objects.get(), at=noon)
        with pytest.raises(EndpointDisabled):
            webhooks.resend_dead(endpoint, at=noon)
