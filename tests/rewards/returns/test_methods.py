"""How much of what a sale gave is owed for what came back, by each method."""

import pytest

from loyalty.core.models import ReturnsMethod
from members.ledger import verify
from members.models import Lot, Member, MemberTier
from rewards.deciding.activities import ReturnedLine
from rewards.journeys.returning import ReturnedTooMuch
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop, line
from tests.rewards.returns.goods import BASKET, publish, spendable


class TestProportional:
    def test_takes_what_was_granted_for_the_returned_line(self, coffee_twice: Shop, ada: Member):
        coffee_twice.sells("r1", "100.00", lines=BASKET)

        mug = coffee_twice.takes_back("b1", "r1", None, ReturnedLine(id="mug"))
        coffee = coffee_twice.takes_back("b2", "r1", None, ReturnedLine(id="coffee", quantity="1"))

        assert (mug.points, coffee.points) == (-40, -20 - 40)
        assert mug.returned is not None
        assert mug.returned["taken"][0]["campaigns"] == [{"campaign": "base", "points": 40}]
        assert spendable(ada) == 220 - 40 - 60

    def test_ends_exactly_at_the_whole_in_mixed_ways(self, coffee_twice: Shop, ada: Member):
        coffee_twice.sells("r1", "99.99", lines=(*BASKET[:1], line("mug", "39.99")))

        coffee_twice.takes_back("b1", "r1", "0.07")
        coffee_twice.takes_back("b2", "r1", None, ReturnedLine(id="coffee", quantity="1"))
        coffee_twice.takes_back("b3", "r1", "33.33")
        coffee_twice.takes_back("b4", "r1", None, ReturnedLine(id="coffee", quantity="1"))
        coffee_twice.takes_back("b5", "r1")

        assert spendable(ada) == 0
        assert [lot.reversed for lot in Lot.objects.order_by("points")] == [99, 120]
        assert MemberTier.objects.get(member=ada).progress == 0
        assert list(verify.run()) == []

    def test_refuses_a_line_that_came_back_before(self, coffee_twice: Shop, ada: Member):
        coffee_twice.sells("r1", "100.00", lines=BASKET)
        coffee_twice.takes_back("b1", "r1", None, ReturnedLine(id="mug"))

        with pytest.raises(ReturnedTooMuch) as refusal:
            coffee_twice.takes_back("b2", "r1", None, ReturnedLine(id="mug"))

        assert refusal.value.pointer == "#/lines/0"
        assert spendable(ada) == 180

    def test_has_no_use_for_todays_rules(self, coffee_twice: Shop, ada: Member):
        coffee_twice.sells("r1", "100.00", lines=BASKET)
        later = coffee_twice.later(days=3)
        campaigns.pause(later.program.campaigns.get(key="coffee"), by=None, at=later.at)
        later.program.refresh_from_db()

        returned = later.takes_back("b1", "r1", None, ReturnedLine(id="coffee"))

        assert returned.points == -60 - 120


class TestRecalculate:
    @pytest.fixture(autouse=True)
    def _recalculate(self, shop: Shop) -> None:
        shop.program.returns_method = ReturnsMethod.RECALCULATE
        shop.program.save()
        shop.program.refresh_from_db()

    def test_takes_what_the_rest_would_not_have_earned(self, shop: Shop, ada: Member):
        fifty = {"all": [{"fact": "sale.amount", "operator": "gte", "value": "80.00"}]}
        publish(shop, "big", {"kind": "fixed_points", "points": 50}, conditions=fifty)
        shop.sells("r1", "100.00", lines=BASKET)

        small = shop.takes_back("b1", "r1", "10.00")
        line = shop.takes_back("b2", "r1", None, ReturnedLine(id="coffee", quantity="1"))

        # 90.00 is still a big basket; 70.00 is none.
        assert (small.points, line.points) == (-10, -20 - 50)
        assert line.returned is not None
        assert line.returned["taken"][0]["campaigns"] == [
            {"campaign": "base", "points": 20},
            {"campaign": "big", "points": 50},
        ]

    def test_sets_off_what_only_the_rest_would_have_earned(self, shop: Shop, ada: Member):
        for key, low, high, points in (("big", "80.00", "999.00", 50), ("small", "20.00", "79.99", 15)):
            between = [
                {"fact": "sale.amount", "operator": "gte", "value": low},
                {"fact": "sale.amount", "operator": "lte", "value": high},
            ]
            publish(shop, key, {"kind": "fixed_points", "points": points}, conditions={"all": between})
        shop.sells("r1", "100.00")

        assert shop.takes_back("b1", "r1", "40.00").points == -(40 + 50 - 15)
        assert shop.takes_back("b2", "r1", "45.00").points == -(45 + 15)
        assert shop.takes_back("b3", "r1").points == -15
        assert spendable(ada) == 0

    def test_asks_the_versions_and_the_facts_of_then(self, shop: Shop, ada: Member):
        is_basic = {"all": [{"fact": "member.tier", "operator": "in", "value": ["basic"]}]}
        publish(shop, "newcomers", {"kind": "multiplier", "factor": "3"}, conditions=is_basic)
        shop.sells("r1", "1000.00")
        later = shop.later(days=3)
        base = later.program.campaigns.get(key="base")
        tenfold = factories.definition({"kind": "points_per_unit", "points": "10", "per": "1.00"})
        campaigns.publish(base, definition=tenfold, by=None, at=later.at)
        later.program.refresh_from_db()

        # The member is gold by now, and a euro is worth ten points.
        assert later.takes_back("b1", "r1", "100.00").points == -300

    def test_takes_the_rest_when_the_method_was_changed_in_between(self, shop: Shop, ada: Member):
        shop.sells("r1", "100.00", lines=BASKET)
        shop.takes_back("b1", "r1", "33.33")
        shop.program.returns_method = ReturnsMethod.PROPORTIONAL
        shop.program.save()
        shop.program.refresh_from_db()

        shop.takes_back("b2", "r1", None, ReturnedLine(id="mug"))
        shop.takes_back("b3", "r1")

        assert spendable(ada) == 0
        assert list(verify.run()) == []
