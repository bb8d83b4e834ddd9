"""Many at once: a thread each, with a connection of its own, and a barrier before the start."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event, Thread
from typing import Any, Final

from django.db import connection, connections, transaction

from loyalty.core.errors import DomainError
from members.models import Wallet


def at_once(clients: int, work: Callable[[int], Any]) -> list[Any]:
    """Each client's result or refusal; all start together, each with a connection of its own."""
    barrier = Barrier(clients)

    def client(number: int) -> Any:
        try:
            barrier.wait()
            return work(number)
        except DomainError as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(client, range(clients)))


def connected[T](work: Callable[[], T]) -> Callable[[], T]:
    """The work of another thread, whose connection ends with it."""

    def done() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return done


@contextmanager
def nothing_written_to(table: str) -> Iterator[None]:
    """Whoever writes to the table waits meanwhile; it can be read."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")
        yield


_WAITING: Final = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"""


def wait_for_locks(number: int) -> None:
    """Until so many others of this database wait for a lock."""
    wait_until(lambda: _waiting() >= number)


def _waiting() -> int:
    with connection.cursor() as cursor:
        # Within a transaction the first answer would be kept.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(_WAITING)
        return int(cursor.fetchone()[0])


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again; a machine that is busy may take long."""
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


@contextmanager
def wallets_held(seconds: float = 0.5) -> Iterator[None]:
    """Somebody else holds all wallets for a moment, so that all who come meanwhile overlap."""
    held = Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                list(Wallet.objects.select_for_update())
                held.set()
                time.sleep(seconds)
        finally:
            connections.close_all()

    holder = Thread(target=hold)
    holder.start()
    held.wait()
    yield
    holder.join()
