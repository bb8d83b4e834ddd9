"""What is claimed, and what is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from msgspec import structs

from rewards.performance import checks
from rewards.performance.figures import Compared, GroupSums
from rewards.performance.groups import Group
from rewards.performance.outcome import Verdict, outcome
from tests.known import known
from tests.rewards.performance.populations import group

START = datetime(2026, 3, 1, tzinfo=UTC)


def compared(*groups: Group, points: int = 1000, cost: str = "10.00", is_experiment: bool = True) -> Compared:
    sums = tuple(
        GroupSums(
            key=one.key,
            share=Decimal(str(one.share)),
            got_something=one.key != "control",
            members=one.members,
            buyers=one.buyers,
            sales=one.sales,
            sales_squares=one.sales_squares,
            before=one.before,
            before_squares=one.before_squares,
            products=one.products,
            points=0 if one.key == "control" else points,
            cost=Decimal(0 if one.key == "control" else cost),
        )  # fmt: skip
        for one in groups
    )
    return Compared(
        starts_at=START, until=START + timedelta(days=28), before=START - timedelta(days=28), is_over=True,
        is_experiment=is_experiment, is_everyone=True, taken_at=None, versions=(1,), earlier=0,
        sales_begin_at=None, names={},
        sums=sums,
    )  # fmt: skip


def shoppers(key: str, members: int, *, mean: float, seed: int = 1, share: float = 0.5) -> Group:
    """Members who buy for so much on average, exactly, with a spread of a fifth of it."""
    chance = Random(seed)
    sales = [chance.gauss(mean, mean / 5) for _ in range(members)]
    off = mean - sum(sales) / members
    return group(key, [amount + off for amount in sales], share=share)


class TestVerdict:
    def test_an_effect_is_named_with_its_interval(self):
        found = outcome(
            compared(shoppers("control", 400, mean=50), shoppers("treated", 400, mean=55, seed=2))
        )

        assert found.verdict == Verdict.MORE
        assert known(found.main).comparison.difference == pytest.approx(5, abs=0.01)
        assert known(found.main).comparison.relative == pytest.approx(0.1, abs=0.001)
        assert (
            3 < known(found.main).comparison.interval.low < 5 < known(found.main).comparison.interval.high < 7
        )
        assert found.members_needed is None

    def test_less_is_said_as_plainly_as_more(self):
        found = outcome(
            compared(shoppers("control", 400, mean=50), shoppers("treated", 400, mean=45, seed=2))
        )

        assert found.verdict == Verdict.LESS

    def test_where_chance_explains_it_nothing_is_claimed(self):
        groups = shoppers("control", 200, mean=50), shoppers("treated", 200, mean=50.5, seed=2)

        found = outcome(compared(*groups))

        assert found.verdict == Verdict.NO_DIFFERENCE
        assert known(found.main).comparison.detectable > 1

    def test_how_many_members_it_would_take_is_said_where_five_percent_could_not_be_seen(self):
        wide = [group(key, [0, 0, 0, 200] * 50) for key in ("control", "treated")]

        found = outcome(compared(*wide))

        share = known(known(found.main).comparison.detectable_share)
        assert found.members_needed == pytest.approx(400 * (share / 0.05) ** 2, abs=1)

    def test_nothing_is_said_of_a_few_members(self):
        found = outcome(compared(shoppers("control", 99, mean=50), shoppers("treated", 99, mean=90)))

        assert found.verdict == Verdict.TOO_FEW
        assert found.main is None
        assert found.pairs == ()

    def test_nor_of_many_who_do_not_buy(self):
        quiet = group("control", [0.0] * 371 + [40.0] * 29)

        found = outcome(compared(quiet, shoppers("treated", 400, mean=50)))

        assert found.verdict == Verdict.TOO_FEW

    def test_without_a_control_group_there_is_no_effect_whatever_the_figures(self):
        alone = shoppers("treated", 4000, mean=50, share=1.0)

        found = outcome(compared(alone, is_experiment=False))

        assert found.verdict == Verdict.NO_GROUPS
        assert (found.main, found.returned, found.pairs) == (None, None, ())


class TestMismatch:
    def test_is_found_where_a_group_lost_members(self):
        found = outcome(compared(shoppers("control", 400, mean=50), shoppers("treated", 500, mean=90)))

        assert found.verdict == Verdict.MISMATCH
        assert found.is_mismatched
        assert found.main is None

    def test_is_the_chi_square_by_hand(self):
        """1,000 members, 480 and 520 of 500 each: (20² + 20²) / 500 = 1.6; p = 0.2059."""
        groups = [
            replace(shoppers("a", 5, mean=1), members=480),
            replace(shoppers("b", 5, mean=1), members=520),
        ]

        assert checks.mismatch(groups) == pytest.approx(0.20590, abs=1e-5)

    def test_follows_the_shares_that_were_planned(self):
        small, large = (
            shoppers("control", 100, mean=50, share=0.1),
            shoppers("treated", 900, mean=50, share=0.9),
        )

        assert checks.mismatch([small, large]) == 1.0
        assert checks.mismatch([replace(small, share=0.5), replace(large, share=0.5)]) < 1e-9

    def test_is_hardly_ever_seen_where_chance_drew(self):
        chance, alarms = Random(3), 0
        for _ in range(2000):
            drawn = sum(chance.random() < 0.3 for _ in range(300))
            one = replace(shoppers("a", 3, mean=1), members=drawn, share=0.3)
            other = replace(shoppers("b", 3, mean=1), members=300 - drawn, share=0.7)
            alarms += checks.mismatch([one, other]) < checks.MISMATCH_BELOW

        assert alarms <= 8


class TestBefore:
    def test_groups_that_bought_alike_are_alike(self):
        sales = [float(n % 40) for n in range(200)]

        assert checks.unlike_before([group(key, sales, sales) for key in ("control", "treated")]) == 1.0

    def test_groups_that_bought_differently_are_told(self):
        sales = [float(n % 40) for n in range(200)]
        control, treated = group("control", sales, sales), group("treated", sales, [a + 10 for a in sales])

        found = outcome(compared(control, treated))

        assert found.were_unlike


class TestReturn:
    def test_is_worked_out_by_hand(self):
        """
        5.00 more from each of 400 members are 2,000; 1,000 points for 10.00.

        2.00 a point; with a margin of 25 %, 500 − 10 = 490 are left, 49 times the cost.
        """
        found = outcome(
            compared(shoppers("control", 400, mean=50), shoppers("treated", 400, mean=55, seed=2)),
            margin=Decimal("0.25"),
        )

        one = known(found.returned)
        assert one.revenue == pytest.approx(2000, abs=4)
        assert one.per_point == pytest.approx(2.0, abs=0.01)
        assert one.gain == pytest.approx(490, abs=1)
        assert one.on_cost == pytest.approx(49, abs=0.1)
        assert one.revenue_interval.low == pytest.approx(400 * known(found.main).comparison.interval.low)
        assert known(one.gain_interval).high == pytest.approx(0.25 * one.revenue_interval.high - 10)
        assert known(one.on_cost_interval).low == pytest.approx(known(one.gain_interval).low / 10)

    def test_says_nothing_of_a_margin_that_nobody_gave_or_of_points_that_were_not_given(self):
        groups = shoppers("control", 400, mean=50), shoppers("treated", 400, mean=55, seed=2)

        assert known(outcome(compared(*groups)).returned).gain is None
        without = known(outcome(compared(*groups, points=0, cost="0"), margin=Decimal("0.25")).returned)
        assert (without.per_point, without.on_cost) == (None, None)
        assert without.gain == pytest.approx(500, abs=1)


class TestVariants:
    def groups(self, *means: float) -> list[Group]:
        share = 1 / len(means)
        return [
            shoppers(f"variant:{number}", 300, mean=mean, seed=number, share=share)
            for number, mean in enumerate(means)
        ]

    def test_without_a_control_group_they_are_compared_with_each_other_alone(self):
        found = outcome(compared(*self.groups(50, 60)))

        assert found.main is None
        assert found.returned is None
        (pair,) = found.pairs
        assert (pair.one.key, pair.other.key, pair.verdict) == ("variant:0", "variant:1", Verdict.LESS)
        assert found.best is pair

    def test_each_is_compared_with_the_control_group_and_all_together_too(self):
        variants = [replace(one, share=0.25) for one in self.groups(50, 60)]
        control = shoppers("control", 600, mean=50, seed=9, share=0.5)

        found = outcome(compared(control, *variants))

        assert known(found.main).one.members == 600
        assert known(found.main).comparison.difference == pytest.approx(5, abs=0.01)
        assert [pair.one.key for pair in found.variants] == ["variant:0", "variant:1"]
        assert found.variants[1].comparison.difference == pytest.approx(10, abs=0.01)

    def test_the_more_are_compared_the_more_it_takes(self):
        two, five = (
            outcome(compared(*self.groups(50, 51.6))),
            outcome(compared(*self.groups(50, 51.6, 50, 50, 50))),
        )

        same = next(
            pair for pair in five.pairs if {pair.one.key, pair.other.key} == {"variant:0", "variant:1"}
        )
        assert len(five.pairs) == 10
        assert same.comparison.p_value == pytest.approx(min(1, 10 * two.pairs[0].comparison.p_value))
        assert same.comparison.interval.low < two.pairs[0].comparison.interval.low

    def test_five_alike_are_told_apart_by_chance_in_at_most_one_of_twenty_cases(self):
        wrong = 0
        for seed in range(200):
            chance = Random(seed)
            groups = [
                group(f"variant:{number}", [chance.expovariate(0.02) for _ in range(110)], share=0.2)
                for number in range(5)
            ]
            wrong += outcome(compared(*groups)).best is not None

        assert wrong / 200 <= 0.08


class TestCompared:
    def test_puts_those_who_got_something_and_those_who_did_not_together(self):
        whole = compared(shoppers("control", 100, mean=50), shoppers("treated", 100, mean=50))
        treated = whole.sums[1]
        quiet = structs.replace(treated, got_something=False, members=50)
        split = structs.replace(whole, sums=(whole.sums[0], treated, quiet))

        assert [one.members for one in split.groups] == [100, 150]
        assert split.described(got_something=True).members == 100
        assert split.described(got_something=False).members == 150
