import threading
from dataclasses import replace
from datetime import timedelta

import orjson
import psycopg
import pytest
from django.db import connection

from integrations import delivery, webhooks
from integrations.delivery import Outcome
from integrations.models import Delivery, DeliveryAttempt, DeliveryStatus, DisabledBecause, WebhookEndpoint
from loyalty.core.ids import new_id
from members.models import ExpiryWarning, Wallet
from tests import factories
from tests.integrations.test_webhooks import queue

pytestmark = pytest.mark.django_db


def claim(at, *, rooms=None, room=100, failing_room=1, limit=1_000):
    return delivery.claim(rooms or {}, room=room, failing_room=failing_room, limit=limit, at=at)


def failed(claimed, at, **changes):
    answer = Outcome(claimed, at, duration_ms=0, status_code=500, error="The answer was 500.")
    return replace(answer, **changes)


def delivered(claimed, at):
    return Outcome(claimed, at, duration_ms=40, status_code=204)


@pytest.fixture
def queued(endpoint, publish, noon):
    """Three deliveries of the endpoint, due at noon."""
    numbers = publish(3)
    queue(numbers, at=noon)
    return numbers


class TestClaim:
    def test_takes_what_is_due_in_the_order_of_the_events(self, queued, noon):
        claimed = claim(noon)

        assert [one.event_number for one in claimed] == queued

    def test_takes_nothing_that_is_not_due(self, queued, noon):
        assert claim(noon - timedelta(seconds=1)) == []

    def test_takes_nothing_twice_within_the_lease_and_everything_after_it(self, queued, noon):
        first = claim(noon)

        assert claim(noon + delivery.LEASE - timedelta(seconds=1)) == []
        assert [one.id for one in claim(noon + delivery.LEASE)] == [one.id for one in first]

    def test_takes_of_each_endpoint_only_what_there_is_room_for(self, listener, publish, noon):
        one, two, three = [webhooks.subscribe(listener, url="http://127.0.0.1:1/")[0].pk for _ in range(3)]
        queue(publish(5), at=noon)

        claimed = claim(noon, rooms={one: 4, two: 0}, room=2)

        counts = {pk: sum(taken.endpoint_id == pk for taken in claimed) for pk in (one, two, three)}
        assert counts == {one: 4, two: 0, three: 2}

    def test_takes_no_more_than_the_limit_of_all_endpoints_together(self, listener, publish, noon):
        for _ in range(3):
            webhooks.subscribe(listener, url="http://127.0.0.1:1/")
        queue(publish(5), at=noon)

        assert [len(claim(noon, limit=6)) for _ in range(4)] == [6, 6, 3, 0]

    def test_takes_little_of_an_endpoint_that_fails(self, queued, noon):
        WebhookEndpoint.objects.update(failing_since=noon)

        [claimed] = claim(noon)
        assert claimed.is_failing
        assert claimed.event_number == queued[0]

    @pytest.mark.parametrize(
        "state", [{"is_enabled": False}, {"resumes_at": factories.NOON + timedelta(seconds=1)}]
    )
    def test_takes_nothing_of_an_endpoint_that_is_disabled_or_asked_to_wait(self, queued, noon, state):
        WebhookEndpoint.objects.update(**state)

        assert claim(noon) == []

    def test_goes_on_when_the_wait_that_was_asked_for_is_over(self, queued, noon):
        WebhookEndpoint.objects.update(resumes_at=noon)

        assert len(claim(noon)) == 3

    def test_is_one_statement(self, queued, noon, django_assert_num_queries):
        with django_assert_num_queries(1):
            claim(noon)


@pytest.mark.django_db(transaction=True)
class TestClaimRace:
    def test_gives_each_delivery_to_one_of_two_workers(self, endpoint, publish, noon):
        queue(publish(200), at=noon)
        taken: list[list[object]] = [[], []]
        ready = threading.Barrier(2)

        def work(mine: list[object]) -> None:
            ready.wait()
            while claimed := claim(noon, room=7):
                mine.extend(one.id for one in claimed)
            connection.close()

        threads = [threading.Thread(target=work, args=[mine]) for mine in taken]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(taken[0] + taken[1]) == 200
        assert len({*taken[0], *taken[1]}) == 200

    def test_passes_over_what_another_transaction_holds(self, endpoint, publish, noon):
        numbers = publish(2)
        queue(numbers, at=noon)
        with psycopg.connect(**connection.get_connection_params()) as other:
            other.execute(
                "SELECT 1 FROM integrations_delivery WHERE event_number = %s FOR UPDATE", numbers[:1]
            )

            assert [one.event_number for one in claim(noon)] == numbers[1:]


class TestRecord:
    def test_notes_a_success(self, queued, noon):
        [first, *_] = claim(noon)

        delivery.record([delivered(first, noon)])

        done = Delivery.objects.get(pk=first.id)
        assert (done.status, done.attempt_count) == (DeliveryStatus.DELIVERED, 1)
        assert done.delivered_at == noon + timedelta(milliseconds=40)
        attempt = DeliveryAttempt.objects.get()
        assert (attempt.delivery_id, attempt.status_code, attempt.error) == (first.id, 204, "")
        assert (attempt.attempted_at, attempt.duration_ms) == (noon, 40)

    def test_is_one_statement_for_many_successes(self, queued, noon, django_assert_num_queries):
        claimed = claim(noon)

        with django_assert_num_queries(1):
            delivery.record([delivered(one, noon) for one in claimed])

        assert Delivery.objects.filter(status="delivered").count() == 3

    def test_tries_again_by_the_schedule_until_it_gives_up(self, endpoint, publish, noon):
        queue(publish(), at=noon)
        at, waits = noon, []
        for _ in range(10):
            WebhookEndpoint.objects.update(failing_since=None)
            [claimed] = claim(at)
            delivery.record([failed(claimed, at)])
            due_at = Delivery.objects.get().next_attempt_at
            waits.append(due_at - at)
            at = due_at

        row = Delivery.objects.get()
        schedule = [*delivery.WAITS, timedelta()]
        assert all(least <= wait <= least * 1.1 for wait, least in zip(waits, schedule, strict=True))
        assert (row.status, row.attempt_count) == (DeliveryStatus.DEAD, 10)
        assert claim(at + timedelta(days=30)) == []
        assert DeliveryAttempt.objects.filter(delivery=row).count() == 10

    def test_waits_as_long_as_the_receiver_asks_and_with_all_its_deliveries(self, queued, endpoint, noon):
        [first, *_] = claim(noon, room=1)

        delivery.record([failed(first, noon, status_code=429, retry_after=timedelta(minutes=2))])

        assert Delivery.objects.get(pk=first.id).next_attempt_at == noon + timedelta(minutes=2)
        assert claim(noon + timedelta(seconds=119)) == []
        assert claim(noon + timedelta(seconds=120)) != []

    def test_never_hurries_because_of_a_short_retry_after(self, queued, noon):
        [first, *_] = claim(noon)

        delivery.record([failed(first, noon, status_code=503, retry_after=timedelta(seconds=1))])

        assert Delivery.objects.get(pk=first.id).next_attempt_at >= noon + timedelta(seconds=5)

    def test_disables_an_endpoint_that_is_gone(self, queued, endpoint, noon):
        [first, *_] = claim(noon)

        delivery.record([failed(first, noon, status_code=410, is_permanent=True)])

        endpoint.refresh_from_db()
        assert (endpoint.is_enabled, endpoint.disabled_because) == (False, DisabledBecause.GONE)

    def test_disables_an_endpoint_after_five_days_without_a_success(self, queued, endpoint, noon):
        first, second, _ = claim(noon)
        delivery.record([failed(first, noon)])
        almost, over = noon + timedelta(days=5, seconds=-1), noon + timedelta(days=5)

        delivery.record([failed(second, almost)])
        endpoint.refresh_from_db()
        assert (endpoint.is_enabled, endpoint.failing_since) == (True, noon)

        delivery.record([failed(second, over)])
        endpoint.refresh_from_db()
        assert (endpoint.is_enabled, endpoint.disabled_because) == (False, DisabledBecause.FAILING)

    def test_counts_the_five_days_anew_after_a_success(self, queued, endpoint, noon):
        first, second, third = claim(noon)
        delivery.record([failed(first, noon)])
        delivery.record([delivered(second, noon + timedelta(days=4))])

        delivery.record([failed(third, noon + timedelta(days=6))])

        endpoint.refresh_from_db()
        assert (endpoint.is_enabled, endpoint.failing_since) == (True, noon + timedelta(days=6))

    def test_ignores_the_failure_of_a_worker_whose_lease_was_over(self, queued, noon):
        [late, *_] = claim(noon)
        [again, *_] = claim(noon + delivery.LEASE)
        delivery.record([failed(late, noon)])

        row = Delivery.objects.get(pk=late.id)
        assert (row.next_attempt_at, row.attempt_count) == (again.leased_until, 0)

        delivery.record([delivered(again, noon)])
        delivery.record([failed(late, noon)])
        assert Delivery.objects.get(pk=late.id).status == DeliveryStatus.DELIVERED

    def test_believes_the_success_of_a_worker_whose_lease_was_over(self, queued, noon):
        [late, *_] = claim(noon)
        claim(noon + delivery.LEASE)

        delivery.record([delivered(late, noon)])

        assert Delivery.objects.get(pk=late.id).status == DeliveryStatus.DELIVERED


class TestWarnings:
    @pytest.fixture
    def warning(self, endpoint, publish, ada, points, noon):
        """A warning whose event is on its way to the endpoint."""
        wallet = Wallet.objects.create(program=ada.program, member=ada, type=points)
        warning = ExpiryWarning.objects.create(
            program=ada.program, wallet=wallet, expires_at=noon, points=5, warned_at=noon
        )
        queue(publish(type="points.expiring", data={"warning_id": str(warning.pk)}), at=noon)
        return warning

    def test_are_confirmed_by_a_receiver_that_takes_them(self, warning, noon):
        delivery.record([delivered(one, noon) for one in claim(noon)])

        warning.refresh_from_db()
        assert warning.delivered_at == noon

    def test_are_not_confirmed_by_a_refusal(self, warning, noon):
        delivery.record([failed(one, noon) for one in claim(noon)])

        warning.refresh_from_db()
        assert warning.delivered_at is None

    def test_stay_confirmed_as_they_were(self, warning, noon):
        (claimed,) = claim(noon)
        delivery.record([delivered(claimed, noon)])

        delivery.record([delivered(claimed, noon + timedelta(hours=1))])

        warning.refresh_from_db()
        assert warning.delivered_at == noon


class TestRelease:
    def test_gives_back_what_was_not_sent(self, queued, noon):
        claimed = claim(noon)

        delivery.release(claimed[1:], at=noon)

        assert [one.id for one in claim(noon)] == [one.id for one in claimed[1:]]

    def test_leaves_alone_what_another_worker_has_now(self, queued, noon):
        claimed = claim(noon)
        later = noon + delivery.LEASE
        claim(later)

        delivery.release(claimed, at=later)

        assert claim(later) == []


class TestBody:
    def test_says_what_happened_to_whom_and_in_which_order(self, endpoint, publish, ada, noon):
        numbers = publish(data={"points": 5, "wallet": "points"})
        queue(numbers, at=noon)

        [claimed] = claim(noon)

        assert orjson.loads(claimed.body()) == {
            "type": "points.earned",
            "timestamp": "2026-06-01T12:00:00+00:00",
            "sequence": numbers[0],
            "data": {"member_id": str(ada.pk), "points": 5, "wallet": "points"},
        }

    def test_names_no_member_in_an_event_of_the_program(self, endpoint, publish, noon):
        queue(publish(member_id=None, type="campaign.started"), at=noon)

        [claimed] = claim(noon)

        assert orjson.loads(claimed.body())["data"] == {"points": 5}

    def test_leaves_out_data_that_are_too_large_and_says_so(self, endpoint, publish, ada, noon):
        queue(publish(data={"lines": ["x" * 1000] * 21}), at=noon)

        [claimed] = claim(noon)

        body = claimed.body()
        assert len(body) < 20_000
        assert orjson.loads(body)["data"] == {"member_id": str(ada.pk)}
        assert orjson.loads(body)["is_truncated"] is True


class TestPrune:
    def test_forgets_old_deliveries_with_their_attempts_and_keeps_the_others(self, endpoint, noon):
        def old(status: DeliveryStatus, days: int) -> Delivery:
            made = Delivery.objects.create(
                endpoint=endpoint, event_number=new_id().int % 2**60, status=status, next_attempt_at=noon
            )
            Delivery.objects.filter(pk=made.pk).update(created_at=noon - timedelta(days=days))
            DeliveryAttempt.objects.create(delivery=made, attempted_at=noon, duration_ms=1)
            return made

        kept = {
            old(DeliveryStatus.DELIVERED, 29).pk,
            old(DeliveryStatus.DEAD, 89).pk,
            old(DeliveryStatus.PENDING, 999).pk,
        }
        old(DeliveryStatus.DELIVERED, 31)
        old(DeliveryStatus.DEAD, 91)

        assert delivery.prune(at=noon) == 2
        assert set(Delivery.objects.values_list("pk", flat=True)) == kept
        assert set(DeliveryAttempt.objects.values_list("delivery", flat=True)) == kept
