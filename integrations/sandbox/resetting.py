"""
A sandbox as on its first day: all data go, what was configured stays.

Note [Reset]
~~~~~~~~~~~~
Entries, postings, events and what else is kept for good is deleted nowhere but here, and here only for
a sandbox: each statement asks for the program's kind itself. The triggers that refuse it rest for this
one transaction and this one connection (`pgtrigger.ignore`, set locally); all others meet them as
ever. Wallets are held first, so that whoever sells meanwhile finds no member afterwards. Then the
program's row is held against its foreign keys, too: whoever registers somebody meanwhile commits before
that, and is deleted whole, or after the reset, and stays whole. Otherwise a member could come between the
deletion of members and that of wallets, and be left with none. Whoever holds what the reset needs, and
waits for the program at the same time, makes PostgreSQL end one of the two, and the reset is done again.
"""

from datetime import datetime
from typing import Final

from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils.translation import gettext as _
from msgspec import Struct
from psycopg.errors import DeadlockDetected, LockNotAvailable

from integrations.sandbox import tables, time_travel, turns
from loyalty.core import clock
from loyalty.core.db import fetch
from loyalty.core.models import Program
from rewards.models import PrizeDraw, UploadedCode

ATTEMPTS: Final = 5


class Emptied(Struct, frozen=True):
    """How much a sandbox had."""

    members: int
    transactions: int
    entries: int
    events: int


_HOLD: Final = "SELECT FROM members_wallet WHERE program_id = $1 ORDER BY id FOR UPDATE"
_CLOSE: Final = "SELECT FROM core_program WHERE id = $1 FOR UPDATE"
_STOCK: Final = """
UPDATE rewards_reward AS reward SET stock = least(stock + taken.pieces, 1000000)
FROM (SELECT reward_id, count(*) AS pieces FROM rewards_redemption
      WHERE program_id = $1 AND took_piece AND status NOT IN ('cancelled', 'expired', 'returned')
      GROUP BY 1) AS taken
WHERE reward.id = taken.reward_id AND reward.program_id = $1 AND reward.stock IS NOT NULL"""
# The answer to the very call that resets is there already, and is yet to be written.
_ANSWERS: Final = """
DELETE FROM core_idempotencyrecord WHERE body <> 'null'::jsonb
AND partner_id IN (SELECT id FROM integrations_partner WHERE program_id = $1)"""
_AS_AT_FIRST: Final = (
    """UPDATE rewards_budgetslot SET used = 0 WHERE used > 0
    AND budget_id IN (SELECT id FROM rewards_campaignbudget WHERE program_id = $1)""",
    """UPDATE rewards_campaignbudget SET warned_at = NULL, exhausted_at = NULL, is_empty = false
    WHERE program_id = $1 AND (warned_at IS NOT NULL OR exhausted_at IS NOT NULL OR is_empty)""",
    """UPDATE members_segment SET member_count = 0, refreshed_at = NULL
    WHERE program_id = $1 AND (member_count > 0 OR refreshed_at IS NOT NULL)""",
    """UPDATE rewards_prizedraw SET drawn_at = NULL, seed = '', drawn_by_id = NULL
    WHERE program_id = $1 AND drawn_at IS NOT NULL""",
    """UPDATE rewards_uploadedcode SET redemption_id = NULL, given_at = NULL
    WHERE program_id = $1 AND redemption_id IS NOT NULL""",
    """UPDATE rewards_reward AS reward SET stock =
    (SELECT count(*) FROM rewards_uploadedcode AS code WHERE code.reward_id = reward.id)
    WHERE program_id = $1 AND codes_from = 'uploaded'""",
)
_TODAY: Final = "UPDATE rewards_occasionday SET day = $2, after = NULL WHERE program_id = $1"


def reset(program: Program, *, at: datetime) -> Emptied:
    """
    Delete all that has happened in a sandbox, in one transaction. See Note [Reset].

    :raises NotASandbox: if the program is live
    :raises ClockIsMoving: while its test clock moves
    :raises TooBusy: if it, or several others, are at such work, or calls would not let this come to an end
    """
    time_travel.check_sandbox(program)
    with turns.thread():
        return _attempted(program, at)


def _attempted(program: Program, at: datetime) -> Emptied:
    for _attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return _empty(program, at)
        except IntegrityError:
            continue
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                break
            if not isinstance(error.__cause__, DeadlockDetected):
                raise
    raise turns.too_busy(_("Calls keep on changing the sandbox. Pause them, and try again."))


def _empty(program: Program, at: datetime) -> Emptied:
    turns.take(program)
    Program.objects.select_for_update(no_key=True).get(pk=program.pk)
    if time_travel.under_way(program):
        raise time_travel.ClockIsMoving(_("Wait until the test clock is where it was told to go."))
    fetch(_HOLD, [program.pk])
    fetch(_CLOSE, [program.pk])
    fetch(_STOCK, [program.pk])
    models = tables.data()
    _set_resting(tables.protections([*models, PrizeDraw, UploadedCode]))
    deleted = {model._meta.label: _deleted(tables.delete_all(model), program) for model in models}
    fetch(_ANSWERS, [program.pk])
    for statement in _AS_AT_FIRST:
        fetch(statement, [program.pk])
    # Days long gone have nothing to bring to nobody.
    fetch(_TODAY, [program.pk, clock.local_date(program, at)])
    fetch("SET CONSTRAINTS ALL IMMEDIATE")
    fetch("SET CONSTRAINTS ALL DEFERRED")
    _set_resting("")
    return Emptied(
        members=deleted["members.Member"],
        transactions=deleted["rewards.Activity"],
        entries=deleted["members.Entry"],
        events=deleted["core.Event"],
    )


def _set_resting(triggers: str) -> None:
    fetch("SELECT set_config('pgtrigger.ignore', $1, true)", [triggers])


def _deleted(statement: str, program: Program) -> int:
    assert connection.in_atomic_block, "a reset is done as a whole or not at all"
    ((count,),) = fetch(f"WITH gone AS ({statement} RETURNING 1) SELECT count(*) FROM gone", [program.pk])
    return int(count)
