"""
Who may fill, empty or move a sandbox: one at a time, and in few threads of a process.

All of that takes seconds in which others wait for rows. Who comes meanwhile is told so at once, and holds
neither a thread nor a connection that ordinary calls need.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import ClassVar, Final

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.db import fetch
from loyalty.core.errors import DomainError, Extra
from loyalty.core.models import Program

AT_ONCE: Final = 2
"""Threads of a process that are busy with sandboxes at a time: the others are for everybody else."""
COME_AGAIN_AFTER: Final = 2  # seconds

threads: Final = BoundedSemaphore(AT_ONCE)


class TooBusy(DomainError):
    """The sandbox, or several others, are being filled, reset or moved: come again as `Retry-After` says."""

    code: ClassVar[str] = "sandbox_is_busy"
    status: ClassVar[int] = 429
    title = gettext_lazy("The sandbox is too busy")
    extras = {
        "retry_after": Extra(2, gettext_lazy("Seconds to wait, as in the header Retry-After")),
    }


def too_busy(detail: str) -> TooBusy:
    return TooBusy(detail, retry_after=COME_AGAIN_AFTER)


@contextmanager
def thread() -> Iterator[None]:
    """
    Be one of the few threads that work for long.

    :raises TooBusy: if that many do
    """
    if not threads.acquire(blocking=False):
        raise too_busy(_("Other sandboxes are being filled, reset or moved. Try again in a moment."))
    try:
        yield
    finally:
        threads.release()


_TAKE_TURN: Final = "SELECT pg_try_advisory_xact_lock('integrations_clockmove'::regclass::int, hashtext($1))"


def take(program: Program) -> None:
    """
    Be the only one who fills, resets or moves this sandbox, until the transaction ends.

    :raises TooBusy: if somebody else does
    """
    assert connection.in_atomic_block, "a turn ends with its transaction"
    if fetch(_TAKE_TURN, [str(program.pk)]) != [(True,)]:
        raise too_busy(_("This sandbox is being filled, reset or moved. Try again when that is done."))
