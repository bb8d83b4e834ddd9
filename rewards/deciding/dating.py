"""When an award's points can be spent and when they are gone: by campaign, then tier, then kind of points."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from members import lifespan
from members.ledger.operations import Grant
from members.ledger.state import TierStanding
from members.lifespan import Lifespan
from members.terms import Terms, WalletTerms
from rewards.engine.evaluate import Award
from rewards.engine.timing import Expiry, Pending


class Dates:
    """The dates of one kind of points that a member earns at a moment."""

    def __init__(
        self,
        terms: Terms,
        wallet_type: WalletTerms,
        earned_at: datetime,
        standing: Iterable[TierStanding],
    ) -> None:
        self.zone = terms.zone
        self.earned_on = terms.day_of(earned_at)
        self.pending_days = wallet_type.pending_days
        own = tier_lifespan(terms, standing) if wallet_type.is_spendable else None
        self.lifespan = own or wallet_type.lifespan

    def grant(self, award: Award, *, activity_id: UUID, is_purchase: bool) -> Grant:
        """What the ledger books for the award; what a sale's base rules give is the purchase's own."""
        rule = self.lifespan if award.expiry is None else _lifespan(award.expiry)
        return Grant(
            points=award.points,
            source="purchase" if is_purchase else "bonus",
            expires_at=lifespan.ends_at(rule, earned_on=self.earned_on, zone=self.zone),
            lapses=rule.is_by_activity,
            campaign_version_id=award.version_id,
            activity_id=activity_id,
            **self._waiting(award.pending),
        )

    def _waiting(self, pending: Pending | None) -> dict[str, Any]:
        if pending is None:
            return {"unlocks_at": self._after(self.pending_days)} if self.pending_days else {}
        if pending.until is not None:
            eve = pending.until - timedelta(days=1)
            return {"unlocks_at": lifespan.midnight_after(eve, self.zone)}
        if pending.event_type:
            cancels_at = self._after(pending.cancel_after_days)
            return {"unlock_event": pending.event_type, "cancels_at": cancels_at}
        return {"unlocks_at": self._after(pending.days)}

    def _after(self, days: int) -> datetime:
        """When so many whole days after the one of earning are over."""
        return lifespan.midnight_after(self.earned_on + timedelta(days=days), self.zone)


def _lifespan(expiry: Expiry) -> Lifespan:
    return Lifespan(expiry.rule, expiry.number, expiry.on_date)


def tier_lifespan(terms: Terms, standing: Iterable[TierStanding]) -> Lifespan | None:
    """What a member's tiers say about the expiry of points: the first ladder on which one says anything."""
    for ladder in terms.ladders:
        tier_id = next((tier.tier_id for tier in standing if tier.ladder_id == ladder.id), ladder.rungs[0].id)
        if (found := ladder.rung(tier_id).lifespan) is not None:
            return found
    return None
