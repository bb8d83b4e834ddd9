from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.engine.evaluate import CompiledCampaign, Rulebook, run
from rewards.engine.facts import ActivityFacts, Facts, LineFacts
from rewards.engine.limits import Usage
from rewards.engine.near import OFFERS_AT_MOST, NearOffer, near
from tests.rewards.engine.builders import campaign, facts, fixed, leaf, per_unit, sale, times

COFFEE = {"all": [leaf("line.category", "eq", "coffee")]}


def basket(amount: str, *lines: LineFacts, **changes: Any) -> ActivityFacts:
    return sale(amount, lines=lines, **changes)


def item(line_id: str, amount: str, quantity: str = "1", **known: Any) -> LineFacts:
    return LineFacts(id=line_id, amount=Decimal(amount), quantity=Decimal(quantity), **known)


def offers(activity: ActivityFacts, *campaigns: Any, usage: Usage | None = None) -> tuple[NearOffer, ...]:
    return near(Rulebook(campaigns), facts(activity), rounding="down", usage=usage or Usage())


def texts(activity: ActivityFacts, *campaigns: Any, usage: Usage | None = None) -> list[str]:
    return [offer.said().text() for offer in offers(activity, *campaigns, usage=usage)]


def big_basket(**more: Any) -> Any:
    conditions = leaf("sale.amount", "gte", "50.00")
    return campaign(fixed(100), key="big", conditions={"all": [conditions]}, **more)


class Counted(Rulebook):
    """Counts the sales that were evaluated by it."""

    evaluated = 0

    def matching(self, facts: Facts) -> list[CompiledCampaign]:
        self.evaluated += 1
        return super().matching(facts)


class TestNear:
    def test_says_how_much_more_brings_how_many_points(self):
        (offer,) = offers(basket("46.00"), campaign(per_unit(), key="base"), big_basket())

        assert offer.said().text() == "€4.00 more for 100 extra points"
        assert (offer.campaign_key, offer.points) == ("big", {"points": 100})
        assert [(step.unit, step.gap, step.wanted) for step in offer.steps] == [
            ("amount", Decimal("4.00"), Decimal("50.00"))
        ]

    def test_leaves_out_what_is_met_and_what_is_far(self):
        assert texts(basket("50.00"), big_basket()) == []
        assert texts(basket("24.99"), big_basket()) == []
        assert texts(basket("25.00"), big_basket()) == ["€25.00 more for 100 extra points"]

    def test_counts_a_cent_more_where_more_than_an_amount_is_asked(self):
        over = campaign(conditions={"all": [leaf("sale.amount", "gt", "50.00")]})

        assert texts(basket("50.00"), over) == ["€0.01 more for 50 extra points"]

    def test_counts_items_of_matching_lines(self):
        three = {"fact": "lines.quantity", "lines": COFFEE, "operator": "gte", "value": "3"}
        bought = item("1", "10.00", "2", category="coffee")

        (text,) = texts(basket("10.00", bought), campaign(conditions={"all": [three]}))

        assert text == "1 more item of category coffee for 50 extra points"

    def test_makes_up_the_item_that_is_not_there_yet(self):
        one = {"fact": "lines.count", "lines": COFFEE, "operator": "gte", "value": 1}

        assert texts(basket("10.00", item("1", "10.00")), campaign(conditions={"all": [one]})) == [
            "1 more line of items of category coffee for 50 extra points"
        ]

    def test_counts_money_spent_on_matching_lines(self):
        twenty = {"fact": "lines.amount", "lines": COFFEE, "operator": "gte", "value": "20.00"}
        bought = item("1", "15.00", category="coffee")

        assert texts(basket("18.00", bought), campaign(conditions={"all": [twenty]})) == [
            "€5.00 more on items of category coffee for 50 extra points"
        ]

    def test_names_what_would_have_to_be_among_the_items(self):
        wanted = campaign(conditions={"all": [leaf("sale.categories", "has_any", ["coffee", "tea"])]})

        assert texts(basket("5.00"), wanted) == ["an item of category coffee or tea for 50 extra points"]

    def test_puts_several_steps_together(self):
        both = {"all": [leaf("sale.brands", "has_all", ["Bella"]), leaf("sale.amount", "gte", "20.00")]}

        assert texts(basket("15.00"), campaign(conditions=both)) == [
            "an item of brand Bella and €5.00 more for 50 extra points"
        ]

    def test_takes_the_nearest_of_several_ways(self):
        ways = {"any": [leaf("sale.amount", "gte", "60.00"), leaf("sale.amount", "gte", "50.00")]}

        assert texts(basket("40.00"), campaign(conditions=ways)) == ["€10.00 more for 50 extra points"]

    def test_promises_nothing_that_other_conditions_rule_out(self):
        store = {"all": [leaf("sale.amount", "gte", "50.00"), leaf("sale.store", "eq", "elsewhere")]}
        bounded = {"all": [leaf("sale.amount", "gte", "50.00"), {"none": [leaf("sale.amount", "gte", "40")]}]}

        assert texts(basket("46.00"), campaign(conditions=store)) == []
        assert texts(basket("46.00"), campaign(conditions={"all": [bounded["all"][0]]}, **GOLD_ONLY)) == []
        assert texts(basket("46.00"), big_basket(schedule={"weekdays": ["monday"]})) == []

    def test_names_the_next_time_of_what_is_given_for_each_so_many_items(self):
        effect = {"kind": "points_per_item", "wallet_type": "points", "points": 10, "per_items": 3}

        assert texts(basket("6.00", item("1", "6.00", "5")), campaign(effect)) == [
            "1 more item for 10 extra points"
        ]
        assert texts(basket("6.00", item("1", "6.00", "4")), campaign(effect)) == []

    def test_counts_what_multipliers_make_of_the_larger_sale(self):
        double = campaign(times("2"), key="double", conditions={"all": [leaf("sale.amount", "gte", "50.00")]})

        assert texts(basket("46.00"), campaign(per_unit(), key="base"), double) == [
            "€4.00 more for 50 extra points"
        ]

    def test_takes_off_what_the_campaign_displaces(self):
        small = campaign(fixed(30), key="small", stacking={"group": "baskets"})
        big = big_basket(stacking={"group": "baskets"})

        assert texts(basket("46.00"), small, big) == ["€4.00 more for 70 extra points"]

    def test_says_of_two_of_a_group_that_one_purchase_gets_one(self):
        big = big_basket(stacking={"group": "baskets"})
        bigger = campaign(
            fixed(300),
            key="bigger",
            conditions={"all": [leaf("sale.amount", "gte", "60.00")]},
            stacking={"group": "baskets"},
        )
        free = campaign(fixed(10), key="free", conditions={"all": [leaf("sale.amount", "gte", "55.00")]})

        found = offers(basket("46.00"), big, bigger, free)

        assert {offer.campaign_key: offer.not_with for offer in found} == {
            "big": ("bigger",),
            "free": (),
            "bigger": ("big",),
        }

    def test_leaves_out_what_limits_do_not_leave(self):
        limited = big_basket(limits={"per_member": [{"times": 1, "per": "day"}]})
        usage = Usage(counters={"big/day:2026-06-06": (1, 100)})

        assert texts(basket("46.00"), limited) == ["€4.00 more for 100 extra points"]
        assert texts(basket("46.00"), limited, usage=usage) == []

    def test_names_gifts_and_leaves_messages_out(self):
        gift = {"kind": "reward", "reward": "free-coffee"}
        message = {"kind": "message", "text": "Well done"}
        conditions = {"all": [leaf("sale.amount", "gte", "50.00")]}

        assert texts(basket("46.00"), campaign(gift, message, conditions=conditions)) == [
            "€4.00 more for the reward free-coffee"
        ]
        assert texts(basket("46.00"), campaign(message, conditions=conditions)) == []

    def test_names_the_nearest_first_and_only_a_few(self):
        steps = [
            campaign(key=f"step-{amount}", conditions={"all": [leaf("sale.amount", "gte", f"{amount}.00")]})
            for amount in (70, 51, 52, 53, 54, 55, 56)
        ]

        found = offers(basket("50.00"), *steps)

        assert [offer.campaign_key for offer in found] == [f"step-{n}" for n in (51, 52, 53, 54, 55)]
        assert len(found) == OFFERS_AT_MOST

    def test_evaluates_no_further_sale_once_there_are_enough_offers(self):
        amounts = range(51, 66)
        steps = Counted(
            campaign(key=f"step-{amount}", conditions={"all": [leaf("sale.amount", "gte", f"{amount}.00")]})
            for amount in amounts
        )

        found = near(steps, facts(basket("50.00")), rounding="down")

        assert len(found) == OFFERS_AT_MOST
        assert steps.evaluated == 1 + OFFERS_AT_MOST

    def test_holds_out_whom_the_campaign_holds_out(self):
        assert texts(basket("46.00"), big_basket(audience={"segments": ["coffee-lovers"]})) == []


GOLD_ONLY: dict[str, Any] = {"audience": {"tiers": ["gold"]}}


@given(
    amount=st.decimals("0.01", "200", places=2),
    quantity=st.integers(1, 9),
    money=st.integers(1, 200),
    pieces=st.integers(1, 9),
    together=st.sampled_from(["all", "any"]),
)
def test_whoever_buys_what_is_named_gets_what_is_promised(amount, quantity, money, pieces, together):
    bought = LineFacts(id="1", amount=amount, quantity=Decimal(quantity), category="coffee")
    asked = [
        leaf("sale.amount", "gte", f"{money}.00"),
        {"fact": "lines.quantity", "lines": COFFEE, "operator": "gte", "value": str(pieces)},
    ]
    rules = Rulebook(
        [campaign(per_unit(), key="base"), campaign(fixed(70), key="offer", conditions={together: asked})]
    )
    now = facts(sale(str(amount), lines=(bought,)))

    for offer in near(rules, now, rounding="down"):
        more = sum((step.gap for step in offer.steps if step.unit == "amount"), Decimal(0))
        items = sum((step.gap for step in offer.steps if step.unit == "items"), Decimal(0))
        line = LineFacts(id="1", amount=amount, quantity=bought.quantity + items, category="coffee")
        then = facts(sale(str(amount + more), lines=(line,)))
        gained = sum(a.points for a in run(rules, then, rounding="down").awards if a.campaign_key == "offer")
        assert gained == offer.points["points"]


@pytest.mark.parametrize("quantity", ["0", "0.750"])
def test_copes_with_weights_and_with_nothing(quantity):
    bought = item("1", "3.00", quantity, category="coffee")
    kilo = {"fact": "lines.quantity", "lines": COFFEE, "operator": "gte", "value": "1"}

    (text,) = texts(basket("3.00", bought), campaign(conditions={"all": [kilo]}))

    assert (
        text
        == {
            "0": "1 more item of category coffee for 50 extra points",
            "0.750": "0.25 more items of category coffee for 50 extra points",
        }[quantity]
    )
