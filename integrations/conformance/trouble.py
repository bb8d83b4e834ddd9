"""Which call meets which trouble: in turn, the same in each run, and never for ever."""

import threading
from collections import Counter
from typing import Final

from integrations.conformance.exchanges import Exchange

NONE: Final = ""
LOST_ANSWER: Final = "answer lost after the effect"
CUT: Final = "connection closed before the call arrived"
UNAVAILABLE: Final = "503 with Retry-After"
LIMITED: Final = "429 with Retry-After"
SLOW: Final = "answered too late"
REPEATED: Final = "call delivered twice"
UNKNOWN_FIELDS: Final = "answer with unknown fields"
PARTIAL: Final = "bulk call that fails in part"

CHANGES: Final = (UNKNOWN_FIELDS, LOST_ANSWER, UNAVAILABLE, CUT, LIMITED, REPEATED, SLOW)
OF_BULK: Final = (PARTIAL, LOST_ANSWER, UNAVAILABLE)
READS: Final = (NONE, UNKNOWN_FIELDS, UNAVAILABLE, CUT, LIMITED)


UNANSWERED: Final = frozenset((UNAVAILABLE, CUT, LIMITED))


class Plan:
    """
    Each new call meets the next trouble of the list, once; its repeats are let through.

    Reading the same again is a repeat only where the time before brought nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._met: set[str] = set()
        self._turns: Counter[str] = Counter()

    def next(self, call: Exchange) -> str:
        with self._lock:
            if call.method == "GET":
                return self._of_reading(call.intention)
            if call.intention in self._met:
                return NONE
            self._met.add(call.intention)
            return self._turn("bulk", OF_BULK) if call.is_bulk else self._turn("changes", CHANGES)

    def _of_reading(self, intention: str) -> str:
        if intention in self._met:
            self._met.remove(intention)
            return NONE
        what = self._turn("reads", READS)
        if what in UNANSWERED:
            self._met.add(intention)
        return what

    def _turn(self, kind: str, troubles: tuple[str, ...]) -> str:
        place = self._turns[kind]
        self._turns[kind] += 1
        return troubles[place % len(troubles)]
