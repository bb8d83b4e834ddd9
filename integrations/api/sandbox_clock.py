"""The test clock of a sandbox, for partners' test suites."""

from datetime import timedelta
from typing import Any, ClassVar, Final

from msgspec import UNSET, Struct, UnsetType
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.models import ClockMove
from integrations.sandbox import time_travel, turns
from integrations.sandbox.time_travel import ClockIsMoving, NotASandbox
from integrations.sandbox.turns import TooBusy
from loyalty.core import clock
from loyalty.core.api import auth, idempotency, parsing
from loyalty.core.api.schema import operation
from loyalty.core.api.views import PartnerView
from loyalty.core.clock import Moment

WAITS_SECONDS: Final = 20.0


class ClockMoveRequest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the clock is to go: to a moment, or forward by an ISO 8601 duration such as P30D or PT90M."""

    to: Moment | UnsetType = UNSET
    by: timedelta | UnsetType = UNSET


class TestClock(Struct, frozen=True):
    """What time it is in the sandbox, how many seconds that is ahead of real time, and where it is going."""

    now: Moment
    ahead_seconds: int
    moving_to: Moment | None


class ClockMoved(Struct, frozen=True, rename={"began_at": "from", "ends_at": "to"}):
    """From where the clock went, and to where."""

    began_at: Moment
    ends_at: Moment


_CLOCK: Final[dict[str, Any]] = {
    "now": "2027-03-01T08:00:00Z",
    "ahead_seconds": 8_553_600,
    "moving_to": None,
}
_MOVED: Final[dict[str, Any]] = {"from": "2026-11-22T08:00:00Z", "to": "2027-03-01T08:00:00Z"}


class SandboxClockView(PartnerView):
    scopes: ClassVar = {"get": "sandbox:control"}

    @operation(
        id="read_test_clock",
        tag="Sandbox",
        summary="Read the test clock",
        description="""
        What time it is in your sandbox: real time, and as far ahead of it as you have moved it. While a move
        is under way, `now` is where it has got to and `moving_to` is where it will end.
        """,
        answer=TestClock,
        example=_CLOCK,
        refuses=(NotASandbox,),
    )
    def get(self, request: Request) -> Response:
        program = auth.caller(request).program
        time_travel.check_sandbox(program)
        move = time_travel.under_way(program)
        ahead = int(program.clock_offset.total_seconds())
        return Response(TestClock(clock.now(program), ahead, move.to_at if move else None))


class SandboxClockMoveView(PartnerView):
    scopes: ClassVar = {"post": "sandbox:control"}

    @operation(
        id="move_test_clock",
        tag="Sandbox",
        summary="Move the test clock forward",
        description="""
        Have time pass in your sandbox, `to` a moment or `by` a duration, up to 366 days at once. All that
        falls due on the way happens at its moment, in order: points become available and expire, holds run
        out, members have birthdays and anniversaries, campaigns begin and end, segments follow. Each has its
        event, with the moment at which it would have happened; webhooks are sent in real time.

        The call waits for it: 200 says that the clock is there. A long way with many members may take more
        than 20 seconds; then the answer is 202 and it goes on by itself. So it is at once where several
        clocks are moving already. Repeat the call with the same key to go on waiting, or read the clock until
        `moving_to` is null. The clock never goes back, not even by a
        reset. Deliveries of webhooks, expiry of credentials and rate limits go by real time.
        """,
        takes=ClockMoveRequest,
        takes_example={"by": "P99D"},
        answer=ClockMoved,
        example=_MOVED,
        also_answers=((202, ClockMoved, _MOVED),),
        refuses=(NotASandbox, ClockIsMoving, TooBusy),
    )
    def post(self, request: Request) -> Response:
        response: Any = self._ask(request)
        move = time_travel.under_way(auth.caller(request).program)
        if response.status_code == 202 and (move is None or _is_there(move)):
            response.status_code = 200
        return response  # type: ignore[no-any-return]  # a stored answer is Django's own

    @idempotency.idempotent
    def _ask(self, request: Request) -> Response:
        """Note where the clock is to go: this is done once, and what follows from it as often as it takes."""
        wanted, caller = parsing.decode(request, ClockMoveRequest), auth.caller(request)
        move = time_travel.ask(
            caller.program,
            to=None if wanted.to is UNSET else wanted.to,
            by=None if wanted.by is UNSET else wanted.by,
            actor=caller.actor,
        )
        return Response(ClockMoved(move.from_at, move.to_at), status=202)


def _is_there(move: ClockMove) -> bool:
    """Carry it out, or wait for whoever does, if a thread can be spared; the periodic task does the rest."""
    try:
        with turns.thread():
            return time_travel.go_on(move, seconds=WAITS_SECONDS)
    except TooBusy:
        return False
