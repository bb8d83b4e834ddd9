"""What comes back, and whose points: no database in it."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.core.errors import InvalidInput
from rewards.deciding.activities import Line, Money, Return, ReturnedLine
from rewards.engine.effects import spread
from rewards.engine.facts import LineFacts
from rewards.journeys.returns.goods import Award, Back, ReturnedTooMuch, Sold, coming_back, owed, sold
from tests.cast import euros
from tests.factories import NOON


def line(line_id: str, amount: str, quantity: str = "1") -> Line:
    return Line(id=line_id, sku=line_id, amount=euros(amount), quantity=quantity)


def returned(amount: str | None = None, **lines: str | Money | None) -> Return:
    """By line: `a=None` is all that is left of it, `a="2"` pieces, `a=euros("5.00")` an amount."""
    by_line = [
        ReturnedLine(
            id=line_id,
            quantity=what if isinstance(what, str) else None,
            amount=what if isinstance(what, Money) else None,
        )
        for line_id, what in lines.items()
    ]
    return Return(
        external_id="b",
        occurred_at=NOON,
        sale_external_id="r",
        amount=euros(amount) if amount else None,
        lines=tuple(by_line) or None,
    )


def after(sale: Sold, *steps: Return) -> Back:
    back = Back()
    for step in steps:
        back += coming_back(step, sale, before=back, currency="EUR")
    return back


BASKET = sold(amount=Decimal("100.00"), lines=[line("a", "60.00", "3"), line("b", "40.00")])
COFFEE = Award(points=120, by_line={"a": 120})
"""Points for line a alone."""
ALL = Award(points=100)


class TestOwed:
    @pytest.mark.parametrize(
        ("steps", "of_coffee", "of_all"),
        [
            ([returned(b=None)], 0, 40),
            ([returned(a=None)], 120, 60),
            ([returned(a="1")], 40, 20),
            ([returned(a="1"), returned(a="1")], 80, 40),
            ([returned(a=euros("30.00"))], 60, 30),
            ([returned("50.00")], 60, 50),
            # Then line b at its full price: what is left, 10.00, is of line a and its 60.00.
            ([returned("50.00"), returned(b="1")], 100, 90),
            ([returned(b=None), returned("30.00")], 60, 70),
            ([returned(b=None), returned("60.00")], 120, 100),
            ([returned("99.99")], 119, 99),
            ([returned()], 120, 100),
            ([returned(a="2"), returned()], 120, 100),
        ],
    )
    def test_is_the_part_that_came_back(self, steps: list[Return], of_coffee: int, of_all: int):
        back = after(BASKET, *steps)

        assert owed(COFFEE, BASKET, back) == of_coffee
        assert owed(ALL, BASKET, back) == of_all

    def test_counts_a_discount_on_the_whole_receipt_for_each_line(self):
        sale = sold(amount=Decimal("90.00"), lines=[line("a", "60.00"), line("b", "40.00")])

        back = after(sale, returned(a=None))

        assert (back.worth, owed(Award(points=90), sale, back)) == (5400, 54)

    def test_leaves_what_was_paid_for_no_line_until_all_comes_back(self):
        sale = sold(amount=Decimal("65.00"), lines=[line("a", "60.00")])

        back = after(sale, returned(a=None))

        assert owed(Award(points=65), sale, back) == 60
        assert owed(Award(points=65), sale, after(sale, returned(a=None), returned())) == 65

    def test_counts_lines_where_the_sale_cost_no_money(self):
        sale = sold(amount=Decimal(0), lines=[line("a", "30.00"), line("b", "10.00")])

        back = after(sale, returned(a=None))

        assert owed(Award(points=100), sale, back) == 75

    def test_takes_nothing_for_a_free_line_that_follows_the_rest(self):
        sale = sold(amount=Decimal("10.00"), lines=[line("a", "10.00"), line("gift", "0.00")])
        back = after(sale, returned(a=None))

        again = after(sale, returned(a=None), returned(gift=None))

        assert owed(ALL, sale, back) == owed(ALL, sale, again) == 100


class TestComingBack:
    @pytest.mark.parametrize(
        ("steps", "last", "pointer"),
        [
            ([returned(b=None)], returned(b=None), "#/lines/0"),
            ([returned(b=None)], returned(a="1", b="1"), "#/lines/1"),
            ([returned(a="2")], returned(a="2"), "#/lines/0/quantity"),
            ([], returned(a="3.5"), "#/lines/0/quantity"),
            ([], returned(b=euros("40.01")), "#/lines/0/amount"),
            ([returned(a=euros("59.00"))], returned(a=euros("1.01")), "#/lines/0/amount"),
            ([returned("50.00")], returned(a=euros("50.01")), "#/lines/0/amount"),
            ([returned("100.00")], returned(a=None), "#/lines/0"),
            ([returned()], returned(b="1"), "#/lines/0"),
            ([returned()], returned(), "#/amount"),
            ([returned(a=None, b=None)], returned(), "#/amount"),
            ([returned(a=None)], returned("40.01"), "#/amount"),
        ],
    )
    def test_refuses_more_than_is_left(self, steps: list[Return], last: Return, pointer: str):
        with pytest.raises(ReturnedTooMuch) as refusal:
            after(BASKET, *steps, last)

        assert refusal.value.pointer == pointer

    @pytest.mark.parametrize(
        ("wrong", "pointer"),
        [
            (returned(c=None), "#/lines/0/id"),
            (returned(a="0"), "#/lines/0/quantity"),
            (returned(a=euros("0.00")), "#/lines/0/amount/amount"),
            (returned("0.00"), "#/amount/amount"),
        ],
    )
    def test_refuses_what_is_no_return(self, wrong: Return, pointer: str):
        with pytest.raises(InvalidInput) as refusal:
            after(BASKET, wrong)

        assert refusal.value.pointer == pointer

    def test_refuses_a_line_that_is_named_twice(self):
        twice = (ReturnedLine(id="a", quantity="1"), ReturnedLine(id="a", quantity="1"))

        with pytest.raises(InvalidInput, match="there twice"):
            coming_back(
                Return(external_id="b", occurred_at=NOON, sale_external_id="r", lines=twice),
                BASKET,
                before=Back(),
                currency="EUR",
            )

    def test_takes_what_is_left_of_the_sale_for_the_rest_of_a_line(self):
        back = after(BASKET, returned("50.00"), returned(a=None))

        assert back.worth == 10_000

    def test_is_read_back_as_it_was_stored(self):
        back = after(BASKET, returned(a="1"), returned("5.00"))

        assert Back.from_json(back.to_json()) == back


@st.composite
def baskets(draw: st.DrawFn) -> tuple[Sold, list[Line]]:
    amounts = draw(st.lists(st.integers(0, 5_000), max_size=5))
    lines = [
        line(str(position), f"{amount / 100:.2f}", str(draw(st.integers(1, 4))))
        for position, amount in enumerate(amounts)
    ]
    # Most often what the lines add up to; else with shipping, or with a discount on the whole.
    paid = max(sum(amounts) + draw(st.sampled_from([0, 0, 0, 499, -300, -10_000])), 0)
    return sold(amount=Decimal(paid) / 100, lines=lines), lines


@st.composite
def steps(draw: st.DrawFn, sale: Sold) -> Return:
    by_line = draw(st.booleans())
    if sale.lines and by_line:
        ids = draw(st.sets(st.sampled_from(sorted(sale.lines)), min_size=1))
        how = st.one_of(
            st.none(),
            st.integers(1, 4).map(str),
            st.integers(1, 5_000).map(lambda amount: euros(f"{amount / 100:.2f}")),
        )
        return returned(None, **{line_id: draw(how) for line_id in sorted(ids)})
    if draw(st.integers(0, 9)) == 0:
        return returned()
    return returned(f"{draw(st.integers(1, 8_000)) / 100:.2f}")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_returns_that_end_in_the_whole_take_all_points_and_never_more(data: st.DataObject):
    sale, lines = data.draw(baskets())
    points = data.draw(st.integers(1, 2_000))
    facts = [LineFacts(id=one.id, amount=one.amount.value) for one in lines]
    of_lines = spread(points, facts) if any(one.amount > 0 for one in facts) else {}
    awards = [Award(points=points), Award(points=points, by_line=of_lines)]
    back, taken = Back(), [0, 0]

    for _ in range(data.draw(st.integers(0, 6))):
        try:
            back += coming_back(data.draw(steps(sale)), sale, before=back, currency="EUR")
        except (ReturnedTooMuch, InvalidInput):
            continue
        now = [owed(award, sale, back) for award in awards]
        assert all(before <= total <= points for before, total in zip(taken, now, strict=True))
        taken = now
    if not sale.is_back(back):
        back += coming_back(returned(), sale, before=back, currency="EUR")

    assert [owed(award, sale, back) for award in awards] == [points, points]
    assert back.worth == sale.worth
