"""What one person may adjust alone: in one adjustment, and in a day."""

from datetime import date, datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from msgspec import Struct

from loyalty.core import clock, roles
from loyalty.core.db import fetch
from loyalty.core.ids import new_id
from loyalty.core.models import Program, User
from members.models import Adjuster, AdjustmentDay, AdjustmentLimit

# Whoever comes second waits for the first one's row and judges by what it is then.
_COUNT: Final = """
INSERT INTO members_adjustmentday AS day (id, program_id, actor, date, points)
SELECT $1, $2, $3, $4, $5::bigint WHERE $5 <= $6::bigint
ON CONFLICT (program_id, actor, date) DO UPDATE SET points = day.points + excluded.points
    WHERE day.points + excluded.points <= $6
RETURNING points"""


class Limit(Struct, frozen=True, kw_only=True):
    """Points that may be given or taken without a second person."""

    per_adjustment: int
    per_day: int


NOTHING: Final = Limit(per_adjustment=0, per_day=0)
"""Where nothing is set, a second person always has to agree."""


def of(program: Program, *, by: User | None) -> Limit:
    """The limit of that person's role, or (None) of a partner system."""
    row = AdjustmentLimit.objects.filter(program=program, role=_adjuster(program, by)).first()
    if row is None:
        return NOTHING
    return Limit(per_adjustment=row.points_per_adjustment, per_day=row.points_per_day)


def _adjuster(program: Program, by: User | None) -> str:
    if by is None:
        return Adjuster.PARTNER
    # Superusers without a role in the program may do what its administrators may.
    return roles.role_of(by, program=program) or Adjuster.ADMINISTRATOR


def take(program: Program, *, by: User | None, actor: str, points: int, at: datetime) -> str:
    """
    Count points (without their sign) into the day of whoever adjusts, if the limits leave room.

    Why a second person has to agree, if they do not; then nothing is counted. What is counted holds
    if the transaction does, and until it ends, the same person's next adjustment waits.
    """
    limit = of(program, by=by)
    if points > limit.per_adjustment:
        return _too_much_at_once(limit)
    day = clock.local_date(program, at)
    counted = fetch(_COUNT, [new_id(), program.pk, actor, day, points, limit.per_day])
    return "" if counted else _too_much_for_a_day(limit, _used(program, actor=actor, day=day))


def excess(program: Program, *, by: User | None, actor: str, points: int, at: datetime) -> str:
    """Why a second person would have to agree just now; no text if nobody has to. Counts nothing."""
    limit = of(program, by=by)
    if points > limit.per_adjustment:
        return _too_much_at_once(limit)
    used = _used(program, actor=actor, day=clock.local_date(program, at))
    return "" if used + points <= limit.per_day else _too_much_for_a_day(limit, used)


def _used(program: Program, *, actor: str, day: date) -> int:
    days = AdjustmentDay.objects.filter(program=program, actor=actor, date=day)
    return days.values_list("points", flat=True).first() or 0


def _too_much_at_once(limit: Limit) -> str:
    if limit.per_adjustment == 0:
        return _("Every adjustment needs a second person here.")
    return ngettext(
        "More than %(points)s point at once needs a second person.",
        "More than %(points)s points at once need a second person.",
        limit.per_adjustment,
    ) % {"points": f"{limit.per_adjustment:,}"}


def _too_much_for_a_day(limit: Limit, used: int) -> str:
    return _("Of %(limit)s points a day, %(used)s are used: more needs a second person.") % {
        "limit": f"{limit.per_day:,}",
        "used": f"{used:,}",
    }
