"""What rules ask of a member's past, through the operations that the API uses."""

from typing import Any

import pytest

from members.models import Member, Wallet
from rewards.models import Activity
from rewards.telling import explaining
from tests.cast import Shop
from tests.rewards.limits.conftest import Publish, in_one_batch

pytestmark = pytest.mark.django_db


def asks(fact: str, operator: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"fact": f"history.{fact}", "operator": operator, "value": value, **more}


class TestPurchases:
    def test_counts_those_of_the_last_days_and_never_the_sale_itself(
        self, publish: Publish, shop: Shop, ada: Member
    ):
        publish("regular", conditions=asks("purchases", "gte", 2, days=7))

        given = [shop.later(days=day).sells(f"r{day}", "5.00").points for day in (0, 1, 2, 3, 20)]

        assert given == [0, 0, 10, 10, 0]

    def test_begins_at_the_midnight_of_the_program(self, publish: Publish, shop: Shop, ada: Member):
        """A sale of 23:30 in Berlin, and one of half an hour later, seen from eight days later."""
        publish("regular", conditions=asks("purchases", "gte", 1, days=7))
        shop.later(hours=9.5).sells("before", "5.00")
        late = shop.later(days=8).sells("r1", "5.00").points

        shop.later(hours=10, minutes=1).sells("after", "5.00", occurred_at=shop.later(hours=10).at)

        assert late == 0
        assert shop.later(days=8, minutes=-1).sells("r2", "5.00").points == 10

    def test_of_a_late_sale_are_those_that_happened_before_it(
        self, publish: Publish, shop: Shop, ada: Member
    ):
        publish("regular", conditions=asks("purchases", "gte", 1, days=7))
        shop.later(days=1).sells("r1", "5.00")

        late = shop.later(days=1).sells("r2", "5.00", occurred_at=shop.at)

        assert late.points == 0

    def test_are_of_the_member_alone(self, publish: Publish, shop: Shop, ada: Member, grace):
        publish("regular", conditions=asks("purchases", "gte", 1, days=7))
        shop.sells("r1", "5.00", member=grace)

        assert shop.later(days=1).sells("r2", "5.00").points == 0

    def test_count_those_decided_earlier_in_one_batch(self, publish: Publish, shop: Shop, ada: Member):
        publish("regular", conditions=asks("purchases", "gte", 2, days=7))
        later = [shop.later(hours=-hours) for hours in (3, 2, 1)]
        sales = [at.sale(f"r{number}", "5.00") for number, at in enumerate(later)]

        assert in_one_batch(shop, sales) == [0, 0, 10]


class TestSpend:
    def test_is_net_of_returns(self, publish: Publish, shop: Shop, ada: Member):
        publish("spender", conditions=asks("spend", "gte", "50.00", days=30))
        shop.sells("r1", "60.00")
        before = shop.later(days=1).sells("r2", "1.00").points
        shop.later(days=2).takes_back("b1", "r1", "20.00")

        assert before == 10
        assert shop.later(days=3).sells("r3", "1.00").points == 0


class TestTheLastPurchase:
    def test_was_so_many_local_days_ago(self, publish: Publish, shop: Shop, ada: Member):
        publish("back", conditions=asks("days_since_purchase", "gte", 3))

        given = [shop.later(days=day).sells(f"r{day}", "5.00").points for day in (0, 2, 5)]

        assert given == [0, 0, 10]

    def test_is_unknown_before_the_first(self, publish: Publish, shop: Shop, ada: Member):
        publish("welcome", conditions=asks("is_first_purchase", "eq", True))

        assert [shop.sells(f"r{number}", "5.00").points for number in range(2)] == [10, 0]


class TestWhatIsStored:
    def test_is_what_was_asked_and_gives_the_same_again(self, publish: Publish, shop: Shop, ada: Member):
        publish(
            "regular",
            conditions={"any": [asks("purchases", "gte", 1, days=7), asks("spend", "gte", "9.00", days=30)]},
        )
        shop.sells("r1", "5.00")
        shop.later(days=1).sells("r2", "5.00")

        sale = Activity.objects.get(external_id="r2")
        assert sale.facts["member"]["history"] == {"purchases:7": 1, "spend:30": "5.00"}
        (award,) = explaining.recomputed(sale, program=shop.program)
        assert award.points == sale.points == 10

    def test_costs_no_statement(
        self, publish: Publish, shop: Shop, ada: Member, points, django_assert_num_queries
    ):
        Wallet.objects.create(program=shop.program, member=ada, type=points)
        publish("regular", conditions=asks("purchases", "gte", 1, days=7))
        shop.sells("r1", "5.00")

        with django_assert_num_queries(4):
            assert shop.sells("r2", "5.00").points == 10
