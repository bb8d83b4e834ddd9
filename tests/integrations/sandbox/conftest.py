"""A sandbox with a partner that controls it, and rules that were in force long ago."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.sandbox import time_travel
from loyalty.core.models import Program, ProgramKind
from members.models import WalletType
from rewards.planning import campaigns
from tests import factories
from tests.clients import PartnerClient

Publish = Callable[..., None]


@pytest.fixture
def sandbox(db: None) -> Program:
    return factories.ProgramFactory.create(key="coffee-sandbox", kind=ProgramKind.SANDBOX)


@pytest.fixture
def beans(sandbox: Program) -> WalletType:
    """The sandbox's kind of points, which expire a year after they were earned."""
    return factories.WalletTypeFactory.create(program=sandbox, expiry_rule="days", expires_after=100)


@pytest.fixture
def tester(sandbox: Program, beans: WalletType) -> PartnerClient:
    """A partner's test suite that may control the sandbox, and do everything else in it."""
    partner = factories.PartnerFactory.create(program=sandbox, key="test-suite")
    scopes = ["sandbox:control", "members:read", "members:write", "transactions:write", "points:hold"]
    return PartnerClient.of(partner, scopes=scopes)


@pytest.fixture
def run_campaign(sandbox: Program, beans: WalletType) -> Publish:
    """Runs a campaign of the sandbox since two years ago."""

    def run(key: str, effect: dict[str, Any], trigger: str = "sale", **more: Any) -> None:
        since = timezone.now() - timedelta(days=730)
        campaigns.publish(
            factories.CampaignFactory.create(program=sandbox, key=key),
            definition=factories.definition(effect, trigger={"kind": trigger}, **more),
            by=None,
            at=since,
            effective_at=since,
        )

    return run


def travel(program: Program, **where: Any) -> datetime:
    """Move the clock and live through all that falls due; where it was."""
    move = time_travel.ask(program, actor="partner:test-suite", **where)
    assert time_travel.go_on(move, seconds=60)
    program.refresh_from_db()
    return move.from_at
