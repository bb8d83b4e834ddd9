"""What members have beside points, for people to read: badges, progress on challenges, chances in draws."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from django.db.models import Count, Sum
from msgspec import Struct

from loyalty.core.db import fetch
from members.models import Member
from rewards.models import DrawEntry, DrawWinner, PrizeDraw

SHOWN_AT_MOST: Final = 20


class Step(Struct, frozen=True):
    """How far a member is with a challenge."""

    name: str
    progress: int
    goal: int
    completions: int
    is_repeatable: bool
    made_at: datetime

    @property
    def is_done(self) -> bool:
        return self.completions > 0 and not self.is_repeatable

    @property
    def percent(self) -> int:
        return min(100, self.progress * 100 // self.goal)


class Earned(Struct, frozen=True):
    """A badge that a member has."""

    name: str
    description: str
    earned_at: datetime


class Chance(Struct, frozen=True):
    """A member's entries into a prize draw; `place` if one of them won."""

    id: UUID
    name: str
    entries: int
    closes_at: datetime
    is_drawn: bool
    place: int | None


class Prizes(Struct, frozen=True):
    """All that a member has beside points; the newest of each."""

    badges: Sequence[Earned] = ()
    challenges: Sequence[Step] = ()
    chances: Sequence[Chance] = ()

    @property
    def has_any(self) -> bool:
        return bool(self.badges or self.challenges or self.chances)


def of_member(member: Member) -> Prizes:
    """In one statement, whatever the member has."""
    ((badges, challenges, chances),) = fetch(_ALL, [member.program_id, member.pk, SHOWN_AT_MOST])
    return Prizes(
        badges=msgspec.json.decode(badges, type=list[Earned]),
        challenges=msgspec.json.decode(challenges, type=list[Step]),
        chances=msgspec.json.decode(chances, type=list[Chance]),
    )


_BADGES: Final = """
SELECT badge.name, badge.description, held.earned_at
FROM rewards_memberbadge held JOIN rewards_badge badge ON badge.id = held.badge_id
WHERE held.program_id = $1 AND held.member_id = $2 ORDER BY held.earned_at DESC, held.id LIMIT $3"""
_CHALLENGES: Final = """
SELECT challenge.name, step.progress, challenge.goal, step.completions, challenge.is_repeatable, step.made_at
FROM (SELECT DISTINCT ON (challenge_id) * FROM rewards_challengeprogress
      WHERE program_id = $1 AND member_id = $2 ORDER BY challenge_id, number DESC) AS step
JOIN rewards_challenge challenge ON challenge.id = step.challenge_id
ORDER BY step.made_at DESC, challenge.id LIMIT $3"""
_CHANCES: Final = """
SELECT draw.id, draw.name, entry.entries, draw.closes_at, draw.drawn_at IS NOT NULL AS is_drawn, winner.place
FROM (SELECT draw_id, sum(entries)::int AS entries FROM rewards_drawentry
      WHERE program_id = $1 AND member_id = $2 GROUP BY draw_id) AS entry
JOIN rewards_prizedraw draw ON draw.id = entry.draw_id
LEFT JOIN rewards_drawwinner winner ON winner.draw_id = draw.id AND winner.member_id = $2
ORDER BY draw.closes_at DESC, draw.id LIMIT $3"""
_ALL: Final = f"""SELECT {
    ", ".join(
        f"(SELECT coalesce(json_agg(found), '[]') FROM ({part}) AS found)::text"
        for part in (_BADGES, _CHALLENGES, _CHANCES)
    )
}"""


def chances_of(prizes: PrizeDraw) -> dict[str, int]:
    """How many members have how many entries into a prize draw."""
    counted = DrawEntry.objects.filter(draw=prizes).aggregate(
        entries=Sum("entries", default=0), members=Count("member", distinct=True)
    )
    return {"entries": counted["entries"], "members": counted["members"]}


def winners_of(prizes: PrizeDraw) -> list[DrawWinner]:
    """The winners in the order of their places."""
    return list(DrawWinner.objects.filter(draw=prizes).select_related("member").order_by("place"))
