"""
Counts of calls in windows of time, kept in Redis for all processes together.

Note [Counting]
~~~~~~~~~~~~~~~
A window begins with its first call and ends a fixed time later; then the count is new. That is coarser than a
sliding window (around the end of one, twice as much may pass), and everything that is told about it
is exact: so much is left, and after so many seconds there is all of it again.

Asking and counting is one script, and one trip: two processes never give the last call away twice. What
is refused by one window is counted in none, so that knocking in vain does not use up the longer one.
What turns out not to count is given back: whoever may try a code wrong ten times takes a place before it is
looked up, so that a hundred tries at the same moment are ten as well.

When Redis cannot be reached, each process counts by itself, from nothing: partners are served and told of
their limits as always, and may for that time call as often at each process. Redis is asked again every
few seconds, and not by each call, which would have to wait for it.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from itertools import batched
from threading import Lock
from typing import Any, Final, NamedTuple, Self

import redis
import structlog
from django.conf import settings
from redis.connection import ConnectionPool
from redis.exceptions import NoScriptError, RedisError

REDIS_IS_ASKED_AGAIN_AFTER: Final = 5.0  # seconds
PATIENCE: Final = 0.25  # seconds, to connect and for an answer
COUNTED_ALONE_AT_MOST: Final = 20_000
"""Names that a process remembers while it is alone."""

logger = structlog.get_logger(__name__)


class _Script(NamedTuple):
    text: str
    id: str

    @classmethod
    def of(cls, text: str) -> Self:
        return cls(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


_TAKE: Final = _Script.of("""
local is_open = 1
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[2 * i - 1]) then is_open = 0 end
end
local answer = {is_open}
for i, key in ipairs(KEYS) do
    local used
    if is_open == 1 then
        used = redis.call('INCR', key)
        if used == 1 then redis.call('PEXPIRE', key, ARGV[2 * i]) end
    else
        used = tonumber(redis.call('GET', key) or '0')
    end
    answer[2 * i] = used
    answer[2 * i + 1] = redis.call('PTTL', key)
end
return table.concat(answer, ' ')
""")
_GIVE_BACK: Final = _Script.of("""
for _, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
return ''
""")


@dataclass(frozen=True, slots=True)
class Window:
    """So many calls in so many seconds; partners know it by its name."""

    name: str
    calls: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Count:
    """A window as a call leaves it."""

    window: Window
    left: int
    ends_in_ms: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether a call is within all of its windows, and how they are now."""

    is_within: bool
    counts: tuple[Count, ...]


class Counters:
    """What one process knows of the counts. See Note [Counting]."""

    def __init__(self, url: str) -> None:
        self._pool = ConnectionPool.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, decode_responses=False
        )
        # Idle connections: taking one from a deque is all that a call pays for having its own.
        self._idle: deque[Any] = deque(maxlen=64)
        self._alone = _Alone()
        self._asks_again_at = 0.0

    @property
    def is_alone(self) -> bool:
        """Whether this process counts by itself, as Redis could not be reached."""
        return self._asks_again_at > 0

    def take(self, name: str, windows: Sequence[Window]) -> Taken:
        """Count a call in all windows, if there is room in each of them."""
        if not windows:
            return Taken(True, ())
        answer = self._answer(_TAKE, _arguments(name, windows))
        if answer is None:
            return self._alone.take(name, windows)
        counts = zip(windows, batched(answer[1:], 2), strict=True)
        return Taken(answer[0] == 1, tuple(_counted(window, *found) for window, found in counts))

    def give_back(self, name: str, windows: Sequence[Window]) -> None:
        """Have a call that was counted in these windows count no more."""
        if self._answer(_GIVE_BACK, _keys(name, windows)) is None:
            self._alone.give_back(name, windows)

    def _answer(self, script: _Script, arguments: list[str]) -> list[int] | None:
        """What Redis says; None while it is away."""
        if self._asks_again_at and time.monotonic() < self._asks_again_at:
            return None
        try:
            answer = self._ask(script, arguments)
        except (RedisError, OSError) as error:
            self._go_on_alone(error)
            return None
        if self._asks_again_at:
            self._asks_again_at = 0.0
            logger.warning("rate limits are counted in Redis again")
        return answer

    def _go_on_alone(self, error: Exception) -> None:
        if not self._asks_again_at:
            logger.error("rate limits are counted by each process alone: Redis is away", exc_info=error)
        self._asks_again_at = time.monotonic() + REDIS_IS_ASKED_AGAIN_AFTER

    def _ask(self, script: _Script, arguments: list[str]) -> list[int]:
        """One command over a kept connection: the library's way around it takes three times as long."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._pool.make_connection()
        try:
            answer = _told(connection, "EVALSHA", script.id, arguments)
        except NoScriptError:
            answer = _told(connection, "EVAL", script.text, arguments)
        except (redis.ConnectionError, OSError):
            # It was closed while it was idle, or Redis has started anew: a fresh one will say.
            connection.disconnect()
            self._idle.clear()
            answer = _told(connection, "EVAL", script.text, arguments)
        self._idle.append(connection)
        return [int(number) for number in answer.split()]


def _told(connection: Any, command: str, script: str, arguments: list[str]) -> bytes:
    parts = [part.encode() for part in (command, script, *arguments)]
    packed = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
    connection.send_packed_command((packed,))
    answer: bytes = connection.read_response()
    return answer


def _arguments(name: str, windows: Sequence[Window]) -> list[str]:
    limits = [str(number) for window in windows for number in (window.calls, window.seconds * 1000)]
    return [*_keys(name, windows), *limits]


def _keys(name: str, windows: Sequence[Window]) -> list[str]:
    """How many there are, and each."""
    # The braces keep a name's windows together on one node of a cluster.
    return [str(len(windows)), *(f"calls:{{{name}}}:{window.seconds}" for window in windows)]


def _counted(window: Window, used: int, ends_in_ms: int) -> Count:
    # A window that nobody has called in has no end yet.
    ends_in_ms = ends_in_ms if ends_in_ms >= 0 else window.seconds * 1000
    return Count(window, max(0, window.calls - used), ends_in_ms)


class _Alone:
    """The same counts in this process's memory."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[tuple[str, int], tuple[int, float]] = {}

    def take(self, name: str, windows: Sequence[Window]) -> Taken:
        now = time.monotonic()
        with self._lock:
            if len(self._found) > COUNTED_ALONE_AT_MOST:
                self._forget(now)
            used = [self._used(name, window, now) for window in windows]
            is_within = all(count < window.calls for window, (count, _) in zip(windows, used, strict=True))
            if is_within:
                used = [(count + 1, ends_at) for count, ends_at in used]
                for window, found in zip(windows, used, strict=True):
                    self._found[name, window.seconds] = found
        counts = zip(windows, used, strict=True)
        return Taken(
            is_within,
            tuple(_counted(window, count, int((end - now) * 1000)) for window, (count, end) in counts),
        )

    def give_back(self, name: str, windows: Sequence[Window]) -> None:
        now = time.monotonic()
        with self._lock:
            for window in windows:
                count, ends_at = self._used(name, window, now)
                if count:
                    self._found[name, window.seconds] = (count - 1, ends_at)

    def _used(self, name: str, window: Window, now: float) -> tuple[int, float]:
        count, ends_at = self._found.get((name, window.seconds), (0, 0.0))
        return (count, ends_at) if ends_at > now else (0, now + window.seconds)

    def _forget(self, now: float) -> None:
        self._found = {key: found for key, found in self._found.items() if found[1] > now}
        # Whoever comes from that many addresses at once is not stopped by counting them.
        while len(self._found) > COUNTED_ALONE_AT_MOST // 2:
            self._found.pop(next(iter(self._found)))


calls: Final = Counters(settings.REDIS_URL)
