"""
A backtest's way from its first activity to its last, in slices of some seconds.

Note [Slices]
~~~~~~~~~~~~~
A slice reads on from the stored position, and at its end stores sums, rows of members and the new
position in one transaction. In between nothing is written but a sign of life. So a worker that is
killed costs no more than its slice, other tasks get their turn between two slices, and what is in
memory does not grow with the period. Whoever commits a slice must find the position that it began
from: of two workers that believe a backtest to be theirs, one throws its slice away.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from loyalty.core.db import fetch, violated
from members import terms
from rewards.backtests import past, results, rulebooks, stream
from rewards.backtests.simulation import Member, Simulation, State, Tally, Used
from rewards.models import Backtest, BacktestMember, BacktestStatus, BacktestTally

SLICE_SECONDS: Final = 4.0
SLICE_ACTIVITIES: Final = 40_000
HEARD_OF_WITHIN: Final = timedelta(seconds=60)
"""A worker that says nothing for so long is taken to be dead."""
RESUMED_AT_MOST: Final = 3
"""In a row, without getting any further."""

log = structlog.get_logger(__name__)


def claimed(backtest_id: UUID) -> Backtest | None:
    """
    The backtest, if it is now ours to go on with; None if it has ended or others are at work.

    Of a program, one backtest runs at a time.
    """
    now = timezone.now()
    silent = Q(heard_at__isnull=True) | Q(heard_at__lt=now - HEARD_OF_WITHIN)
    ready = Q(status=BacktestStatus.WAITING) | (Q(status=BacktestStatus.RUNNING) & silent)
    with transaction.atomic():
        rows = Backtest.objects.select_for_update(of=("self",)).select_related("program", "campaign")
        backtest = rows.filter(ready, pk=backtest_id).first()
        if backtest is None:
            return None
        lost = backtest.status == BacktestStatus.RUNNING and backtest.heard_at is not None
        backtest.resumed = backtest.resumed + 1 if lost else backtest.resumed
        backtest.status, backtest.heard_at = BacktestStatus.RUNNING, now
        if backtest.started_at is None:
            backtest.started_at = now
            backtest.total = stream.count(
                backtest.program, starts_at=backtest.starts_at, ends_at=backtest.ends_at
            )
        try:
            with transaction.atomic():
                backtest.save(update_fields=["status", "heard_at", "started_at", "total", "resumed"])
        except IntegrityError as error:
            if violated(error) != "one_backtest_of_a_program_runs_at_a_time":
                raise
            return None
    return backtest


def next_of(program_id: UUID) -> UUID | None:
    """The backtest of the program whose turn it is; None if none waits, or a worker has one in hand."""
    return next(iter(_whose_turn_it_is(program_id)), None)


def abandoned() -> list[UUID]:
    """In each program, the backtest that should be at work and is in no worker's hands."""
    return _whose_turn_it_is(None)


def _whose_turn_it_is(program_id: UUID | None) -> list[UUID]:
    rows = fetch(_TURNS, [program_id, timezone.now() - HEARD_OF_WITHIN])
    return [backtest_id for backtest_id, is_in_hand in rows if not is_in_hand]


# The one that runs comes before those that wait, of which the oldest is next.
_TURNS: Final = """
SELECT DISTINCT ON (program_id) id, status = 'running' AND heard_at IS NOT NULL AND heard_at >= $2
FROM rewards_backtest WHERE finished_at IS NULL AND ($1::uuid IS NULL OR program_id = $1)
ORDER BY program_id, status, id"""


def go_on(backtest: Backtest) -> bool:
    """
    Do the next slice of a claimed backtest; whether there is more to do.

    What goes wrong ends it, and is remembered.
    """
    if backtest.resumed > RESUMED_AT_MOST:
        _end(
            backtest, BacktestStatus.FAILED, problem="Its worker was lost at the same place again and again."
        )
        return False
    if backtest.is_to_stop:
        _end(backtest, BacktestStatus.CANCELLED)
        return False
    try:
        return _slice(backtest)
    except Exception as error:
        _end(backtest, BacktestStatus.FAILED, problem=f"{type(error).__name__}: {error}"[:200])
        raise


def _slice(backtest: Backtest) -> bool:
    began = monotonic()
    simulation = Simulation(
        sides=rulebooks.of(backtest),
        key=backtest.campaign.key,
        spendable=_spendable(backtest),
        prices={key: Decimal(price) for key, price in backtest.prices.items()},
        state=msgspec.convert(backtest.state, State),
    )
    books = (simulation.today.rulebook, simulation.tried.rulebook)
    before = position = (backtest.position_at or backtest.starts_at, backtest.position_id or stream.START)
    is_over, done = False, 0
    while not is_over and done < SLICE_ACTIVITIES and monotonic() - began < SLICE_SECONDS:
        chunk = stream.chunk(backtest.program, after=position, ends_at=backtest.ends_at)
        if simulation.limits_members:
            _load_used(backtest, simulation, {one.member_id for one in chunk})
        for one in past.filled(chunk, backtest.program, books):
            simulation.take(one)
        is_over = len(chunk) < stream.AT_ONCE
        if chunk:
            position, done = (chunk[-1].at, chunk[-1].id), done + len(chunk)
        is_to_stop = _is_to_stop(backtest, done=backtest.done + done)
        if is_to_stop is None:
            return False
        if is_to_stop:
            _end(backtest, BacktestStatus.CANCELLED)
            return False
    return _commit(
        backtest, simulation, before, position, done=done, is_over=is_over, seconds=monotonic() - began
    )


def _spendable(backtest: Backtest) -> frozenset[str]:
    kinds = terms.of(backtest.program).wallet_types
    return frozenset(key for key, kind in kinds.items() if kind.is_spendable)


def _is_to_stop(backtest: Backtest, *, done: int) -> bool | None:
    """
    A sign of life to whoever waits for the end, and whether nobody does any more.

    None if it is not ours: it has ended, or another worker took it for abandoned and has moved it on.
    """
    rows = fetch(
        "UPDATE rewards_backtest SET heard_at = $2 WHERE id = $1 AND finished_at IS NULL"
        " AND position_id IS NOT DISTINCT FROM $3 RETURNING is_to_stop",
        [backtest.pk, timezone.now(), backtest.position_id],
    )
    if not rows:
        return None
    cache.set(f"backtest:{backtest.pk}", done, timeout=HEARD_OF_WITHIN.total_seconds())
    return bool(rows[0][0])


def seen(backtest: Backtest) -> int:
    """How many activities were looked at, with those of the slice that is at work."""
    return max(backtest.done, int(cache.get(f"backtest:{backtest.pk}") or 0))


def _commit(
    backtest: Backtest,
    simulation: Simulation,
    before: tuple[datetime, UUID],
    position: tuple[datetime, UUID],
    *,
    done: int,
    is_over: bool,
    seconds: float,
) -> bool:
    """Keep what the slice found. See Note [Slices]."""
    with transaction.atomic():
        row = Backtest.objects.select_for_update().get(pk=backtest.pk)
        stored = (row.position_at or row.starts_at, row.position_id or stream.START)
        if row.finished_at or stored != before:
            return False
        _keep_members(row, simulation)
        _keep_tallies(row, simulation.tallies)
        row.state = msgspec.to_builtins(simulation.finish())
        row.position_at, row.position_id = position
        row.done, row.seconds, row.resumed = row.done + done, row.seconds + seconds, 0
        # Without a sign of life from now on, so that any worker may take the next slice.
        row.heard_at = None
        row.save(
            update_fields=["state", "position_at", "position_id", "done", "seconds", "resumed", "heard_at"]
        )
        if is_over:
            row.result = results.summed(row, simulation.state)
            _end(row, BacktestStatus.DONE)
    return not is_over


_USED: Final = """
SELECT member_id, used::text FROM rewards_backtestmember WHERE backtest_id = $1 AND member_id = ANY($2)"""


def _load_used(backtest: Backtest, simulation: Simulation, members: set[UUID]) -> None:
    """What limits have counted of the members in earlier slices."""
    unknown = members - simulation.used.keys()
    if unknown:
        for member_id, used in fetch(_USED, [backtest.pk, list(unknown)]):
            simulation.used[member_id] = msgspec.json.decode(used, type=Used)


_MEMBERS: Final = """
INSERT INTO rewards_backtestmember AS kept (
    backtest_id, member_id, matched, earlier, before, after, given, part, used)
SELECT $1, new.member_id, new.matched, new.earlier, new.before, new.after, new.given, new.part, new.used
FROM json_to_recordset($2::json)
     AS new(member_id uuid, matched bigint, earlier bigint, before bigint, after bigint, given bigint,
            part text, used jsonb)
ON CONFLICT (backtest_id, member_id) DO UPDATE SET
    matched = kept.matched + excluded.matched, earlier = kept.earlier + excluded.earlier,
    before = kept.before + excluded.before, after = kept.after + excluded.after,
    given = kept.given + excluded.given,
    part = CASE WHEN excluded.part = '' THEN kept.part ELSE excluded.part END, used = excluded.used"""

_TALLIES: Final = """
INSERT INTO rewards_backtesttally AS kept (backtest_id, kind, key, name, matched, amount, points)
SELECT $1, new.kind, new.key, new.name, new.matched, new.amount, new.points
FROM json_to_recordset($2::json)
     AS new(kind text, key text, name text, matched bigint, amount numeric, points bigint)
ON CONFLICT (backtest_id, kind, key) DO UPDATE SET
    matched = kept.matched + excluded.matched, amount = kept.amount + excluded.amount,
    points = kept.points + excluded.points"""


def _keep_members(backtest: Backtest, simulation: Simulation) -> None:
    nothing = Used()
    rows = [
        {"member_id": member_id, **_columns(sums), "used": simulation.used.get(member_id, nothing)}
        for member_id, sums in simulation.members.items()
    ]
    _insert(_MEMBERS, backtest, rows)


def _keep_tallies(backtest: Backtest, tallies: dict[tuple[str, str], Tally]) -> None:
    _insert(
        _TALLIES,
        backtest,
        [{"kind": kind, "key": key, **_columns(sums)} for (kind, key), sums in tallies.items()],
    )


def _columns(sums: Member | Tally) -> dict[str, Any]:
    return {name: getattr(sums, name) for name in sums.__struct_fields__}


def _insert(statement: str, backtest: Backtest, rows: Iterable[dict[str, Any]]) -> None:
    told = msgspec.json.encode(list(rows)).decode()
    fetch(statement, [backtest.pk, told], is_kept=False)


def _end(backtest: Backtest, status: BacktestStatus, *, problem: str = "") -> None:
    """The last word on a backtest; what was only needed on the way is let go."""
    with transaction.atomic():
        row = Backtest.objects.select_for_update().get(pk=backtest.pk)
        if row.finished_at:
            return
        row.status, row.finished_at, row.problem = status, timezone.now(), problem
        row.result, row.state, row.heard_at = backtest.result, {}, None
        row.save(update_fields=["status", "finished_at", "problem", "result", "state", "heard_at"])
        BacktestMember.objects.filter(backtest=row)._raw_delete("default")
        BacktestTally.objects.filter(backtest=row)._raw_delete("default")
    cache.delete(f"backtest:{backtest.pk}")
    log.info(
        "backtest_ended",
        program=row.program_id,
        backtest=str(row.pk),
        result=str(status),
        activities=row.done,
        seconds=round(row.seconds, 1),
        problem=problem,
    )
