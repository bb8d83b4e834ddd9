"""How often and how much campaigns have given members in a period, carried through one attempt."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.db import Batch
from loyalty.core.ids import new_id
from rewards.models import CampaignCount


class Count(Struct, frozen=True):
    id: UUID
    campaign_id: UUID
    period: str
    times: int
    points: int
    is_new: bool = False


class Counts:
    """The counts of an attempt's members: as they were loaded, with what was decided since."""

    def __init__(self, program_id: UUID) -> None:
        self._program_id = program_id
        self._known: dict[tuple[UUID, UUID, str], Count] = {}
        self._changed: set[tuple[UUID, UUID, str]] = set()

    def know(self, member_id: UUID, counts: Iterable[Count]) -> None:
        """Take loaded counts into account; one that is known already has moved on since."""
        for count in counts:
            self._known.setdefault((member_id, count.campaign_id, count.period), count)

    def of(self, member_id: UUID, campaign_id: UUID, period: str) -> tuple[int, int]:
        """Times and points."""
        count = self._known.get((member_id, campaign_id, period))
        return (count.times, count.points) if count else (0, 0)

    def add(self, member_id: UUID, campaign_id: UUID, period: str, *, times: int, points: int) -> None:
        key = (member_id, campaign_id, period)
        count = self._known.get(key) or Count(new_id(), campaign_id, period, 0, 0, is_new=True)
        self._known[key] = replace(count, times=count.times + times, points=count.points + points)
        self._changed.add(key)

    def add_to(self, batch: Batch) -> None:
        """Have the changed counts written as they are now; the members' wallets guard them."""
        changed = [(key[0], self._known[key]) for key in sorted(self._changed)]
        batch.update(
            CampaignCount,
            ("id", "times", "points"),
            [(c.id, c.times, c.points) for _, c in changed if not c.is_new],
        )
        batch.insert(
            CampaignCount,
            ("id", "program", "campaign", "member", "period", "times", "points"),
            [
                (c.id, self._program_id, c.campaign_id, member_id, c.period, c.times, c.points)
                for member_id, c in changed
                if c.is_new
            ],
        )


def read_counts(rows: Sequence[Any] | None) -> list[Count]:
    """Counts from the JSON of `counts_column`."""
    return [
        Count(UUID(count_id), UUID(campaign_id), period, times, points)
        for count_id, campaign_id, period, times, points in rows or ()
    ]


def counts_column(campaigns: str, periods: str) -> str:
    """A column for a loading statement: the counts of `member` for these campaigns and periods (in SQL)."""
    return (
        "(SELECT json_agg(json_build_array(c.id, c.campaign_id, c.period, c.times, c.points))"
        " FROM rewards_campaigncount c WHERE c.member_id = member.id"
        f" AND c.campaign_id = ANY({campaigns}) AND c.period = ANY({periods}))::text"
    )
