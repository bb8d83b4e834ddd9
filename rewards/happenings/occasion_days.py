"""
What days bring: birthdays, anniversaries of enrolments, and a number of days without a purchase.

Each program's days are gone through one after the other, in its time zone and by its clock, some
members at a time. How far it has come is kept in the transaction that books what was found (and
locked in it), so that a worker that was killed, two at once, or a clock that was moved on by a week
lose no day and give nothing twice.
"""

from calendar import isleap
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from msgspec import Struct

from loyalty.core import clock, events
from loyalty.core.db import fetch
from loyalty.core.models import Program
from members.ledger import store
from rewards.deciding import rules
from rewards.happenings import occasions
from rewards.happenings.occasions import Occasion
from rewards.models import OccasionDay

AT_ONCE: Final = 500
LOOKED_AT_ONCE: Final = 5_000
_FIRST: Final = UUID(int=0)


class Page(Struct, frozen=True):
    """What some members have on a day; `last` is who to go on after, None at the end of the day."""

    occasions: Sequence[Occasion] = ()
    last: UUID | None = None


class _Day(Struct, frozen=True):
    program: Program
    day: date
    after: UUID
    limit: int


def go_through(program: Program, *, at: datetime, limit: int | None = None) -> int:
    """
    Book what all days up to today brought, as far as that was not done; how many occasions.

    `limit` is how many members are dealt with in one transaction.
    """
    return sum(_up_to_date(kind, program, at, limit) for kind in _KINDS)


def _up_to_date(kind: str, program: Program, at: datetime, limit: int | None) -> int:
    total = 0
    while (found := _step(kind, program, at, limit)) is not None:
        total += found
    return total


def _step(kind: str, program: Program, at: datetime, limit: int | None) -> int | None:
    """The next members of the day; None if today is done, or another worker is at it."""
    find, usual, event_type = _KINDS[kind]
    with transaction.atomic():
        row = _claim(kind, program, at)
        if row is None or row.day > clock.local_date(program, at):
            return None
        page = find(_Day(program, row.day, row.after or _FIRST, limit or usual))
        _publish(page.occasions, event_type, program, at)
        booked = occasions.book(page.occasions, program=program, at=at)
        row.after = page.last
        if page.last is None:
            row.day += timedelta(days=1)
        row.save(update_fields=["day", "after"])
    return booked


def _claim(kind: str, program: Program, at: datetime) -> OccasionDay | None:
    rows = OccasionDay.objects.filter(program=program, kind=kind)
    claimable = rows.select_for_update(skip_locked=True)
    if row := claimable.first():
        return row
    if rows.exists():
        return None
    first = min(clock.local_date(program, program.created_at), clock.local_date(program, at))
    OccasionDay.objects.bulk_create(
        [OccasionDay(program=program, kind=kind, day=first)], ignore_conflicts=True
    )
    return claimable.first()


def _publish(found: Sequence[Occasion], event_type: str | None, program: Program, at: datetime) -> None:
    """Partners are told, whether or not a campaign listens; the wallets are held, for the order of events."""
    if event_type is None or not found:
        return
    store.lock(occasion.member_id for occasion in found)
    events.publish(
        events.NewEvent(
            type=event_type,
            program_id=program.pk,
            member_id=occasion.member_id,
            occurred_at=occasion.occurred_at,
            recorded_at=at,
            data=dict(occasion.attributes),
        )
        for occasion in found
    )


# Days that come again each year.

_CELEBRATING: Final = """
SELECT m.id, extract(year FROM {day})::int
FROM unnest($2::int[], $3::int[]) AS wanted(month, day)
JOIN members_member m ON m.program_id = $1 AND extract(month FROM {indexed}) = wanted.month
     AND extract(day FROM {indexed}) = wanted.day
WHERE m.status = 'active' AND m.id > $4 AND {day} < $5::date
  AND (extract(month FROM {day}), extract(day FROM {day})) IN (
      SELECT month, day FROM unnest($6::int[], $7::int[]) AS celebrated(month, day))
  AND NOT EXISTS (
      SELECT FROM core_event told WHERE told.member_id = m.id AND told.type = $8::text
      AND told.data->>'year' = $9::text)
ORDER BY m.id LIMIT $10"""
_BORN: Final = _CELEBRATING.format(indexed="m.birth_date", day="m.birth_date")
_ENROLLED: Final = _CELEBRATING.format(
    indexed="(m.enrolled_at AT TIME ZONE 'UTC')", day="(m.enrolled_at AT TIME ZONE $11)::date"
)


def celebrated(day: date) -> list[tuple[int, int]]:
    """The months and days that are celebrated on a day: on 28 February, in most years, also the 29th."""
    days = [(day.month, day.day)]
    if days == [(2, 28)] and not isleap(day.year):
        days.append((2, 29))
    return days


def _birthdays(asked: _Day) -> Page:
    rows = _celebrating(_BORN, asked, [asked.day], "member.birthday")
    return _page(asked, [_yearly("birthday", member_id, asked) for member_id, _year in rows])


def _anniversaries(asked: _Day) -> Page:
    # A day of the program's is in up to three of UTC.
    around = [asked.day + timedelta(days=offset) for offset in (-1, 0, 1)]
    zone = asked.program.time_zone
    rows = _celebrating(_ENROLLED, asked, around, "member.anniversary", zone)
    return _page(
        asked,
        [_yearly("anniversary", member_id, asked, years=asked.day.year - year) for member_id, year in rows],
    )


def _celebrating(
    sql: str, asked: _Day, around: Sequence[date], event_type: str, *more: Any
) -> list[tuple[Any, ...]]:
    exactly = celebrated(asked.day)
    looked_up = sorted({found for day in around for found in celebrated(day)})
    return fetch(
        sql,
        [
            asked.program.pk,
            *map(list, zip(*looked_up, strict=True)),
            asked.after,
            asked.day,
            *map(list, zip(*exactly, strict=True)),
            event_type,
            str(asked.day.year),
            asked.limit,
            *more,
        ],
    )


def _yearly(kind: str, member_id: UUID, asked: _Day, **more: int) -> Occasion:
    return Occasion(
        type=f"member.{kind}",
        member_id=member_id,
        key=f"{kind}:{member_id}:{asked.day.year}",
        occurred_at=clock.start_of_day(asked.program, asked.day),
        attributes={"year": asked.day.year, **more},
    )


def _page(asked: _Day, found: list[Occasion]) -> Page:
    return Page(found, found[-1].member_id if len(found) == asked.limit else None)


# Days without a purchase.

_LAST_PURCHASES: Final = """
SELECT m.id, (coalesce(last.occurred_at, m.enrolled_at) AT TIME ZONE $4)::date
FROM members_member m LEFT JOIN LATERAL (
    SELECT occurred_at FROM rewards_activity
    WHERE member_id = m.id AND kind = 'sale' ORDER BY occurred_at DESC LIMIT 1) AS last ON true
WHERE m.program_id = $1 AND m.status = 'active' AND m.id > $2 ORDER BY m.id LIMIT $3"""


def _inactive(asked: _Day) -> Page:
    """
    Those who bought last (or, who never did, enrolled) exactly so many days before that day.

    So each spell without a purchase counts once for each number of days that a campaign asks about.
    """
    wanted = _days_asked_about(asked)
    if not wanted:
        return Page()
    program = asked.program
    rows = fetch(_LAST_PURCHASES, [program.pk, asked.after, asked.limit, program.time_zone])
    found = [
        _silent(member_id, since, days, asked)
        for member_id, since in rows
        if (days := (asked.day - since).days) in wanted
    ]
    return Page(found, rows[-1][0] if len(rows) == asked.limit else None)


def _days_asked_about(asked: _Day) -> frozenset[int]:
    running = rules.of(asked.program).in_force(clock.start_of_day(asked.program, asked.day))
    triggers = (campaign.definition.trigger for campaign in running)
    return frozenset(
        int(days) for trigger in triggers if trigger.kind == "inactivity" for days in trigger.wanted
    )


def _silent(member_id: UUID, since: date, days: int, asked: _Day) -> Occasion:
    return Occasion(
        type="member.inactive",
        member_id=member_id,
        key=f"inactive:{member_id}:{days}:{since}",
        occurred_at=clock.start_of_day(asked.program, asked.day),
        attributes={"days": days, "since": str(since)},
    )


_KINDS: Final[dict[str, tuple[Callable[[_Day], Page], int, str | None]]] = {
    "birthday": (_birthdays, AT_ONCE, "member.birthday"),
    "anniversary": (_anniversaries, AT_ONCE, "member.anniversary"),
    "inactivity": (_inactive, LOOKED_AT_ONCE, None),
}
"""What days bring: how it is found, how many members at once, and the event that partners get."""
