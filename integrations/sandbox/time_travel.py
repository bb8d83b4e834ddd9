"""The test clock of a sandbox: what time it is there, and forward from there. See Note [Test clock]."""

import time
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

import pgtrigger
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations import listening
from integrations.models import ClockMove
from integrations.sandbox import duties, turns
from integrations.sandbox.duties import DUTIES, Appointment
from loyalty.core import clock
from loyalty.core.db import violated
from loyalty.core.errors import DomainError, InvalidInput
from loyalty.core.models import Program, ProgramKind

FARTHEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
LONGEST: Final = timedelta(days=366)
LEASE: Final = timedelta(seconds=60)
POLLED_EVERY_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 10.0
"""How long, in all, a move waits for the event log where other transactions hold it up."""


class NotASandbox(DomainError):
    """The credential's program is a live one: its clock is the real one, and its data stay."""

    code: ClassVar[str] = "not_a_sandbox"
    title = gettext_lazy("Only a sandbox can do this")


class ClockIsMoving(DomainError):
    """The test clock is on its way to another moment. Wait until it is there."""

    code: ClassVar[str] = "clock_is_moving"
    title = gettext_lazy("The test clock is moving")
    passes = True


def check_sandbox(program: Program) -> None:
    """:raises NotASandbox: if the program is live"""
    if program.kind != ProgramKind.SANDBOX:
        detail = _("“{name}” is a live program. Use a credential of its sandbox.")
        raise NotASandbox(detail.format(name=program.name))


def under_way(program: Program) -> ClockMove | None:
    """Where the clock is going; None if it stands where it is."""
    return ClockMove.objects.of(program).under_way().first()


@transaction.atomic
def ask(
    program: Program, *, to: datetime | None = None, by: timedelta | None = None, actor: str
) -> ClockMove:
    """
    Have the clock go forward, to a moment or by a while; `go_on` carries it out.

    :raises NotASandbox: if the program is live
    :raises ClockIsMoving: if an earlier move is not finished
    :raises TooBusy: if the sandbox is being filled or reset
    :raises InvalidInput: if that is not later, more than a year away, or after the year 2099
    """
    check_sandbox(program)
    turns.take(program)
    held = Program.objects.select_for_update(no_key=True).get(pk=program.pk)
    now = clock.now(held)
    move = ClockMove(
        program=held, from_at=now, to_at=_target(now, to, by), actor=actor, asked_at=timezone.now()
    )
    try:
        with transaction.atomic():
            move.save(force_insert=True)
    except IntegrityError as error:
        if violated(error) != "a_clock_moves_to_one_moment_at_a_time":
            raise
        raise ClockIsMoving(_("Wait until the test clock is where it was told to go.")) from None
    return move


def _target(now: datetime, to: datetime | None, by: timedelta | None) -> datetime:
    if (to is None) == (by is None):
        raise InvalidInput(_("Say either `to` or `by`."), pointer="#")
    pointer = "#/to" if by is None else "#/by"
    if by is not None and not timedelta() < by <= LONGEST:
        raise InvalidInput(_("The test clock moves forward, by up to 366 days at once."), pointer=pointer)
    target = now + by if by is not None else to
    assert target is not None, "one of them is given"
    if target <= now:
        detail = _("The test clock never goes back: it is {now}.").format(now=now.isoformat())
        raise InvalidInput(detail, pointer=pointer)
    if target - now > LONGEST:
        raise InvalidInput(_("The test clock moves forward, by up to 366 days at once."), pointer=pointer)
    if target >= FARTHEST:
        raise InvalidInput(_("A test clock stays before the year 2100."), pointer=pointer)
    return target


def abandoned() -> list[ClockMove]:
    """The moves that no process is at."""
    free = Q(busy_until__isnull=True) | Q(busy_until__lte=timezone.now())
    return list(ClockMove.objects.under_way().filter(free).select_related("program").order_by("pk"))


def go_on(move: ClockMove, *, seconds: float) -> bool:
    """
    Carry a move out for that long at most; whether the clock is there.

    While another process is at it, this one waits for it.
    """
    ends_at = time.monotonic() + seconds
    while not _take(move.pk):
        if _is_finished(move.pk):
            return True
        if time.monotonic() > ends_at:
            return False
        time.sleep(POLLED_EVERY_SECONDS)
    try:
        return _Journey(move.pk).go_on(ends_at)
    finally:
        ClockMove.objects.filter(pk=move.pk).update(busy_until=None)


def _take(move_id: UUID) -> bool:
    """Be the one who carries it out. Two at once would do no harm, and the same work twice."""
    now = timezone.now()
    free = Q(busy_until__isnull=True) | Q(busy_until__lte=now)
    return bool(ClockMove.objects.under_way().filter(free, pk=move_id).update(busy_until=now + LEASE))


def _is_finished(move_id: UUID) -> bool:
    return ClockMove.objects.filter(pk=move_id, finished_at__isnull=False).exists()


class _Journey:
    """From where a move has got to, moment by moment."""

    def __init__(self, move_id: UUID) -> None:
        self.move = ClockMove.objects.select_related("program").get(pk=move_id)
        self.program = self.move.program
        self.heard, self.patience = 0, PATIENCE_SECONDS

    def go_on(self, ends_at: float) -> bool:
        while self.move.reached_at is None or self.move.reached_at < self.move.to_at:
            if time.monotonic() > ends_at:
                return False
            self._visit(self._next())
        return True

    def _next(self) -> Appointment:
        """All at the beginning, at the end and as each day begins; in between what is due."""
        reached, end = self.move.reached_at, self.move.to_at
        if reached is None:
            return Appointment(self.move.from_at, DUTIES)
        tomorrow = clock.local_date(self.program, reached) + timedelta(days=1)
        whole = min(clock.start_of_day(self.program, tomorrow), end)
        due = duties.following(self.program, after=reached, until=whole)
        return due if due is not None and due.at < whole else Appointment(whole, DUTIES)

    def _visit(self, appointment: Appointment) -> None:
        self._set_clock(appointment.at)
        for duty in appointment.duties:
            duty.work(self.program, appointment.at)
        began = time.monotonic()
        self.heard = listening.hear(self.program, after=self.heard, patience=self.patience)
        self.patience = max(self.patience - (time.monotonic() - began), 0.0)
        now, is_there = timezone.now(), appointment.at >= self.move.to_at
        self.move.reached_at = appointment.at
        ClockMove.objects.filter(pk=self.move.pk).update(
            reached_at=appointment.at, busy_until=now + LEASE, finished_at=now if is_there else None
        )

    def _set_clock(self, at: datetime) -> None:
        """Real time goes on meanwhile: a clock that is past the moment already stays where it is."""
        ahead = Greatest(F("clock_offset"), at - timezone.now())
        # Who moved the clock is told by the move; its many steps are none of the program's history.
        with pgtrigger.ignore("core.Program:update_update"):
            Program.objects.filter(pk=self.program.pk).update(clock_offset=ahead)
        self.program.refresh_from_db()
