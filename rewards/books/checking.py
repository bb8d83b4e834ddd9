"""Checks of the books that are remembered: asked for, carried out, and what they found."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from time import monotonic, sleep
from typing import Final

import structlog
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.utils import timezone
from msgspec.structs import asdict

from loyalty.core import events
from loyalty.core.db import violated
from loyalty.core.models import Event, Program
from members.ledger.verify import HOLDS, LEDGER, Fault, Progress, Proof, strays
from members.ledger.verify.anchors import Anchor
from members.ledger.verify.proof import UNCHANGED
from members.models import CheckStatus, LedgerAnchor, LedgerCheck
from rewards.books.proving import ACTIVITIES, budgets_add_up, evaluated_again

Listener = Callable[[Progress], None]

FAULTS_KEPT: Final = 100
SAMPLED: Final = 1_000
PATIENCE_SECONDS: Final = 10
HEARD_OF_WITHIN: Final = timedelta(minutes=2)
PARTS: Final = (LEDGER, HOLDS, ACTIVITIES)

log = structlog.get_logger(__name__)


def ask(program: Program | None, *, actor: str) -> tuple[LedgerCheck, bool]:
    """The check of a program that is under way, or a new one, and whether it is new."""
    _give_up_on_silent(program)
    try:
        with transaction.atomic():
            return LedgerCheck.objects.create(program=program, actor=actor, asked_at=timezone.now()), True
    except IntegrityError as error:
        if violated(error) != "one_check_of_a_program_at_a_time":
            raise
        return LedgerCheck.objects.under_way().get(program=program), False


def _give_up_on_silent(program: Program | None) -> None:
    """A check whose process was killed is heard of no more, and must not be in the way of the next."""
    now = timezone.now()
    for check in LedgerCheck.objects.under_way().filter(program=program):
        # One that waits for a worker has nothing to say yet.
        patience = HEARD_OF_WITHIN if check.started_at else timedelta(hours=1)
        if progress_of(check) is None and (check.started_at or check.asked_at) < now - patience:
            _finish(check, CheckStatus.FAILED, problem="It was broken off, and never heard of again.")


def progress_of(check: LedgerCheck) -> Progress | None:
    """How far a running check has come; None if nothing was heard of it for two minutes."""
    told = cache.get(f"ledger-check:{check.pk}")
    return Progress(*told) if told else None


def carry_out(
    check: LedgerCheck,
    *,
    sample: int = SAMPLED,
    seed: int | None = None,
    against: tuple[int, str] | None = None,
    listener: Listener | None = None,
) -> Iterator[Fault]:
    """
    Look at all books of the check's program, name each fault, and remember the result.

    To be read to its end. Of past activities, `sample` are worked out again, drawn by `seed`.
    `against` is an event's number and a digest that an earlier check told, if not those of the last.
    """
    if not _claimed(check):
        return
    began = monotonic()
    kept: list[dict[str, str]] = []
    try:
        drawn_by = int(began) if seed is None else seed
        for fault in _faults(check, sample=sample, seed=drawn_by, against=against, listener=listener):
            check.fault_count += 1
            if len(kept) < FAULTS_KEPT:
                kept.append(asdict(fault))
            yield fault
    except Exception as error:
        _finish(check, CheckStatus.FAILED, problem=type(error).__name__)
        raise
    check.faults, check.seconds = kept, round(monotonic() - began, 1)
    _finish(check, CheckStatus.FAULTS if check.fault_count else CheckStatus.IN_ORDER)


def _claimed(check: LedgerCheck) -> bool:
    """Whether the check is ours to carry out: a task that is delivered twice carries it out once."""
    check.status, check.started_at = CheckStatus.RUNNING, timezone.now()
    waiting = LedgerCheck.objects.filter(pk=check.pk, status=CheckStatus.WAITING)
    return bool(waiting.update(status=check.status, started_at=check.started_at))


def _faults(
    check: LedgerCheck,
    *,
    sample: int,
    seed: int,
    against: tuple[int, str] | None,
    listener: Listener | None,
) -> Iterator[Fault]:
    if check.program is None:
        yield from strays()
        return
    before = anchored(check.program) if against is None else None
    event, digest = against or ((before.event_number, before.digest) if before else (0, ""))
    _seal()
    proof = Proof(
        check.program,
        parts=PARTS,
        before=_anchors(before) if before else (),
        before_event=event,
        listener=_listeners(check, listener),
    )
    yield from proof.faults()
    check.members, check.rows = proof.members, proof.rows
    if digest and proof.earlier.digest != digest:
        yield Fault(
            UNCHANGED, f"entries up to event {event}", f"have the digest {proof.earlier.digest}, not {digest}"
        )
    yield from budgets_add_up(check.program)
    for fault in evaluated_again(check.program, number=sample, seed=seed):
        check.sampled += 1
        if fault is not None:
            yield fault
    # Anchors of faulty books would have the next check believe them.
    if not check.fault_count:
        check.event_number, check.digest = proof.sealed_event, proof.writer.digest
        _leave_anchors(check.program, proof.writer.anchors, check)


def _seal() -> None:
    """Have the anchors reach what has happened by now, unless a long transaction is in the way."""
    if connection.in_atomic_block:
        return
    newest = Event.objects.aggregate(newest=Max("number"))["newest"] or 0
    end = monotonic() + PATIENCE_SECONDS
    while events.seal() < newest and monotonic() < end:
        sleep(0.05)


def _listeners(check: LedgerCheck, listener: Listener | None) -> Listener:
    def heard(progress: Progress) -> None:
        told = (progress.members, progress.of_members, progress.rows)
        cache.set(f"ledger-check:{check.pk}", told, timeout=HEARD_OF_WITHIN.total_seconds())
        if listener:
            listener(progress)

    return heard


def anchored(program: Program) -> LedgerCheck | None:
    """The newest check that left anchors."""
    checks = LedgerCheck.objects.filter(program=program, status=CheckStatus.IN_ORDER)
    return checks.exclude(digest="").order_by("-pk").first()


def _anchors(check: LedgerCheck) -> list[Anchor]:
    rows = check.anchors.order_by("position").values_list("last_member_id", "digest", "marks")
    return [
        Anchor(last_member_id=last, digest=bytes(digest), marks=bytes(marks)) for last, digest, marks in rows
    ]


def _leave_anchors(program: Program, anchors: list[Anchor], check: LedgerCheck) -> None:
    """Leave these, and no older ones of the program."""
    with transaction.atomic():
        LedgerAnchor.objects.filter(check_made__program=program).delete()
        LedgerAnchor.objects.bulk_create(
            [
                LedgerAnchor(
                    check_made=check,
                    position=position,
                    last_member_id=anchor.last_member_id,
                    digest=anchor.digest,
                    marks=anchor.marks,
                )
                for position, anchor in enumerate(anchors)
            ],
            batch_size=200,
        )


def _finish(check: LedgerCheck, status: CheckStatus, *, problem: str = "") -> None:
    check.status, check.finished_at, check.problem = status, timezone.now(), problem
    check.save()
    cache.delete(f"ledger-check:{check.pk}")
    log.log(
        _LEVELS[status],
        "ledger_checked",
        program=check.program.key if check.program else None,
        result=str(status),
        faults=check.fault_count,
        members=check.members,
        rows=check.rows,
        seconds=check.seconds,
        event_number=check.event_number,
        digest=check.digest,
    )


_LEVELS: Final = {
    CheckStatus.IN_ORDER: logging.INFO,
    CheckStatus.FAULTS: logging.ERROR,
    CheckStatus.FAILED: logging.ERROR,
}
