"""Note [Event cursor], attacked with real connections."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from loyalty.core import events
from loyalty.core.db import Batch
from loyalty.core.ids import new_id
from loyalty.core.models import Event, EventHorizon, Program
from tests.factories import NOON

pytestmark = pytest.mark.django_db(transaction=True)

INSERT = """
INSERT INTO core_event (program_id, member_id, type, data, occurred_at, recorded_at)
VALUES (%s, %s, 'points.earned', '{}', now(), now()) RETURNING number
"""


class Session:
    """A connection of its own, which begins and ends transactions as told."""

    def __init__(self, raw: psycopg.Connection[Any], program: Program) -> None:
        self.raw = raw
        self.program_id = program.pk

    def take_transaction_id(self) -> int:
        return int(self._one("SELECT pg_current_xact_id()::text::bigint"))

    def lock(self, program: Program) -> None:
        self._one("SELECT 1 FROM core_program WHERE id = %s FOR UPDATE", program.pk)

    def publish(self, member_id: UUID | None = None) -> int:
        return int(self._one(INSERT, self.program_id, member_id))

    def _one(self, sql: str, *parameters: Any) -> Any:
        row = self.raw.execute(sql, parameters).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture
def connect(program: Program) -> Iterator[Callable[[], Session]]:
    with ExitStack() as stack:
        yield lambda: Session(
            stack.enter_context(psycopg.connect(**connection.get_connection_params())), program
        )


def readable(after: int = 0) -> list[int]:
    """What a reader sees after two calls of `seal()`, which is all that can be sealed at this moment."""
    events.seal()
    events.seal()
    return list(Event.objects.sealed_after(after).values_list("number", flat=True))


def readable_soon(expected: list[int]) -> list[int]:
    """As `readable()`, but waits for transactions of other databases, which delay the seal too."""
    until = time.monotonic() + 120
    while (seen := readable()) != expected and time.monotonic() < until:
        time.sleep(0.02)
    return seen


class TestSealedAfter:
    def test_shows_nothing_before_it_is_sealed(self, connect):
        writer = connect()
        writer.publish()
        writer.raw.commit()

        assert list(Event.objects.sealed_after(0)) == []

    def test_holds_back_a_higher_number_until_the_lower_one_has_committed(self, connect):
        slow, quick = connect(), connect()
        low, high = slow.publish(), quick.publish()
        quick.raw.commit()

        before = readable()
        slow.raw.commit()

        assert before == []
        assert readable_soon([low, high]) == [low, high]

    def test_neither_skips_nor_doubles_when_three_commit_in_the_wrong_order(self, connect):
        first, second, third = connect(), connect(), connect()
        numbers = [first.publish(), second.publish(), third.publish()]
        seen: list[int] = []

        for writer in (third, first, second):
            writer.raw.commit()
            seen += readable(after=max(seen, default=0))
        until = time.monotonic() + 120
        while len(seen) < 3 and time.monotonic() < until:
            seen += readable(after=max(seen, default=0))

        assert seen == numbers

    def test_reads_past_the_gap_that_an_aborted_transaction_leaves(self, connect):
        aborted, writer = connect(), connect()
        low, high = aborted.publish(), writer.publish()
        writer.raw.commit()
        aborted.raw.rollback()

        assert readable_soon([high]) == [high]
        assert low < high

    def test_reads_past_the_gap_that_a_savepoint_leaves(self, connect):
        writer = connect()
        with writer.raw.transaction():
            lost = writer.publish()
            raise psycopg.Rollback
        with writer.raw.transaction():
            kept = writer.publish()
        writer.raw.commit()

        assert readable_soon([kept]) == [kept]
        assert lost < kept

    def test_waits_for_a_number_taken_in_a_savepoint_of_a_running_transaction(self, connect):
        slow, quick = connect(), connect()
        slow.take_transaction_id()
        with slow.raw.transaction():
            low = slow.publish()
        high = quick.publish()
        quick.raw.commit()

        assert readable() == []

        slow.raw.commit()
        assert readable_soon([low, high]) == [low, high]

    def test_is_delayed_by_a_long_transaction_and_loses_nothing(self, connect):
        long, writer = connect(), connect()
        long.take_transaction_id()
        written = []
        for _ in range(3):
            written.append(writer.publish())
            writer.raw.commit()
            assert readable() == []
        written.append(long.publish())
        long.raw.commit()

        assert readable_soon(written) == written

    def test_is_not_delayed_by_a_transaction_that_only_reads(self, connect):
        reader, writer = connect(), connect()
        reader.raw.execute("SELECT count(*) FROM core_event")
        number = writer.publish()
        writer.raw.commit()

        assert readable_soon([number]) == [number]

    def test_keeps_a_members_order_when_an_older_transaction_gets_the_lock_later(self, connect, program, ada):
        early, late = connect(), connect()
        early.take_transaction_id()
        late.lock(program)
        first = late.publish(ada.pk)
        late.raw.commit()
        early.lock(program)
        second = early.publish(ada.pk)
        early.raw.commit()

        assert readable_soon([first, second]) == [first, second]

    def test_gives_a_batch_its_numbers_after_its_lock(self, connect, program, ada):
        holder = connect()
        holder.lock(program)
        batch = Batch()
        batch.guard(Program, ("id", "key"), [(program.pk, program.key)])
        fields = ("program", "member_id", "type", "data", "occurred_at", "recorded_at")
        batch.insert(Event, fields, [(program.pk, ada.pk, "points.spent", {}, NOON, NOON)])
        waiting = threading.Thread(target=in_thread, args=[batch.write])
        waiting.start()
        time.sleep(0.3)  # long enough for the batch to be waiting; if it is not, the test cannot fail wrongly
        first = holder.publish(ada.pk)
        holder.raw.commit()
        waiting.join()

        second = Event.objects.get(type="points.spent").pk
        assert first < second
        assert readable_soon([first, second]) == [first, second]


def in_thread(work: Callable[[], Any]) -> None:
    try:
        work()
    finally:
        connection.close()


class TestSeal:
    def test_changes_nothing_when_there_is_nothing_new(self, connect):
        writer = connect()
        number = writer.publish()
        writer.raw.commit()
        assert readable_soon([number]) == [number]
        before = EventHorizon.objects.values().get()

        assert events.seal() == number
        assert EventHorizon.objects.values().get() == before

    def test_makes_the_horizon_that_an_emptied_database_lacks(self):
        EventHorizon.objects.all().delete()

        assert events.seal() == 0
        assert EventHorizon.objects.count() == 1

    def test_does_not_wait_for_transactions_of_the_database_that_this_is_a_copy_of(self, connect):
        events.seal()
        EventHorizon.objects.update(barrier_transaction=2**50)
        writer = connect()
        number = writer.publish()
        writer.raw.commit()

        assert readable_soon([number]) == [number]

    def test_is_safe_when_a_sealer_waits_for_another(self, connect):
        slow, quick, sealer = connect(), connect(), connect()
        events.seal()
        low, high = slow.publish(), quick.publish()
        quick.raw.commit()
        sealer.raw.execute(events._TAKE_TURN)
        sealers = [threading.Thread(target=in_thread, args=[events.seal]) for _ in range(4)]
        for thread in sealers:
            thread.start()
        sealer.raw.execute(events._SEAL)
        sealer.raw.commit()
        for thread in sealers:
            thread.join()

        assert readable() == []
        slow.raw.commit()
        assert readable_soon([low, high]) == [low, high]


class TestManyAtOnce:
    """Writers that dawdle, abort and wait for each other; sealers and readers that never stop."""

    WRITERS, READERS, SEALERS, TRANSACTIONS = 6, 3, 2, 40

    def test_each_reader_sees_each_committed_event_once_and_each_members_in_order(self, connect, program):
        committed: list[int] = []
        order: dict[UUID, list[int]] = {new_id(): [] for _ in range(2)}
        locks = {member: threading.Lock() for member in order}
        done = threading.Event()
        seen: list[list[tuple[int, UUID | None]]] = [[] for _ in range(self.READERS)]

        def write(session: Session, chance: random.Random) -> None:
            for _ in range(self.TRANSACTIONS):
                if chance.random() < 0.3:
                    session.take_transaction_id()
                    time.sleep(chance.random() * 0.01)
                member = chance.choice(list(order))
                with locks[member]:
                    numbers = [session.publish(member) for _ in range(chance.randint(1, 3))]
                    time.sleep(chance.random() * 0.01)
                    if chance.random() < 0.2:
                        session.raw.rollback()
                        continue
                    session.raw.commit()
                    order[member] += numbers
                committed.extend(numbers)

        def keep_sealing() -> None:
            while not done.is_set():
                events.seal()

        def read(into: list[tuple[int, UUID | None]]) -> None:
            while not done.is_set() or len(into) < len(committed):
                cursor = into[-1][0] if into else 0
                into.extend(Event.objects.sealed_after(cursor).values_list("number", "member_id")[:7])
                if time.monotonic() > deadline:
                    return

        deadline = time.monotonic() + 240
        writers = [
            threading.Thread(target=write, args=[connect(), random.Random(seed)])
            for seed in range(self.WRITERS)
        ]
        sealers = [threading.Thread(target=in_thread, args=[keep_sealing]) for _ in range(self.SEALERS)]
        readers = [threading.Thread(target=in_thread, args=[lambda into=into: read(into)]) for into in seen]
        for thread in [*readers, *sealers, *writers]:
            thread.start()
        for thread in writers:
            thread.join()
        while EventHorizon.objects.get().sealed_number < max(committed) and time.monotonic() < deadline:
            time.sleep(0.01)
        done.set()
        for thread in [*readers, *sealers]:
            thread.join()

        assert len(committed) > self.WRITERS * self.TRANSACTIONS / 2
        for numbers in seen:
            assert [number for number, _ in numbers] == sorted(committed)
            for member, expected in order.items():
                assert [number for number, whose in numbers if whose == member] == expected
