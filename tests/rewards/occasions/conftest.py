"""A program with campaigns that listen to what the program itself sees."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from integrations import consumers
from loyalty.core import clock
from loyalty.core.models import Program
from rewards import campaigns, noticing
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
    """Everything in the event log, once; how many events the reader saw."""
    return consumers.catch_up(
        noticing.CONSUMER,
        lambda span: noticing.notice(span.events().filter(type__in=noticing.TYPES)),
        limit=noticing.AT_ONCE,
    )


@pytest.fixture
def sandbox(program: Program) -> Program:
    """The program as a sandbox, whose clock is at noon of 1 June 2026."""
    program.kind = "sandbox"
    program.clock_offset = timedelta()
    program.save(update_fields=["kind", "clock_offset"])
    assert clock.now(program)
    return program
