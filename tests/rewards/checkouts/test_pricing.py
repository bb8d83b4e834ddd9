"""A basket is priced to the cent, whatever is taken off it."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.checkouts.pricing import Discount, Item, Kind, Paid, Rate, Taken, Tender, most_points, price

HUNDRED_FOR_A_EURO = Rate(points=100, cents=100)


def item(line_id: str, cents: int, *, sku: str = "", quantity: str = "1") -> Item:
    return Item(id=line_id, sku=sku or f"sku-{line_id}", quantity=Decimal(quantity), cents=cents)


def amount(cents: int) -> Discount:
    return Discount(kind=Kind.AMOUNT, cents=cents)


def percent(value: str, *, at_most: int | None = None) -> Discount:
    return Discount(kind=Kind.PERCENT, percent=Decimal(value), at_most=at_most)


def free(sku: str, *, at_most: int | None = None) -> Discount:
    return Discount(kind=Kind.FREE_PRODUCT, sku=sku, at_most=at_most)


class TestDiscounts:
    def test_of_an_amount_are_spread_over_the_lines_to_the_last_cent(self):
        priced = price([item("a", 100), item("b", 100), item("c", 100)], discounts=[amount(100)], tenders=[])

        assert priced.discounts[0].by_line == {"a": 34, "b": 33, "c": 33}
        assert priced.left == {"a": 66, "b": 67, "c": 67}
        assert (priced.subtotal, priced.discounted, priced.total) == (300, 100, 200)

    def test_never_take_more_than_the_basket_costs(self):
        priced = price([item("a", 300), item("b", 150)], discounts=[amount(500)], tenders=[])

        assert (priced.discounted, priced.total) == (450, 0)

    def test_of_a_percentage_give_half_a_cent_to_the_member_and_stop_at_their_maximum(self):
        (half,) = price([item("a", 5)], discounts=[percent("10")], tenders=[]).discounts
        (most,) = price([item("a", 10_000)], discounts=[percent("20", at_most=1500)], tenders=[]).discounts

        assert (half.cents, most.cents) == (1, 1500)

    def test_follow_each_other_free_products_first_then_percentages_then_amounts(self):
        basket = [item("beans", 1000, sku="beans"), item("cup", 2000)]

        priced = price(basket, discounts=[amount(500), percent("10"), free("beans")], tenders=[])

        assert [taken.cents for taken in priced.discounts] == [500, 200, 1000]
        assert priced.left == {"beans": 0, "cup": 1300}

    def test_of_nothing_take_nothing(self):
        priced = price([item("a", 300)], discounts=[Discount(kind=Kind.NONE)], tenders=[])

        assert (priced.discounted, priced.total) == (0, 300)


class TestFreeProduct:
    def test_is_one_piece_of_it(self):
        priced = price([item("a", 1000, sku="beans", quantity="3")], discounts=[free("beans")], tenders=[])

        assert priced.discounts[0].by_line == {"a": 333}

    def test_is_another_piece_each_time_until_all_are_free_to_the_cent(self):
        basket = [item("a", 1000, sku="beans", quantity="3"), item("b", 50)]

        priced = price(basket, discounts=[free("beans")] * 4, tenders=[])

        assert [taken.cents for taken in priced.discounts] == [333, 333, 334, 0]
        assert priced.left == {"a": 0, "b": 50}

    def test_is_the_dearest_piece_where_there_are_several_lines_of_it(self):
        basket = [item("a", 500, sku="beans", quantity="2"), item("b", 300, sku="beans")]

        assert price(basket, discounts=[free("beans")], tenders=[]).discounts[0].by_line == {"b": 300}

    @pytest.mark.parametrize(("quantity", "cents"), [("0.750", 600), ("1", 600), ("0", 600), ("2.5", 240)])
    def test_is_all_of_what_is_no_more_than_one_piece(self, quantity, cents):
        basket = [item("a", 600, sku="beans", quantity=quantity)]

        assert price(basket, discounts=[free("beans")], tenders=[]).discounts[0].cents == cents

    def test_is_worth_no_more_than_its_maximum(self):
        basket = [item("a", 600, sku="beans")]

        assert price(basket, discounts=[free("beans", at_most=400)], tenders=[]).total == 200

    def test_takes_nothing_from_a_basket_without_it(self):
        assert price([item("a", 600)], discounts=[free("beans")], tenders=[]).discounts[0].cents == 0


class TestPoints:
    def test_pay_at_their_rate_and_are_spread_over_the_lines(self):
        tender = Tender(points=500, rate=HUNDRED_FOR_A_EURO)

        priced = price([item("a", 1000), item("b", 3000)], discounts=[], tenders=[tender])

        (paid,) = priced.payments
        assert (paid.points, paid.cents) == (500, 500)
        assert paid.by_line == paid.points_by_line == {"a": 125, "b": 375}
        assert priced.total == 3500

    def test_are_taken_no_more_than_are_needed(self):
        (paid,) = price(
            [item("a", 99)], discounts=[], tenders=[Tender(points=1000, rate=Rate(points=300, cents=100))]
        ).payments

        assert (paid.points, paid.cents) == (297, 99)

    def test_that_pay_less_than_a_cent_stay_with_the_member(self):
        rate = Rate(points=300, cents=100)

        priced = price([item("a", 99)], discounts=[], tenders=[Tender(points=2, rate=rate)])

        assert (priced.payments[0].points, priced.total) == (0, 99)
        assert (
            price([item("a", 99)], discounts=[], tenders=[Tender(points=5, rate=rate)]).payments[0].points
            == 3
        )

    def test_pay_what_discounts_leave(self):
        priced = price(
            [item("a", 1000)],
            discounts=[amount(800)],
            tenders=[Tender(points=500, rate=HUNDRED_FOR_A_EURO), Tender(points=5, rate=HUNDRED_FOR_A_EURO)],
        )

        assert [(paid.points, paid.cents) for paid in priced.payments] == [(200, 200), (0, 0)]
        assert priced.total == 0

    def test_that_can_be_used_are_those_that_pay_something(self):
        assert most_points(Rate(points=300, cents=100), cents=99, available=10_000) == 297
        assert most_points(Rate(points=300, cents=100), cents=99, available=100) == 99
        assert most_points(Rate(points=300, cents=100), cents=99, available=2) == 0


skus = st.sampled_from(["beans", "cup", "filter"])
quantities = st.integers(min_value=0, max_value=20_000).map(lambda number: Decimal(number).scaleb(-3))
cents = st.integers(min_value=0, max_value=10**14)
maxima = st.none() | st.integers(min_value=0, max_value=10**6)
baskets = st.lists(st.tuples(skus, quantities, cents), min_size=1, max_size=12).map(
    lambda rows: [
        Item(id=str(number), sku=sku, quantity=quantity, cents=worth)
        for number, (sku, quantity, worth) in enumerate(rows)
    ]
)
discounts = st.lists(
    st.one_of(
        st.builds(Discount, kind=st.just(Kind.NONE)),
        st.builds(Discount, kind=st.just(Kind.AMOUNT), cents=cents),
        st.builds(
            Discount,
            kind=st.just(Kind.PERCENT),
            percent=st.integers(min_value=0, max_value=10_000).map(lambda number: Decimal(number).scaleb(-2)),
            at_most=maxima,
        ),
        st.builds(Discount, kind=st.just(Kind.FREE_PRODUCT), sku=skus, at_most=maxima),
    ),
    max_size=8,
)
rates = st.builds(
    Rate, points=st.integers(min_value=1, max_value=10**6), cents=st.integers(min_value=1, max_value=10**6)
)
tenders = st.lists(
    st.builds(Tender, points=st.integers(min_value=1, max_value=10**12), rate=rates), max_size=4
)


# A busy machine is not what is tested.


class TestAnyBasket:
    @given(baskets, discounts, tenders)
    def test_adds_up_to_the_cent_by_line_and_in_all(self, basket, discounts, tenders):
        priced = price(basket, discounts=discounts, tenders=tenders)

        parts: tuple[Taken | Paid, ...] = (*priced.discounts, *priced.payments)
        assert priced.subtotal == priced.discounted + priced.paid + priced.total
        for line in basket:
            off = sum(part.by_line.get(line.id, 0) for part in parts)
            assert priced.left[line.id] == line.cents - off
            assert 0 <= priced.left[line.id] <= line.cents
        for part in parts:
            assert sum(part.by_line.values()) == part.cents
            assert all(share > 0 for share in part.by_line.values())
        for paid in priced.payments:
            assert sum(paid.points_by_line.values()) == paid.points
            assert paid.points_by_line.keys() <= paid.by_line.keys()

    @given(baskets, discounts, tenders)
    def test_takes_what_was_promised_and_no_more(self, basket, discounts, tenders):
        priced = price(basket, discounts=discounts, tenders=tenders)

        for discount, taken in zip(discounts, priced.discounts, strict=True):
            if discount.at_most is not None:
                assert taken.cents <= discount.at_most
            if discount.kind == Kind.AMOUNT:
                assert taken.cents <= discount.cents
                assert taken.cents == discount.cents or priced.total == 0
            if discount.kind == Kind.PERCENT:
                assert taken.cents <= priced.subtotal * Fraction(discount.percent) / 100 + Fraction(1, 2)
            if discount.kind == Kind.FREE_PRODUCT:
                assert len(taken.by_line) <= 1
        for tender, paid in zip(tenders, priced.payments, strict=True):
            assert paid.points <= tender.points
            # Whole cents, with the fewest points that pay them: one less would pay a cent less.
            assert tender.rate.worth(paid.points) >= paid.cents
            assert paid.points == 0 or tender.rate.worth(paid.points - 1) < paid.cents
            assert paid.cents == tender.rate.worth(tender.points) or priced.total == 0

    @given(baskets, discounts, tenders, st.randoms())
    def test_costs_the_same_in_whatever_order_its_lines_are(self, basket, discounts, tenders, chance):
        mixed = list(basket)
        chance.shuffle(mixed)

        one, other = (price(lines, discounts=discounts, tenders=tenders) for lines in (basket, mixed))

        assert one.left == other.left
        assert one.discounts == other.discounts
        assert one.payments == other.payments

    @given(baskets, discounts, rates, st.integers(min_value=0, max_value=10**12))
    def test_lets_as_many_points_be_used_as_it_says(self, basket, discounts, rate, available):
        left = price(basket, discounts=discounts, tenders=[]).total

        most = most_points(rate, cents=left, available=available)

        assert most <= available
        (paid,) = price(
            basket, discounts=discounts, tenders=[Tender(points=max(most, 1), rate=rate)]
        ).payments
        (more,) = price(
            basket, discounts=discounts, tenders=[Tender(points=max(available, 1), rate=rate)]
        ).payments
        assert most == 0 or paid.points == most == more.points
