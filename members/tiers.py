"""How points that count move members on their ladders. Decided, not written."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.ids import new_id
from members.ledger.state import Account, TierPeriod, TierStanding
from members.terms import LadderTerms, Terms


class TierMove(Struct, frozen=True):
    """A member's standing on a ladder, before and after."""

    ladder: LadderTerms
    before: TierStanding
    after: TierStanding

    @property
    def is_upgrade(self) -> bool:
        return self.after.tier_id != self.before.tier_id

    @property
    def told(self) -> dict[str, str | int]:
        """What the event of an upgrade says."""
        return {
            "ladder": self.ladder.key,
            "previous": self.ladder.rung(self.before.tier_id).key,
            "tier": self.ladder.rung(self.after.tier_id).key,
            "progress": self.after.progress,
        }


def moves(account: Account, *, terms: Terms, type_id: UUID, points: int, at: datetime) -> Iterator[TierMove]:
    """What so many more points of that type (fewer, below zero) do on each ladder that they count for."""
    for ladder in terms.ladders:
        if ladder.wallet_type_id == type_id:
            before = standing_on(ladder, account, at=at)
            after = climbed(before, ladder, points=points, at=at)
            if not before.is_new or after.progress:
                yield TierMove(ladder, before, after)


def standing_on(ladder: LadderTerms, account: Account, *, at: datetime) -> TierStanding:
    """Where the member stands; on the lowest rung, before the first points that count."""
    known = (standing for standing in account.tiers if standing.ladder_id == ladder.id)
    return next(known, None) or TierStanding(
        id=new_id(), ladder_id=ladder.id, tier_id=ladder.rungs[0].id, progress=0, since=at, is_new=True
    )


def climbed(standing: TierStanding, ladder: LadderTerms, *, points: int, at: datetime) -> TierStanding:
    """
    The standing after that many more points: up at once if they reach a higher rung, never down.

    A rung is reached when the points were earned, which may be long before they are booked, but never
    before the rung below it.
    """
    progress = max(standing.progress + points, 0)
    reached, present = ladder.reached(progress), ladder.rung(standing.tier_id)
    if reached.threshold <= present.threshold:
        return replace(standing, progress=progress)
    return replace(standing, progress=progress, tier_id=reached.id, since=max(at, standing.since))


def at_moment(
    standings: tuple[TierStanding, ...], former: Iterable[TierPeriod], moment: datetime
) -> tuple[TierStanding, ...]:
    """
    Where a member stood at a moment, from where they stand and what they left; without the progress of then.

    A ladder on which they had no place yet is not among them: that is the foot of it. The tier of
    now counts from its start, whatever was there in between: what brought that was undone since.
    """
    if all(standing.since <= moment for standing in standings):
        return standings
    periods = {period.ladder_id: period for period in former if period.starts_at <= moment < period.ends_at}
    found = (
        standing if standing.since <= moment else _as_of(standing, periods.get(standing.ladder_id))
        for standing in standings
    )
    return tuple(standing for standing in found if standing is not None)


def _as_of(standing: TierStanding, period: TierPeriod | None) -> TierStanding | None:
    if period is None:
        return None
    return replace(standing, tier_id=period.tier_id, progress=0, since=period.starts_at)
