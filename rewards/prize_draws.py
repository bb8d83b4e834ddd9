"""
The winners of a prize draw, by a lottery that anybody can repeat.

Each entry is a ticket: `<member id>:<number>`, numbered from 1 for each member. The ticket's lot is
SHA-256 of `<seed>:<ticket>`, as hexadecimal digits. The lowest lots win, each member once. The seed
is made when the winners are drawn, after the draw has closed, and is kept: nobody can know the lots
before, and everybody can work them out afterwards.
"""

import heapq
import secrets
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import ClassVar, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core import audit, events
from loyalty.core.errors import DomainError
from loyalty.core.models import User
from rewards.models import DrawWinner, PrizeDraw


class DrawIsOpen(DomainError):
    """Members can still get entries: winners are drawn when it has closed."""

    code: ClassVar[str] = "prize_draw_is_open"
    title = gettext_lazy("The prize draw is still open")


class DrawnAlready(DomainError):
    """Winners are drawn once."""

    code: ClassVar[str] = "prize_drawn_already"
    title = gettext_lazy("The winners are drawn already")


class NobodyEntered(DomainError):
    """Without entries there is nobody who could win."""

    code: ClassVar[str] = "nobody_entered"
    title = gettext_lazy("Nobody has an entry")


class Winner(NamedTuple):
    """A winning ticket: its lot, the lower the better, and whose it is."""

    lot: str
    member_id: UUID
    ticket: int


@transaction.atomic
def draw(prizes: PrizeDraw, *, by: User, at: datetime) -> list[Winner]:
    """
    Draw the winners, by a new seed, for good; members who were merged or may not win are left out.

    :raises DrawIsOpen: before it closes
    :raises DrawnAlready: if that was done before
    :raises NobodyEntered: if there are no entries of members who may win
    """
    # Whoever is about to write an entry is waited for, or waits and finds that it is too late.
    locked = PrizeDraw.objects.select_for_update(of=("self",)).get(pk=prizes.pk)
    if locked.drawn_at is not None:
        raise DrawnAlready
    if at < locked.closes_at:
        raise DrawIsOpen
    seed = secrets.token_hex(16)
    winners = winners_of(locked, seed=seed)
    if not winners:
        raise NobodyEntered
    locked.seed, locked.drawn_at, locked.drawn_by = seed, at, by
    locked.save(update_fields=["seed", "drawn_at", "drawn_by"])
    _keep(locked, winners, at=at)
    audit.note(locked, by=by, text=_("%(count)d winners drawn.") % {"count": len(winners)})
    prizes.refresh_from_db()
    return winners


def winners_of(prizes: PrizeDraw, *, seed: str) -> list[Winner]:
    """The winners by that seed, best first; reads all entries and keeps only those that can win."""
    best: list[Winner] = heapq.nsmallest(
        prizes.winner_count, (_best(seed, member_id, entries) for member_id, entries in _chances(prizes))
    )
    return best


def _best(seed: str, member_id: UUID, entries: int) -> Winner:
    return min(
        Winner(sha256(f"{seed}:{member_id}:{number}".encode()).hexdigest(), member_id, number)
        for number in range(1, entries + 1)
    )


_CHANCES = """
SELECT entry.member_id, sum(entry.entries)::int
FROM rewards_drawentry entry JOIN members_member member ON member.id = entry.member_id
WHERE entry.draw_id = %s AND member.status = 'active' GROUP BY entry.member_id"""


def _chances(prizes: PrizeDraw) -> Iterator[tuple[UUID, int]]:
    """How many tickets each member has, some members at a time."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_CHANCES, [prizes.pk])
        while rows := cursor.fetchmany(2_000):
            yield from rows


def _keep(prizes: PrizeDraw, winners: list[Winner], *, at: datetime) -> None:
    DrawWinner.objects.bulk_create(
        DrawWinner(draw=prizes, member_id=winner.member_id, place=place, ticket=winner.ticket)
        for place, winner in enumerate(winners, start=1)
    )
    events.publish(
        events.NewEvent(
            type="draw.won",
            program_id=prizes.program_id,
            member_id=winner.member_id,
            occurred_at=at,
            recorded_at=at,
            data={"draw": prizes.key, "place": place},
        )
        for place, winner in enumerate(winners, start=1)
    )
