"""How points that count move members on their ladders. Decided, not written."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from loyalty.core.ids import new_id
from members.ledger.state import Account, TierStanding
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
    """The standing after that many more points: up at once if they reach a higher rung, never down."""
    progress = max(standing.progress + points, 0)
    reached, present = ladder.reached(progress), ladder.rung(standing.tier_id)
    if reached.threshold <= present.threshold:
        return replace(standing, progress=progress)
    return replace(standing, progress=progress, tier_id=reached.id, since=at)
