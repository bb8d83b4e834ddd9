"""
The log of calls: noted as they end, written in batches by a thread of its own.

Note [Call log]
~~~~~~~~~~~~~~~
A call pays for one tuple in a queue. A thread of each web process writes the queue every second, in one
statement a thousand calls; it looks at answers only then. What cannot be written, as the database is away,
waits; when the queue is full, what comes is dropped, and the log says how many. A process that is told to
stop writes what it has. One that is killed takes its last second with it: this is a log, and no record of
what happened to points.
"""

import re
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.util import Finalize
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection

from integrations.models import Call
from loyalty.core.ids import first_id_of, new_id

WAITING_AT_MOST: Final = 20_000
WRITTEN_AT_ONCE: Final = 1_000
PRUNED_AT_ONCE: Final = 10_000
OBJECTS_AT_MOST: Final = 5
HEAD_LENGTH: Final = 2_000
"""Bytes of an answer that are looked at for ids and the code of a problem."""
TOO_MANY: Final = 429
NAME_LENGTH: Final = 80

# "external_id" is the partner's own: whatever it says, it is not for us to keep.
_OBJECT: Final = re.compile(
    rb'"(?!external_)(?:\w+_)?id": ?"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"', re.ASCII
)
_CODE: Final = re.compile(rb'"code": ?"(\w{1,80})"', re.ASCII)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recognised:
    """Whose credential a call brought, valid or not any more; `request.recognised`."""

    program_id: UUID
    partner_id: UUID
    credential_id: UUID


@dataclass(frozen=True, slots=True)
class Noted:
    """What is known of a call when it ends; `head` are the first bytes of its answer."""

    who: Recognised
    ended_at: float
    operation: str
    status: int
    seconds: float
    places: Iterable[Any]
    head: bytes
    request_id: str
    trace_id: str
    is_replay: bool
    is_deprecated: bool


class CallLog:
    """The queue of one process, and the thread that writes it. See Note [Call log]."""

    def __init__(self) -> None:
        self._waiting: deque[Noted] = deque()
        self._dropped = 0
        self._writing = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def note(self, call: Noted) -> None:
        """Remember a call; it costs the caller nothing to speak of."""
        if len(self._waiting) >= WAITING_AT_MOST:
            self._dropped += 1
            return
        self._waiting.append(call)
        if self._thread is None and settings.CALLS_ARE_WRITTEN_EVERY:
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="call log", daemon=True)
                self._thread.start()
                # Server processes end without Python's own way out, but not without this one.
                Finalize(None, self.flush, exitpriority=100)

    def _run(self) -> None:
        while True:
            time.sleep(settings.CALLS_ARE_WRITTEN_EVERY)
            close_old_connections()
            self.flush()

    def flush(self) -> int:
        """
        Write what waits.

        :returns: how many rows
        """
        written = 0
        with self._writing:
            while some := self._next():
                try:
                    written += write(some)
                except (OperationalError, InterfaceError) as error:
                    self._waiting.extendleft(reversed(some))
                    logger.warning("calls wait to be logged", count=len(self._waiting), why=str(error))
                    connection.close()
                    break
                except DatabaseError:  # whatever is wrong with them, they must not be in the others' way
                    logger.exception("calls were not logged", count=len(some))
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            logger.error("calls were not logged: too many waited", count=dropped)
        return written

    def _next(self) -> list[Noted]:
        size = min(len(self._waiting), WRITTEN_AT_ONCE)
        return [self._waiting.popleft() for _ in range(size)]


_COPY: Final = """
COPY integrations_call (id, called_at, program_id, partner_id, credential_id, operation, status, problem,
    duration_ms, object_ids, request_id, trace_id, is_replay, is_deprecated, call_count) FROM STDIN
"""
# What the text format of COPY gives a meaning to. Nothing here should have any of it.
_SPECIAL: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def write(noted: Iterable[Noted]) -> int:
    """
    Store calls in one statement: a COPY of text, which takes a fifth of the time of an INSERT from arrays.

    :returns: how many rows they became
    """
    lines = [_line(calls[-1], len(calls)) for calls in _together(noted)]
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        connection.connection.cursor() as cursor,
        cursor.copy(_COPY) as copy,
    ):
        copy.write("".join(lines))
    return len(lines)


def _together(noted: Iterable[Noted]) -> list[list[Noted]]:
    """Each call by itself, and those of a flood that was refused as one."""
    alone: list[list[Noted]] = []
    floods: dict[tuple[UUID, str], list[Noted]] = {}
    for call in noted:
        if call.status != TOO_MANY:
            alone.append([call])
        else:
            floods.setdefault((call.who.credential_id, call.operation), []).append(call)
    return [*alone, *floods.values()]


def _line(call: Noted, count: int) -> str:
    code = _CODE.search(call.head) if call.status >= 400 else None
    columns = (
        new_id(),
        datetime.fromtimestamp(call.ended_at - call.seconds, UTC),
        call.who.program_id,
        call.who.partner_id,
        call.who.credential_id,
        call.operation.translate(_SPECIAL),
        call.status,
        code[1].decode() if code else "",
        int(call.seconds * 1000),
        f"{{{','.join(_objects(call))}}}",
        call.request_id.translate(_SPECIAL),
        call.trace_id,
        call.is_replay,
        call.is_deprecated,
        count,
    )
    return "\t".join(map(str, columns)) + "\n"


def _objects(call: Noted) -> list[str]:
    """Ids in the address, and those that come first in the answer; never a card number or the like."""
    places = [text for place in call.places if (text := _id(place))]
    answered = [match.decode() for match in _OBJECT.findall(call.head)]
    return list(dict.fromkeys([*places, *answered]))[:OBJECTS_AT_MOST]


def _id(place: Any) -> str | None:
    try:
        return str(UUID(str(place)))
    except ValueError:
        return None


def prune(*, at: datetime) -> int:
    """
    Forget calls that are older than the settings want; each batch is a commit of its own.

    :returns: how many rows
    """
    edge = first_id_of(at - timedelta(days=settings.CALLS_ARE_KEPT_DAYS))
    total = 0
    while batch := list(
        Call.objects.filter(id__lt=edge).order_by("id").values_list("id", flat=True)[:PRUNED_AT_ONCE]
    ):
        total += Call.objects.filter(id__gte=batch[0], id__lte=batch[-1])._raw_delete("default")
    return total


log: Final = CallLog()
