"""
Sending what is due, each endpoint at its own pace.

Note [Lanes]
~~~~~~~~~~~~
Each endpoint has a lane: as many messages on their way at a time as it has shown that it can take.
A lane starts narrow, widens with each success, halves with a failure, and lets a single message
through when there was no answer at all; what waits in a lane that is slow or fails is given back. So
an endpoint that hangs holds a few sockets and nothing else: it has no part in how soon another
endpoint's message is claimed, sent or recorded.

A run ends when nothing is due. After its time is up, it goes on only for as long as slow answers
are outstanding, so that nobody else waits for them, and lets no failing endpoint start anything
that would prolong it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.utils import timezone

from integrations import delivery, http, secrets, signing, webhooks
from integrations.delivery import Claimed, Outcome

RUN_SECONDS: Final = 20
WIDTH_AT_FIRST: Final = 8
WIDEST: Final = 32
WAITING_PER_SENT: Final = 8
SENT_AT_ONCE: Final = 800
FAILING_AT_ONCE: Final = 200
WAITING_IN_ALL: Final = 4_000
SLOW_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.05
LOOK_SECONDS: Final = 0.2

log = structlog.get_logger()
T = TypeVar("T")


@dataclass(slots=True)
class Lane:
    """One endpoint's messages in this run. See Note [Lanes]."""

    width: int
    waiting: deque[Claimed] = field(default_factory=deque)
    begun: dict[UUID, float] = field(default_factory=dict)
    was_filled: bool = False

    def room(self) -> int:
        """How many more deliveries to claim for it."""
        held = len(self.waiting) + len(self.begun)
        if self.width == 1 or self.is_slow():
            return max(0, 1 - held)
        return max(0, self.width * WAITING_PER_SENT - held)

    def is_slow(self) -> bool:
        return bool(self.begun) and monotonic() - next(iter(self.begun.values())) > SLOW_SECONDS

    def is_narrow(self) -> bool:
        return self.width == 1 or self.is_slow()

    def wants_more(self) -> bool:
        return self.was_filled and self.width > 1 and len(self.waiting) <= self.width

    def adapt(self, outcome: Outcome) -> None:
        if not outcome.error:
            self.width = min(WIDEST, self.width + 1)
        elif outcome.status_code is None:
            self.width = 1
        else:
            self.width = max(1, self.width // 2)


class Sender:
    """The lanes of one run, and the outcomes that are not recorded yet."""

    def __init__(self, client: http.Client) -> None:
        self._client = client
        self._lanes: dict[UUID, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._returned: list[Claimed] = []
        self.outcomes: list[Outcome] = []
        self.attempts = 0
        self.wake = asyncio.Event()

    def accept(self, claimed: list[Claimed]) -> None:
        for lane in self._lanes.values():
            lane.was_filled = False
        for one in claimed:
            lane = self._lanes.setdefault(one.endpoint_id, Lane(1 if one.is_failing else WIDTH_AT_FIRST))
            lane.waiting.append(one)
            lane.was_filled = lane.room() == 0
        # Who has least on the way comes first, should there be too much for all.
        for lane in sorted(self._lanes.values(), key=lambda lane: len(lane.begun)):
            self._fill(lane)

    def claim(self, *, may_prolong: bool) -> Callable[[], list[Claimed]]:
        """
        How to take what there is room for now, to be called in the database's thread.

        Failing endpoints have room only if they `may_prolong` the run.
        """
        narrow = sum(len(lane.begun) for lane in self._lanes.values() if lane.is_narrow())
        failing_room = int(may_prolong and narrow < FAILING_AT_ONCE)
        rooms = {
            endpoint: lane.room() if failing_room or not lane.is_narrow() else 0
            for endpoint, lane in self._lanes.items()
        }
        room = WIDTH_AT_FIRST * WAITING_PER_SENT
        limit = WAITING_IN_ALL - sum(len(lane.waiting) for lane in self._lanes.values())
        return partial(
            delivery.claim,
            rooms,
            room=room,
            failing_room=failing_room,
            limit=max(0, limit),
            at=timezone.now(),
        )

    def is_busy(self) -> bool:
        return bool(self._tasks or self.outcomes or self._returned)

    def is_slow(self) -> bool:
        return any(lane.is_slow() for lane in self._lanes.values())

    def take_outcomes(self) -> list[Outcome]:
        taken, self.outcomes = self.outcomes, []
        return taken

    def take_returned(self) -> list[Claimed]:
        """What was claimed, and will not be sent by this run."""
        for lane in self._lanes.values():
            if lane.is_slow():
                self._empty(lane)
        taken, self._returned = self._returned, []
        return taken

    def close(self) -> None:
        """Begin nothing any more."""
        for lane in self._lanes.values():
            self._empty(lane)

    def _empty(self, lane: Lane) -> None:
        self._returned.extend(lane.waiting)
        lane.waiting.clear()

    async def finish(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _fill(self, lane: Lane) -> None:
        while lane.waiting and len(lane.begun) < lane.width and len(self._tasks) < SENT_AT_ONCE:
            claimed = lane.waiting.popleft()
            lane.begun[claimed.id] = monotonic()
            task = asyncio.create_task(self._send(lane, claimed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, lane: Lane, claimed: Claimed) -> None:
        # What waited so long that the answer could come after the lease is left to the next claim.
        if claimed.leased_until - timezone.now() > timedelta(seconds=http.TIMEOUT_SECONDS):
            outcome = await attempt(self._client, claimed)
            self.attempts += 1
            self.outcomes.append(outcome)
            lane.adapt(outcome)
            if outcome.is_permanent or outcome.retry_after or lane.is_narrow():
                self._empty(lane)
        del lane.begun[claimed.id]
        self._fill(lane)
        if lane.wants_more():
            self.wake.set()


async def attempt(client: http.Client, claimed: Claimed) -> Outcome:
    """Send one message once, and say what came of it, whatever happens."""
    at, began = timezone.now(), monotonic()
    error, status_code, is_permanent, retry_after = "", None, False, None
    try:
        body = claimed.body()
        keys = [secrets.decrypt(claimed.sealed_secret)]
        headers = signing.headers(claimed.id, body=body, keys=keys, at=at)
        headers["content-type"] = "application/json"
        status_code = await client.post(claimed.url, body=body, headers=headers)
    except http.DeliveryFailed as failure:
        error, status_code = str(failure), failure.status_code
        is_permanent, retry_after = failure.permanent, failure.retry_after
    except secrets.InvalidToken:
        error = "The endpoint's secret cannot be decrypted with the present keys."
    except Exception as failure:  # a fault of ours with one message must not stop everybody's
        log.exception("webhook not sent", delivery=str(claimed.id))
        error = f"Internal error: {type(failure).__name__}"
    duration_ms = int((monotonic() - began) * 1000)
    return Outcome(claimed, at, duration_ms, status_code, error, is_permanent, retry_after)


@contextmanager
def only_one() -> Iterator[bool]:
    """
    True unless another run is going on.

    The lock is a transaction's, which works behind PgBouncer and ends with the process however it
    ends. The transaction does nothing else: it has no id and no snapshot, and holds up nobody.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock('integrations_delivery'::regclass::bigint)")
        yield bool(cursor.fetchone()[0])


async def run(*, seconds: float = RUN_SECONDS, client: http.Client | None = None) -> int:
    """
    Queue what has happened and send what is due, until nothing is or the time is up.

    :returns: how many attempts were made
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="database") as database:
        try:
            async with client or http.Client() as ready:
                return await _run(Sender(ready), database, seconds=seconds)
        finally:
            database.submit(connection.close)


async def _run(sender: Sender, database: ThreadPoolExecutor, *, seconds: float) -> int:
    loop, began, looked = asyncio.get_running_loop(), monotonic(), 0.0

    async def in_database(work: Callable[..., T], *arguments: Any) -> T:
        return await loop.run_in_executor(database, work, *arguments)

    while True:
        passed = monotonic() - began
        if passed > seconds and (not sender.is_slow() or passed > seconds + 2 * http.TIMEOUT_SECONDS):
            break
        sender.wake.clear()
        await in_database(_turn_in, sender.take_outcomes(), sender.take_returned())
        if monotonic() - looked > LOOK_SECONDS or not sender.is_busy():
            looked = monotonic()
            await in_database(_queue_new)
        claimed = await in_database(sender.claim(may_prolong=passed + http.TIMEOUT_SECONDS < seconds))
        sender.accept(claimed)
        if not claimed and not sender.is_busy():
            break
        await _pause(sender)
    sender.close()
    await in_database(_turn_in, sender.take_outcomes(), sender.take_returned())
    await sender.finish()
    await in_database(_turn_in, sender.take_outcomes(), sender.take_returned())
    return sender.attempts


def _queue_new() -> None:
    webhooks.queue_new(at=timezone.now())


def _turn_in(outcomes: list[Outcome], returned: list[Claimed]) -> None:
    if outcomes:
        delivery.record(outcomes)
    if returned:
        delivery.release(returned, at=timezone.now())


async def _pause(sender: Sender) -> None:
    try:
        async with asyncio.timeout(PAUSE_SECONDS):
            await sender.wake.wait()
    except TimeoutError:
        pass
