"""What can be asked of a backtest, and what is refused."""

from collections.abc import Callable
from datetime import date

import pytest

from loyalty.core.models import Program
from rewards.backtests import asking
from rewards.models import Backtest, Campaign
from tests import factories
from tests.cast import Shop
from tests.rewards.backtests.conftest import MONDAY, WEDNESDAY

pytestmark = pytest.mark.usefixtures("ada")


class TestAsk:
    def test_refuses_without_past_activities(self, draft: Campaign):
        with pytest.raises(asking.NothingHappened):
            asking.ask(draft, definition=draft.draft, actor="staff:1")

    @pytest.mark.parametrize(
        ("first", "last"),
        [(WEDNESDAY, MONDAY), (date(2020, 1, 1), WEDNESDAY), (date(2999, 1, 1), date(2999, 2, 1))],
    )
    def test_refuses_a_period_that_is_none(
        self, draft: Campaign, a_week_of_sales: Callable[[], None], first: date, last: date
    ):
        a_week_of_sales()

        with pytest.raises(asking.PeriodOutOfRange):
            asking.ask(draft, definition=draft.draft, actor="staff:1", first=first, last=last)

        assert not Backtest.objects.exists()

    def test_refuses_a_definition_that_cannot_be_run(
        self, draft: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        unknown = factories.definition({"kind": "fixed_points", "points": 5, "wallet_type": "miles"})

        with pytest.raises(ValueError, match="miles"):
            asking.ask(draft, definition=unknown, actor="staff:1")

    def test_takes_the_last_twelve_months_of_what_there_is(self, program: Program, shop: Shop):
        shop.later(days=-500).sells("old", "1.00")
        shop.sells("new", "1.00")

        assert asking.usual_period(program) == (date(2025, 6, 2), MONDAY)

    def test_a_backtest_of_what_is_published_is_kept_with_its_version(
        self, base_rule: Campaign, a_week_of_sales: Callable[[], None]
    ):
        a_week_of_sales()
        version = base_rule.versions.get()

        backtest, _ = asking.ask(base_rule, definition=version.definition, actor="staff:1")

        assert (backtest.version, backtest.replaced) == (version, version)
