"""
Closing a period: nothing is booked into it any more, and its figures are frozen.

Note [Closing]
~~~~~~~~~~~~~~
First the lock is committed: from then on triggers refuse entries, costs and breakage rates of its
days. A transaction that was under way may have looked before that, so all that were writing then are
waited for; nobody else is held up. Only then is the period counted, and what was counted is kept
with its hash, once and for good. If the process dies in between, the period is closed without
figures, and `freeze()` does the rest: what is counted then is the same.
"""

import json
import time
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core import clock
from loyalty.core.db import fetch, violated
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import Program, User
from members.finance import books, liability, movements
from members.finance.liability import KindLiability, rounded
from members.finance.movements import Statement, Sum
from members.finance.periods import moment, next_start, start_of
from members.models import BreakageRate, Entry, PeriodLock, PointCost

WRITERS_WAITED_FOR: Final = 30.0
"""Seconds; a booking takes milliseconds, a chunk of an import or a run less than that."""

_BUSY: Final = """
SELECT DISTINCT virtualtransaction FROM pg_locks
WHERE relation = ANY($1::regclass[]) AND mode = 'RowExclusiveLock' AND granted AND pid <> pg_backend_pid()
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


class CannotClose(DomainError):
    """There is no such period to be closed now."""

    code: ClassVar[str] = "cannot_close"
    title = gettext_lazy("The period cannot be closed")


class StillBooking(DomainError):
    """The period is closed, and a booking that began before that has not ended: count it later."""

    code: ClassVar[str] = "still_booking"
    title = gettext_lazy("A booking is still under way")


@dataclass(frozen=True, slots=True)
class Difference:
    """A frozen figure that is another one when it is counted again; None where there is none."""

    figure: str
    frozen: str | None
    counted: str | None


def newest(program: Program) -> PeriodLock | None:
    """The lock that holds: the newest that was not reopened."""
    locks = PeriodLock.objects.filter(program=program, reopened_at__isnull=True)
    return locks.order_by("-through_date").first()


def next_months(program: Program, *, at: datetime) -> list[date]:
    """Last days of the months that are over and not closed yet, oldest first."""
    first = books.first_day(program)
    if first is None:
        return []
    lock = newest(program)
    start = start_of(lock.through_date + timedelta(days=1) if lock else first, "month")
    today = clock.local_date(program, at)
    found = []
    while (end := next_start(start, "month")) <= today:
        found.append(end - timedelta(days=1))
        start = end
    return found


def close(program: Program, *, through: date, by: User, at: datetime) -> PeriodLock:
    """
    Close all months up to the end of one, and freeze what they come to. See Note [Closing].

    :raises InvalidInput: if the day is not the last of a month that can be closed
    :raises CannotClose: if somebody closed it meanwhile
    :raises StillBooking: if it is closed, and cannot be counted yet; `freeze()` later
    """
    if through not in next_months(program, at=at):
        raise InvalidInput(
            _("Choose the last day of a month that is over and not closed yet."), pointer="#/through_date"
        )
    ends_at = moment(through + timedelta(days=1), ZoneInfo(program.time_zone))
    try:
        with transaction.atomic():
            lock = PeriodLock.objects.create(
                program=program, through_date=through, ends_at=ends_at, closed_by=by, closed_at=at
            )
    except IntegrityError as error:
        if violated(error) not in ("a_period_is_closed_once", "periods_are_closed_in_order"):
            raise
        raise CannotClose(_("Somebody else closed this period meanwhile.")) from error
    return freeze(lock)


def freeze(lock: PeriodLock) -> PeriodLock:
    """
    Count a closed period and keep what it comes to.

    :raises StillBooking: if a transaction from before the lock is still writing
    """
    _wait_for_writers()
    figures = counted(lock)
    PeriodLock.objects.filter(pk=lock.pk, figures__isnull=True).update(
        figures=figures, sha256=digest(figures)
    )
    lock.refresh_from_db()
    return lock


def _wait_for_writers() -> None:
    tables = [model._meta.db_table for model in (Entry, PointCost, BreakageRate)]
    busy = {name for (name,) in fetch(_BUSY, [tables])}
    give_up = time.monotonic() + WRITERS_WAITED_FOR
    while busy:
        if time.monotonic() > give_up:
            raise StillBooking(_("The period is closed. Its figures can be counted in a moment: try again."))
        time.sleep(0.02)
        busy &= {name for (name,) in fetch(_BUSY, [tables])}


def counted(lock: PeriodLock) -> dict[str, Any]:
    """The figures of a closed period, as they are now: what was frozen, unless somebody rewrote history."""
    before = PeriodLock.objects.filter(
        program_id=lock.program_id, through_date__lt=lock.through_date, closed_at__lte=lock.closed_at
    ).exclude(reopened_at__lte=lock.closed_at)
    since = before.order_by("-through_date").values_list("through_date", flat=True).first()
    return preview(_as_then(lock), through=lock.through_date, since=since)


def _as_then(lock: PeriodLock) -> Program:
    """The program with the time zone that the period was closed in."""
    program = copy(lock.program)
    if lock.figures:
        program.time_zone = lock.figures["time_zone"]
    return program


def preview(program: Program, *, through: date, since: date | None) -> dict[str, Any]:
    """What would be frozen: the liability at the end of a day, and the movements since another (or ever)."""
    first = since + timedelta(days=1) if since else books.first_day(program) or through
    with books.snapshot():
        owed = liability.as_of(program, through)
        moved = movements.report(program, first=first, last=through, step="month")
    return {
        "program": program.key,
        "currency": program.currency,
        "time_zone": program.time_zone,
        "from": str(start_of(first, "month")),
        "through": str(through),
        "liability": {one.kind.key: _liability(one) for one in owed if one.cohorts},
        "movements": _movements(moved),
    }


def _liability(owed: KindLiability) -> dict[str, Any]:
    return {
        "points": owed.points,
        "cost": _text(owed.cost),
        "gross": _text(rounded(owed.gross)),
        "amount": _text(rounded(owed.amount)),
        "cohorts": {
            f"{cohort.earned:%Y-%m}": {
                "points": cohort.points,
                "breakage": _text(cohort.breakage),
                "amount": _text(cohort.amount),
            }
            for cohort in owed.cohorts
        },
    }


def _movements(statements: Iterable[Statement]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for statement in statements:
        if statement.opening.points or statement.closing.points or statement.movements:
            found.setdefault(statement.kind.key, {})[str(statement.period.start)] = {
                "opening": _sum(statement.opening),
                "closing": _sum(statement.closing),
                "revalued": _text(statement.revalued),
                **{line: _sum(moved) for line, moved in statement.lines().items() if moved.points},
            }
    return found


def _sum(moved: Sum) -> list[Any]:
    return [moved.points, _text(moved.money)]


def _text(number: Decimal) -> str:
    """The same text for the same number, however it was come by: without zeros at its end."""
    return f"{number.normalize() + 0:f}"


def digest(figures: dict[str, Any]) -> str:
    """SHA-256 of the figures as JSON with sorted keys and no spaces, in hexadecimal digits."""
    canonical = json.dumps(figures, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()


def check(lock: PeriodLock) -> list[Difference]:
    """
    Count a closed period again: nothing, if it comes to what was frozen.

    A frozen figure that was itself changed does not fit its hash, which is a difference, too.
    """
    frozen = lock.figures or {}
    found = list(_differences(frozen, counted(lock)))
    if digest(frozen) != lock.sha256:
        found.insert(0, Difference("SHA-256", lock.sha256, digest(frozen)))
    return found


def _differences(frozen: dict[str, Any], now: dict[str, Any], path: str = "") -> Iterator[Difference]:
    for key in sorted({*frozen, *now}):
        before, after = frozen.get(key), now.get(key)
        name = f"{path} › {key}" if path else key
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differences(before, after, name)
        elif before != after:
            yield Difference(name, _shown(before), _shown(after))


def _shown(figure: Any) -> str | None:
    return None if figure is None else json.dumps(figure, ensure_ascii=False)
