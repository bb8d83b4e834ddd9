"""What the program itself hears from the event log, in between and when a test clock waits for it."""

import time
from typing import Final

from integrations import consumers
from integrations.models import Consumer
from loyalty.core.models import Event, Program
from rewards.happenings import noticing

POLLED_EVERY_SECONDS: Final = 0.01


def notice_occasions() -> int:
    """Book what campaigns listen to beside sales and reported events; how many events were read."""
    return consumers.catch_up(
        noticing.CONSUMER,
        lambda span: noticing.notice(span.events().filter(type__in=noticing.TYPES)),
        limit=noticing.AT_ONCE,
    )


def newest_occasion(program: Program, *, after: int) -> int:
    """The number of the program's newest event that campaigns may listen to; `after` if there is none."""
    told = Event.objects.filter(program=program, number__gt=after, type__in=noticing.TYPES)
    return told.order_by("-number").values_list("number", flat=True).first() or after


def hear(program: Program, *, after: int, patience: float) -> int:
    """
    Have everything noticed that the program has told since that number, and what follows from it.

    Another transaction may hold up the log's seal: after `patience` seconds it is left to whoever hears
    next, and books the same by the moments of the events.

    :returns: the number up to which it was heard
    """
    gives_up_at = time.monotonic() + patience
    while (newest := newest_occasion(program, after=after)) > after:
        while _cursor() < newest:
            if notice_occasions() == 0:
                if time.monotonic() > gives_up_at:
                    return after
                time.sleep(POLLED_EVERY_SECONDS)
        after = newest
    return after


def _cursor() -> int:
    return Consumer.objects.filter(pk=noticing.CONSUMER).values_list("cursor", flat=True).first() or 0
