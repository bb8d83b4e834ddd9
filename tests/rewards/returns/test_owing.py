"""What is owed of each grant, by both methods: no database in it."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.core.errors import InvalidInput
from loyalty.core.ids import new_id
from rewards.engine.evaluate import Award as Evaluated
from rewards.engine.evaluate import Rulebook, compile_campaign, evaluate
from rewards.engine.facts import ActivityFacts, Facts, LineFacts, MemberFacts, Moment
from rewards.journeys.returns import owing
from rewards.journeys.returns.goods import Award, Back, ReturnedTooMuch, Sold, coming_back
from rewards.journeys.returns.owing import Charge, Grant
from tests.factories import NOON, definition
from tests.rewards.returns.test_goods import BASKET, after, baskets, returned, steps


def campaign(key: str, *effects: dict[str, Any], conditions: Any = None) -> Any:
    said = definition(*effects, conditions=conditions)
    return compile_campaign(version_id=new_id(), campaign_key=key, name=key, definition=said)


def at_least(amount: str) -> dict[str, Any]:
    return {"all": [{"fact": "sale.amount", "operator": "gte", "value": amount}]}


def at_most(amount: str) -> dict[str, Any]:
    return {"all": [{"fact": "sale.amount", "operator": "lte", "value": amount}]}


OF_LINE_0 = {"all": [{"fact": "line.sku", "operator": "in", "value": ["0"]}]}
RULES = Rulebook(
    [
        campaign("base", {"kind": "points_per_unit", "points": "1", "per": "1.00"}),
        campaign("big", {"kind": "fixed_points", "points": 50}, conditions=at_least("30.00")),
        campaign("double", {"kind": "multiplier", "factor": "2.5"}, conditions=at_least("60.00")),
        campaign("small", {"kind": "fixed_points", "points": 33}, conditions=at_most("20.00")),
        campaign(
            "line",
            {
                "kind": "points_per_unit",
                "points": "3",
                "per": "2.00",
                "of": "matching_lines",
                "lines": OF_LINE_0,
            },
        ),
        campaign(
            "status", {"wallet_type": "status", "kind": "points_per_unit", "points": "7", "per": "3.00"}
        ),
    ]
)


def facts(sale: Sold, lines: Iterable[Any]) -> Facts:
    of_lines = (
        LineFacts(id=one.id, sku=one.sku, amount=one.amount.value, quantity=Decimal(one.quantity))
        for one in lines
    )
    activity = ActivityFacts(
        kind="sale", amount=Decimal(sale.amount) / 100, currency="EUR", lines=tuple(of_lines)
    )
    member = MemberFacts(tier="", balance=0, enrolled_date=date(2025, 1, 1))
    return Facts(activity=activity, member=member, moment=Moment(local=NOON))


def granted(awards: Iterable[Evaluated]) -> list[Grant]:
    return [
        Grant(
            lot_id=new_id(),
            wallet_type=award.wallet_type,
            award=Award(points=award.points, by_line=award.line_points or {}),
            effect=(award.version_id, award.effect),
        )
        for award in awards
    ]


def recalculated(
    grants: list[Grant], seen: Facts, sale: Sold, back: Back, before: Mapping[UUID, int]
) -> dict[UUID, int]:
    rest = owing.awards_of_rest(RULES, seen, rounding="down", sale=sale, back=back)
    return owing.recalculated(grants, sale=sale, back=back, before=before, rest=rest)


class TestRestOf:
    def test_is_the_sale_without_what_came_back(self):
        seen = facts(BASKET, [])
        seen = Facts(
            activity=ActivityFacts(
                kind="sale",
                amount=Decimal(100),
                lines=(
                    LineFacts(id="a", amount=Decimal(60), quantity=Decimal(3)),
                    LineFacts(id="b", amount=Decimal(40)),
                ),
            ),
            member=seen.member,
            moment=seen.moment,
        )
        back = after(BASKET, returned(a="1"), returned("20.00"))

        rest = owing.rest_of(seen, sale=BASKET, back=back)

        assert rest.activity.amount == Decimal(60)
        assert [(line.id, line.quantity, line.amount) for line in rest.activity.lines] == [
            ("a", Decimal(2), Decimal(30)),
            ("b", Decimal(1), Decimal(30)),
        ]

    def test_has_no_line_that_came_back_whole(self):
        seen = Facts(
            activity=ActivityFacts(
                kind="sale",
                amount=Decimal(100),
                lines=(LineFacts(id="a", amount=Decimal(60)), LineFacts(id="b", amount=Decimal(40))),
            ),
            member=facts(BASKET, []).member,
            moment=facts(BASKET, []).moment,
        )

        rest = owing.rest_of(seen, sale=BASKET, back=after(BASKET, returned(b=None)))

        assert [line.id for line in rest.activity.lines] == ["a"]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_both_methods_only_ever_take_more_and_end_at_all_that_was_granted(data: st.DataObject):
    sale, lines = data.draw(baskets())
    seen = facts(sale, lines)
    grants = granted(evaluate(RULES, seen, rounding="down"))
    by_id = {grant.lot_id: grant.award.points for grant in grants}
    back, taken = Back(), dict.fromkeys(by_id, 0)

    def goes_on() -> dict[UUID, int]:
        # A program may change its method between two returns of one sale.
        if data.draw(st.booleans()):
            now = owing.proportional(grants, sale=sale, back=back, before=taken)
        else:
            now = recalculated(grants, seen, sale, back, taken)
        assert now.keys() == by_id.keys()
        assert all(taken[lot_id] <= now[lot_id] <= by_id[lot_id] for lot_id in by_id)
        return now

    for _ in range(data.draw(st.integers(0, 5))):
        try:
            back += coming_back(data.draw(steps(sale)), sale, before=back, currency="EUR")
        except (ReturnedTooMuch, InvalidInput):
            continue
        taken = goes_on()
    if not sale.is_back(back):
        back += coming_back(returned(), sale, before=back, currency="EUR")
    taken = goes_on()

    assert taken == by_id


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_recalculating_leaves_what_the_rest_alone_would_have_earned(data: st.DataObject):
    sale, lines = data.draw(baskets())
    seen = facts(sale, lines)
    grants = granted(evaluate(RULES, seen, rounding="down"))
    try:
        back = coming_back(data.draw(steps(sale)), sale, before=Back(), currency="EUR")
    except (ReturnedTooMuch, InvalidInput):
        return

    totals = recalculated(grants, seen, sale, back, {})

    rest = owing.awards_of_rest(RULES, seen, rounding="down", sale=sale, back=back)
    for wallet_type in ("points", "status"):
        given = sum(grant.award.points for grant in grants if grant.wallet_type == wallet_type)
        kept = given - sum(totals[grant.lot_id] for grant in grants if grant.wallet_type == wallet_type)
        assert kept == min(given, sum(award.points for award in rest if award.wallet_type == wallet_type))


class TestCharge:
    def test_takes_what_is_there_before_it_asks_for_more(self):
        cost = owing.charge(points=100, total=60, before=0, charged=0, gone=0, left=40)

        assert cost == Charge(own=40, missing=20)

    def test_asks_nothing_for_what_nobody_had_a_use_of(self):
        cost = owing.charge(points=100, total=100, before=0, charged=0, gone=70, left=0)

        assert cost == Charge(own=0, missing=30)

    def test_knows_what_was_asked_too_much(self):
        # All were spent when half of them were owed; 60 came back since, and expired.
        cost = owing.charge(points=100, total=100, before=50, charged=50, gone=60, left=0)

        assert cost == Charge(own=0, missing=0, excess=10)

    def test_asks_for_nothing_twice(self):
        cost = owing.charge(points=100, total=100, before=60, charged=60, gone=0, left=0)

        assert cost == Charge(own=0, missing=40)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_returns_cost_all_that_did_not_expire_whatever_became_of_it(data: st.DataObject):
    points = data.draw(st.integers(1, 300))
    left, gone, owed, charged = points, 0, 0, 0

    def comes_back(total: int) -> int:
        cost = owing.charge(points=points, total=total, before=owed, charged=charged, gone=gone, left=left)
        assert 0 <= cost.own <= left
        assert cost.missing >= 0
        assert charged + cost.own + cost.missing <= points - gone
        return cost.own

    for _ in range(data.draw(st.integers(0, 8))):
        happens = data.draw(st.sampled_from(["spend", "expire", "return"]))
        if happens == "spend":
            left -= data.draw(st.integers(0, left))
        elif happens == "expire":
            gone, left = gone + left, 0
        else:
            total = data.draw(st.integers(owed, points))
            cost = owing.charge(
                points=points, total=total, before=owed, charged=charged, gone=gone, left=left
            )
            left, owed, charged = left - comes_back(total), total, charged + cost.own + cost.missing
    comes_back(points)
    cost = owing.charge(points=points, total=points, before=owed, charged=charged, gone=gone, left=left)

    assert charged + cost.own + cost.missing == points - gone
