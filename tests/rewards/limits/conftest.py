"""A till whose points are all those of limited campaigns."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from loyalty.core.models import Program
from members.models import Member, WalletType
from members.references import MemberReference
from rewards.deciding.activities import Sale
from rewards.deciding.recorded import Recorded
from rewards.journeys import earning
from rewards.models import Activity, Campaign
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop

TEN_POINTS = {"kind": "fixed_points", "points": 10}
Publish = Callable[..., Campaign]


def in_one_batch(shop: Shop, sales: Sequence[Sale]) -> list[int]:
    """Points of each of the sales, which are reported together."""
    results = earning.record_many(
        sales, program=shop.program, source=shop.source, actor="partner:till", at=shop.at
    )
    return [result.points for result in results if isinstance(result, Recorded)]


@pytest.fixture
def publish(program: Program, noon: datetime) -> Publish:
    """Publish a campaign, or its next version; it gives ten points if nothing else is said."""

    def published(key: str, *effects: dict[str, Any], **more: Any) -> Campaign:
        campaign, _ = Campaign.objects.get_or_create(program=program, key=key, defaults={"name": key.title()})
        definition = factories.definition(*(effects or (TEN_POINTS,)), **more)
        first = noon - timedelta(days=1_000) if not Activity.objects.exists() else None
        campaigns.publish(campaign, definition=definition, by=None, at=noon, effective_at=first)
        program.refresh_from_db()
        return campaign

    return published


@pytest.fixture
def shop(program: Program, points: WalletType, noon: datetime) -> Shop:
    return Shop(program=program, at=noon)


@pytest.fixture
def grace(program: Program, ada: Member) -> MemberReference:
    grace = factories.MemberFactory.create(program=program, first_name="Grace")
    factories.IdentifierFactory.create(member=grace, kind="card", value="2002")
    return MemberReference("card", "2002")
