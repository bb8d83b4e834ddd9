"""What is bought here and comes back, what it gives besides, and what is left to spend."""

from typing import Any

from members.models import Member, Wallet
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop, line

BASKET = (line("coffee", "60.00", category="coffee", quantity="3"), line("mug", "40.00", category="mugs"))
COFFEE = {"all": [{"fact": "line.category", "operator": "in", "value": ["coffee"]}]}


def publish(shop: Shop, key: str, *effects: dict[str, Any], conditions: dict[str, Any] | None = None) -> None:
    campaign = factories.CampaignFactory.create(program=shop.program, key=key, name=key.title())
    definition = factories.definition(*effects, conditions=conditions)
    campaigns.publish(campaign, definition=definition, by=None, at=shop.at, effective_at=shop.at)
    shop.program.refresh_from_db()


def spendable(member: Member) -> int:
    return Wallet.objects.get(member=member).available
