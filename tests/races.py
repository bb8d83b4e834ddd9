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


_WAITING: Final = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"""


def wait_for_locks(number: int) -> None:
    """Until so many others of this database wait for a lock."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            # Within a transaction the first answer would be kept.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(_WAITING)
            if cursor.fetchone()[0] >= number:
                return
        time.sleep(0.01)
    raise AssertionError(f"fewer than {number} wait for a lock")


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
