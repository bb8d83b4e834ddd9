"""Campaigns with limits, and a desk that puts sales right."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from loyalty.core.models import Program
from members.references import MemberReference
from rewards.deciding.activities import Basket
from rewards.deciding.recorded import Recorded
from rewards.journeys import undoing
from rewards.journeys.undoing import Asked
from rewards.models import Activity, Campaign
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop, euros

Publish = Callable[..., Campaign]


@dataclass
class Desk:
    """Somebody of the partner `office`, at the till's own moment."""

    program: Program
    at: datetime

    def cancels(self, sale: Recorded, **more: str) -> None:
        undoing.cancel(self._sale(sale), self._asked(**more))

    def corrects(
        self, sale: Recorded, amount: str, external_id: str = "r1-corrected", **content: Any
    ) -> Recorded:
        basket = Basket(amount=euros(amount), **content)
        return undoing.correct(
            self._sale(sale), basket, external_id=external_id, asked=self._asked(reason="Typing error")
        )

    def _sale(self, sale: Recorded) -> Activity:
        return undoing.sale_of(self.program, sale.id)

    def _asked(self, **more: str) -> Asked:
        return Asked(program=self.program, actor="partner:office", at=self.at, **more)


@pytest.fixture
def desk(shop: Shop) -> Desk:
    return Desk(program=shop.program, at=shop.later(hours=1).at)


@pytest.fixture
def publish(shop: Shop) -> Publish:
    """`publish("spring", effect, …)`: a campaign that runs since the day before, unless said."""

    def published(key: str, *effects: dict[str, Any], minutes: int = -1440, **parts: Any) -> Campaign:
        campaign: Campaign = factories.CampaignFactory.create(program=shop.program, key=key, name=key.title())
        definition = {"trigger": {"kind": "sale"}, "effects": list(effects), **parts}
        since = shop.later(minutes=minutes).at
        campaigns.publish(campaign, definition=definition, by=None, at=shop.at, effective_at=since)
        shop.program.refresh_from_db()
        return campaign

    return published


@pytest.fixture
def grace(program: Program) -> MemberReference:
    member = factories.MemberFactory.create(program=program, first_name="Grace")
    factories.IdentifierFactory.create(member=member, kind="card", value="2002")
    return MemberReference("card", "2002")
