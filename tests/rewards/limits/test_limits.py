"""Limits of campaigns, through the operations that the API uses."""

from decimal import Decimal

from django.db.models import F

from loyalty.core.models import Event
from members.ledger import verify
from members.models import Member, PointCost, Wallet
from rewards.deciding import budgets
from rewards.models import Activity, BudgetSlot, Campaign, CampaignCount
from rewards.telling import explaining
from tests.cast import Shop
from tests.rewards.limits.conftest import Publish, in_one_batch


def counted(campaign: Campaign) -> dict[str, tuple[int, int]]:
    counts = CampaignCount.objects.filter(campaign=campaign).order_by("period")
    return {count.period: (count.times, count.points) for count in counts}


def used(campaign: Campaign) -> dict[str, Decimal]:
    return {one.unit: one.used for one in budgets.standing([campaign])[campaign.pk]}


class TestPerMember:
    def test_gives_so_often_a_day_and_again_on_the_next(self, publish: Publish, shop: Shop, ada: Member):
        campaign = publish("daily", limits={"per_member": [{"times": 2, "per": "day"}]})

        given = [shop.sells(f"r{number}", "5.00").points for number in range(3)]
        given.append(shop.later(days=1).sells("r3", "5.00").points)

        assert given == [10, 10, 0, 10]
        assert counted(campaign) == {"day:2026-06-01": (2, 20), "day:2026-06-02": (1, 10)}

    def test_counts_days_in_the_time_zone_of_the_program(self, publish: Publish, shop: Shop, ada: Member):
        """22:30 in London is past midnight in Berlin."""
        campaign = publish("daily", limits={"per_member": [{"times": 1, "per": "day"}]})

        shop.later(hours=9).sells("r1", "5.00")
        shop.later(hours=10, minutes=30).sells("r2", "5.00")

        assert counted(campaign) == {"day:2026-06-01": (1, 10), "day:2026-06-02": (1, 10)}

    def test_trims_points_to_what_the_month_leaves(self, publish: Publish, shop: Shop, ada: Member):
        campaign = publish(
            "monthly",
            {"kind": "points_per_unit", "points": "1", "per": "1.00"},
            limits={"per_member": [{"points": 25, "per": "month"}, {"points": 40, "per": "ever"}]},
        )

        given = [shop.sells(f"r{number}", "10.00").points for number in range(4)]
        given += [shop.later(days=40).sells(f"r{number}", "10.00").points for number in range(4, 7)]

        assert given == [10, 10, 5, 0, 10, 5, 0]
        assert counted(campaign) == {"ever": (5, 40), "month:2026-06": (3, 25), "month:2026-07": (2, 15)}

    def test_counts_each_member_alone(self, publish: Publish, shop: Shop, ada: Member, grace):
        publish("once", limits={"per_member": [{"times": 1, "per": "ever"}]})

        assert shop.sells("r1", "5.00").points == 10
        assert shop.sells("r2", "5.00", member=grace).points == 10
        assert shop.sells("r3", "5.00").points == 0

    def test_counts_over_versions(self, publish: Publish, shop: Shop, ada: Member):
        limits = {"per_member": [{"times": 2, "per": "ever"}]}
        publish("once", limits=limits)
        shop.sells("r1", "5.00")

        publish("once", {"kind": "fixed_points", "points": 20}, limits=limits)

        assert [shop.sells(f"r{number}", "5.00").points for number in (2, 3)] == [20, 0]

    def test_counts_what_was_decided_earlier_in_one_batch(
        self, publish: Publish, shop: Shop, ada: Member, grace
    ):
        campaign = publish("twice", limits={"per_member": [{"times": 2, "per": "week"}]})
        sales = [shop.sale(f"r{number}", "5.00") for number in range(4)]

        sales.append(shop.sale("g1", "5.00", member=grace))

        assert in_one_batch(shop, sales) == [10, 10, 0, 0, 10]
        assert set(CampaignCount.objects.values_list("campaign", "times")) == {
            (campaign.pk, 1),
            (campaign.pk, 2),
        }

    def test_says_in_the_explanation_which_limit_was_reached(self, publish: Publish, shop: Shop, ada: Member):
        publish("daily", limits={"per_member": [{"times": 1, "per": "day"}]})
        shop.sells("r1", "5.00")
        shop.sells("r2", "5.00")

        told = explaining.told(Activity.objects.get(external_id="r2"), program=shop.program)

        (verdict,) = told["verdicts"]
        assert (verdict["points"], verdict["reasons"]) == (0, ["1 of 1 today"])


class TestInAll:
    def test_trims_to_the_last_point_whatever_slots_it_lies_in(
        self, publish: Publish, shop: Shop, ada: Member
    ):
        campaign = publish("spring", limits={"in_all": [{"points": 35}]})

        given = [shop.sells(f"r{number}", "5.00").points for number in range(5)]

        assert given == [10, 10, 10, 5, 0]
        assert used(campaign) == {"points": 35}

    def test_refuses_what_it_cannot_pay_in_full(self, publish: Publish, shop: Shop, ada: Member):
        campaign = publish("spring", limits={"in_all": [{"points": 35}], "when_spent": "refuse"})

        given = [shop.sells(f"r{number}", "5.00").points for number in range(5)]

        assert given == [10, 10, 10, 0, 0]
        assert used(campaign) == {"points": 30}

    def test_counts_times_and_money_at_the_cost_of_the_day(
        self, publish: Publish, shop: Shop, ada: Member, points, noon
    ):
        PointCost.objects.create(
            program=shop.program, wallet_type=points, from_date=noon.date(), cost=Decimal("0.03")
        )
        campaign = publish("spring", limits={"in_all": [{"times": 9}, {"money": "1.00"}]})

        given = [shop.sells(f"r{number}", "5.00").points for number in range(5)]

        assert given == [10, 10, 10, 3, 0]
        assert used(campaign) == {"times": 4, "money": Decimal("0.99")}

    def test_binds_all_sales_of_one_batch(self, publish: Publish, shop: Shop, ada: Member):
        campaign = publish("spring", limits={"in_all": [{"points": 35}]})
        sales = [shop.sale(f"r{number}", "5.00") for number in range(6)]

        assert in_one_batch(shop, sales) == [10, 10, 10, 5, 0, 0]
        assert used(campaign) == {"points": 35}

    def test_of_a_larger_version_gives_on(self, publish: Publish, shop: Shop, ada: Member):
        campaign = publish("spring", limits={"in_all": [{"points": 15}]})
        before = [shop.sells(f"r{number}", "5.00").points for number in range(3)]

        publish("spring", limits={"in_all": [{"points": 30}]})

        assert before == [10, 5, 0]
        assert [shop.sells(f"s{number}", "5.00").points for number in range(3)] == [10, 5, 0]
        assert used(campaign) == {"points": 30}

    def test_goes_to_another_campaign_of_the_group_when_it_is_spent(
        self, publish: Publish, shop: Shop, ada: Member
    ):
        group = {"group": "spring", "choose": "best"}
        big = publish(
            "big", {"kind": "fixed_points", "points": 50}, limits={"in_all": [{"points": 60}]}, stacking=group
        )
        small = publish("small", limits={"in_all": [{"times": 2}]}, stacking=group)

        given = [shop.sells(f"r{number}", "5.00").points for number in range(4)]

        assert given == [50, 10, 10, 10]
        assert used(big) == {"points": 60}
        assert used(small) == {"times": 2}

    def test_is_not_given_back_by_a_return(self, publish: Publish, shop: Shop, ada: Member):
        campaign = publish("spring", limits={"in_all": [{"points": 15}]})
        shop.sells("r1", "5.00")

        shop.takes_back("b1", "r1")

        assert Wallet.objects.get(member=ada).available == 0
        assert used(campaign) == {"points": 10}

    def test_tells_of_its_warning_and_its_end(self, publish: Publish, shop: Shop, ada: Member):
        publish("spring", limits={"in_all": [{"points": 50}]})

        for number in range(7):
            shop.sells(f"r{number}", "5.00")

        told = Event.objects.filter(type__startswith="budget.").order_by("number")
        assert [(event.type, event.data["used"]) for event in told] == [
            ("budget.warning", 40),
            ("budget.exhausted", 50),
        ]


class TestWhatIsStored:
    def test_gives_the_same_again(self, publish: Publish, shop: Shop, ada: Member):
        publish("spring", limits={"in_all": [{"points": 35}], "per_member": [{"times": 5, "per": "day"}]})
        for number in range(5):
            shop.sells(f"r{number}", "5.00")

        for activity in Activity.objects.order_by("pk"):
            again = explaining.recomputed(activity, program=shop.program)
            assert sum(award.points for award in again) == activity.points
        last = Activity.objects.get(external_id="r3").facts["usage"]
        assert last["counters"] == {"spring/day:2026-06-01": [3, 30]}
        assert last["left"] == {"spring/points": 5}
        assert last["uses"] == {"spring": [1, 5, "0"]}

    def test_is_nothing_without_limits(self, publish: Publish, shop: Shop, ada: Member):
        publish("plain")
        shop.sells("r1", "5.00")

        assert "usage" not in Activity.objects.get().facts


class TestStatements:
    LIMITS = {"in_all": [{"points": 1_000}], "per_member": [{"times": 5, "per": "day"}]}

    def test_are_as_many_as_without_limits(
        self, publish: Publish, shop: Shop, ada: Member, django_assert_num_queries
    ):
        for number in range(10):
            publish(f"c{number}", limits=self.LIMITS)
        shop.sells("r1", "5.00")

        with django_assert_num_queries(4):
            assert shop.sells("r2", "5.00").points == 100

    def test_are_one_more_when_the_own_slot_does_not_do(
        self, publish: Publish, shop: Shop, ada: Member, django_assert_num_queries
    ):
        publish("spring", limits=self.LIMITS)
        shop.sells("r0", "5.00")
        BudgetSlot.objects.filter(used__gt=0).update(used=F("allotted"))

        with django_assert_num_queries(5):
            assert shop.sells("r1", "5.00").points == 10

    def test_are_no_more_when_the_budget_is_empty(
        self, publish: Publish, shop: Shop, ada: Member, django_assert_num_queries
    ):
        publish("spring", limits={"in_all": [{"points": 15}]})
        for number in range(3):
            shop.sells(f"r{number}", "5.00")
        shop.program.refresh_from_db()
        shop.sells("r3", "5.00")

        with django_assert_num_queries(4):
            assert shop.sells("r4", "5.00").points == 0


def test_books_are_in_order_afterwards(publish: Publish, shop: Shop, ada: Member):
    publish("spring", limits={"in_all": [{"points": 35}], "per_member": [{"times": 5, "per": "day"}]})
    for number in range(5):
        shop.sells(f"r{number}", "5.00")

    assert list(verify.run()) == []
