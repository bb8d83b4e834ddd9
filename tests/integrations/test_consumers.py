import threading
import time

import pytest
from django.db import connection

from integrations import consumers
from integrations.consumers import Span
from integrations.models import Consumer
from loyalty.core import events

pytestmark = pytest.mark.django_db(transaction=True)


def numbers(span: Span) -> list[int]:
    return [event.number for event in span.events()]


def seal(until: int) -> None:
    """Other databases of the server may have transactions that delay the seal."""
    while events.seal() < until:
        time.sleep(0.005)


class TestRead:
    def test_hands_over_new_events_in_order_and_each_only_once(self, publish):
        published = publish(5)
        seal(published[-1])
        seen: list[int] = []

        counts = [consumers.read("crm", lambda span: seen.extend(numbers(span)), limit=2) for _ in range(4)]

        assert counts == [2, 2, 1, 0]
        assert seen == published
        assert Consumer.objects.get(pk="crm").cursor == published[-1]

    def test_leaves_the_cursor_where_it_was_if_the_handler_fails(self, publish):
        seal(publish()[-1])

        with pytest.raises(ZeroDivisionError):
            consumers.read("crm", lambda span: 1 // 0)

        assert not Consumer.objects.filter(cursor__gt=0).exists()

    def test_gives_each_consumer_its_own_cursor(self, publish):
        published = publish(2)
        seal(published[-1])
        seen: list[int] = []
        consumers.read("crm", numbers)

        consumers.read("webhooks", lambda span: seen.extend(numbers(span)))

        assert seen == published

    def test_leaves_a_consumer_alone_that_another_worker_runs(self, publish):
        seal(publish(3)[-1])
        entered, leave, results = threading.Event(), threading.Event(), []

        def hold(span: Span) -> None:
            entered.set()
            leave.wait(60)

        def first() -> None:
            results.append(consumers.read("crm", hold))
            connection.close()

        Consumer.objects.create(key="crm")
        thread = threading.Thread(target=first)
        thread.start()
        entered.wait(60)
        second = consumers.read("crm", lambda span: pytest.fail("both ran it"))
        leave.set()
        thread.join()

        assert second == 0
        assert results == [3]

    def test_costs_three_statements(self, publish, django_assert_num_queries):
        seal(publish(3)[-1])
        Consumer.objects.create(key="crm")

        with django_assert_num_queries(3 + 2):  # BEGIN and COMMIT are counted too
            consumers.read("crm", lambda span: None)


class TestCatchUp:
    def test_seals_and_reads_all_there_is(self, publish):
        published = publish(5)
        seal(published[-1])
        seen: list[int] = []

        assert consumers.catch_up("crm", lambda span: seen.extend(numbers(span)), limit=2) == 5
        assert seen == published
        assert consumers.catch_up("crm", lambda span: pytest.fail("there is nothing new")) == 0
