"""A program with campaigns that listen to what the program itself sees."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from loyalty.core.models import Event, Program
from rewards.happenings import noticing
from rewards.planning import campaigns
from tests import factories

Listen = Callable[..., None]


@pytest.fixture
def listen(program: Program, points, noon) -> Listen:
    """Runs a campaign since long ago: a trigger, and what it gives (10 points)."""

    def run(kind: str, *effects: dict[str, Any], key: str = "", **trigger: Any) -> None:
        campaign = factories.CampaignFactory.create(program=program, key=key or kind.replace(".", "_"))
        given = effects or ({"kind": "fixed_points", "points": 10, "wallet_type": "points"},)
        campaigns.publish(
            campaign,
            definition={
                "trigger": {"kind": kind, **trigger},
                "conditions": {"all": []},
                "effects": list(given),
            },
            by=None,
            at=noon,
            effective_at=noon - timedelta(days=1000),
        )
        program.refresh_from_db()

    return run


def read_the_log() -> int:
    """The whole event log from its beginning, as a reader that forgot how far it was; what was new in it."""
    with transaction.atomic():
        return noticing.notice(Event.objects.filter(type__in=noticing.TYPES).order_by("number"))
