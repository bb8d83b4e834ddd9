"""A campaign that nobody has published, and backtests carried to their end without a worker."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from loyalty.core.models import Program
from rewards.backtests import asking, running
from rewards.backtests.results import Result
from rewards.models import Backtest, Campaign
from tests import factories
from tests.cast import Shop

MONDAY, WEDNESDAY = date(2026, 6, 1), date(2026, 6, 3)
"""On which `a_week_of_sales` has some."""

FIFTY_FOR_TEN = factories.definition(
    {"kind": "fixed_points", "points": 50},
    conditions={"all": [{"fact": "sale.amount", "operator": "gte", "value": "10.00"}]},
)
DOUBLE = factories.definition({"kind": "multiplier", "factor": "2"})


@pytest.fixture
def draft(program: Program) -> Campaign:
    return factories.CampaignFactory.create(
        program=program, key="fifty", name="Fifty for ten euros", draft=FIFTY_FOR_TEN
    )


def carried_out(backtest: Backtest) -> Backtest:
    """To its end, slice by slice, as workers would."""
    while (mine := running.claimed(backtest.pk)) is not None and running.go_on(mine):
        pass
    backtest.refresh_from_db()
    return backtest


def tried(campaign: Campaign, definition: dict[str, Any] | None = None, **more: Any) -> Result:
    asked, _ = asking.ask(campaign, definition=definition or campaign.draft, actor="staff:1", **more)
    return Result(carried_out(asked))


@pytest.fixture
def a_week_of_sales(shop: Shop) -> Callable[[], None]:
    """Ada buys for 5, 10 and 25 euros on Monday, and for 10 euros at another store on Wednesday."""

    def happen() -> None:
        shop.sells("r1", "5.00", store="mitte")
        shop.later(hours=1).sells("r2", "10.00", store="mitte")
        shop.later(hours=2).sells("r3", "25.00", store="mitte")
        shop.later(days=2).sells("r4", "10.00", store="nord")

    return happen
