"""Jobs that go round all programs, each by its own clock."""

from collections.abc import Callable
from datetime import datetime

import structlog

from loyalty.core import clock
from loyalty.core.models import Program

log = structlog.get_logger(__name__)


def each_program(work: Callable[[Program, datetime], None]) -> None:
    """
    Do the work for every program; what goes wrong in one of them does not keep the others waiting.

    :raises ExceptionGroup: at the end, if it went wrong in any
    """
    errors = []
    for program in Program.objects.order_by("key"):
        try:
            work(program, clock.now(program))
        except Exception as error:  # whatever it is, the next program has no part in it
            log.exception("round_failed", program=program.key)
            errors.append(error)
    if errors:
        raise ExceptionGroup("the work failed in some programs", errors)
