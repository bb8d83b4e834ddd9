"""Returns as they are booked: by which method, by which policy, with points that paid, of whose sales."""

from collections.abc import Callable
from typing import Any

import pytest

from loyalty.core.models import Event, ReturnsMethod
from members import expiry, pending, unmerging
from members.ledger import verify
from members.models import Entry, Hold, Lot, Member, MemberTier, Merge, Wallet, WalletType
from members.references import MemberReference
from rewards.deciding.activities import ReturnedLine
from rewards.journeys.returning import ReturnedTooMuch
from rewards.models import Activity, Reward
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop, line
from tests.rewards.returns.conftest import Pay

BASKET = (line("coffee", "60.00", category="coffee", quantity="3"), line("mug", "40.00", category="mugs"))
COFFEE = {"all": [{"fact": "line.category", "operator": "in", "value": ["coffee"]}]}


def publish(shop: Shop, key: str, *effects: dict[str, Any], conditions: dict[str, Any] | None = None) -> None:
    campaign = factories.CampaignFactory.create(program=shop.program, key=key, name=key.title())
    definition = factories.definition(*effects, conditions=conditions)
    campaigns.publish(campaign, definition=definition, by=None, at=shop.at, effective_at=shop.at)
    shop.program.refresh_from_db()


def spendable(member: Member) -> int:
    return Wallet.objects.get(member=member).available


@pytest.fixture
def coffee_twice(shop: Shop) -> Shop:
    """A point for each euro, and two more for each euro of coffee."""
    of_coffee = {"kind": "points_per_unit", "points": "2", "per": "1.00", "of": "matching_lines"}
    publish(shop, "coffee", {**of_coffee, "lines": COFFEE})
    return shop


@pytest.fixture
def indebted(points: WalletType, shop: Shop) -> WalletType:
    """Points that are missing when they are to be taken back are owed."""
    points.return_policy = "debt"
    points.save()
    shop.program.refresh_from_db()
    return points


@pytest.fixture
def grace(shop: Shop) -> Member:
    grace = factories.MemberFactory.create(program=shop.program, first_name="Grace")
    factories.IdentifierFactory.create(member=grace, kind="card", value="2002")
    return grace


@pytest.fixture
def cup(shop: Shop, points: WalletType) -> Reward:
    return factories.RewardFactory.create(program=shop.program, wallet_type=points, key="cup", price=80)


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


class TestPolicies:
    def test_within_balance_writes_off_what_was_spent(self, shop: Shop, ada: Member, cup: Reward):
        shop.sells("r1", "100.00")
        shop.redeems("cup")

        returned = shop.takes_back("b1", "r1")

        assert returned.returned is not None
        (taken,) = returned.returned["taken"]
        assert (taken["points"], taken["owed"], taken["written_off"], taken["debt"]) == (20, 100, 80, 0)
        shop.sells("r2", "50.00")
        assert spendable(ada) == 50
        assert list(verify.run()) == []

    def test_debt_is_paid_by_what_comes_next(
        self, shop: Shop, ada: Member, cup: Reward, indebted: WalletType
    ):
        shop.sells("r1", "100.00")
        shop.redeems("cup")

        returned = shop.takes_back("b1", "r1")

        assert returned.returned is not None
        (taken,) = returned.returned["taken"]
        assert (taken["points"], taken["owed"], taken["written_off"], taken["debt"]) == (20, 100, 0, 80)
        assert returned.awards[0]["reason"].endswith("; 80 points were spent and are owed")
        shop.sells("r2", "50.00")
        shop.sells("r3", "50.00")
        wallet = Wallet.objects.get(member=ada)
        assert (wallet.available, wallet.debt) == (20, 0)
        assert list(verify.run()) == []

    @pytest.mark.parametrize("policy", ["within_balance", "debt"])
    def test_take_each_sales_points_though_one_paid_for_the_other(
        self, shop: Shop, ada: Member, points: WalletType, cup: Reward, policy: str
    ):
        points.return_policy = policy
        points.save()
        shop.program.refresh_from_db()
        shop.later(days=-3).sells("r1", "100.00")
        shop.later(days=-2).sells("r2", "100.00")
        shop.redeems("cup")

        shop.takes_back("b1", "r1")
        shop.takes_back("b2", "r2")
        shop.sells("r3", "200.00")

        # All 200 are owed, 80 of them bought a cup.
        wallet = Wallet.objects.get(member=ada)
        assert wallet.available == (200 if policy == "within_balance" else 120)
        assert wallet.debt == 0
        assert list(verify.run()) == []

    def test_neither_counts_what_has_expired(self, shop: Shop, ada: Member, indebted: WalletType):
        indebted.expiry_rule, indebted.expires_after = "days", 30
        indebted.save()
        shop.program.refresh_from_db()
        shop.sells("r1", "100.00")
        later = shop.later(days=40)
        list(expiry.run(later.program, at=later.at))

        returned = later.takes_back("b1", "r1")

        assert returned.returned is not None
        (taken,) = returned.returned["taken"]
        assert (taken["points"], taken["owed"], taken["debt"]) == (0, 100, 0)
        assert Wallet.objects.get(member=ada).debt == 0


class TestPending:
    @pytest.fixture(autouse=True)
    def _for_two_weeks(self, points: WalletType, shop: Shop) -> None:
        points.pending_days = 14
        points.save()
        shop.program.refresh_from_db()

    def test_goes_first(self, shop: Shop, ada: Member):
        shop.sells("r1", "100.00")

        returned = shop.takes_back("b1", "r1", "30.00")

        assert returned.points == -30
        wallet = Wallet.objects.get(member=ada)
        assert (wallet.pending, wallet.available) == (70, 0)
        assert list(verify.run()) == []

    def test_that_was_cancelled_is_asked_of_nobody(self, shop: Shop, ada: Member):
        shop.later(days=-30).sells("r0", "50.00")
        list(pending.make_available(shop.program, at=shop.at))
        sold = shop.sells("r1", "100.00")
        shop.takes_back("b1", "r1", "30.00")
        lots = pending.lots_of(shop.program, activity_id=sold.id)
        pending.cancel(shop.program, member_id=ada.pk, lot_ids=lots, actor="staff:1", at=shop.at)

        returned = shop.takes_back("b2", "r1")

        assert returned.points == 0
        wallet = Wallet.objects.get(member=ada)
        assert (wallet.pending, wallet.available) == (0, 50)
        assert list(verify.run()) == []

    def test_pays_no_debt_before_it_is_there(self, shop: Shop, ada: Member, cup: Reward, points: WalletType):
        points.return_policy = "debt"
        points.save()
        shop.program.refresh_from_db()
        shop.later(days=-30).sells("r0", "80.00")
        list(pending.make_available(shop.program, at=shop.at))
        shop.redeems("cup")
        shop.takes_back("b0", "r0")

        shop.sells("r1", "100.00")

        wallet = Wallet.objects.get(member=ada)
        assert (wallet.pending, wallet.available, wallet.debt) == (100, 0, 80)
        list(pending.make_available(shop.program, at=shop.later(days=20).at))
        wallet.refresh_from_db()
        assert (wallet.pending, wallet.available, wallet.debt) == (0, 20, 0)
        shop.later(days=21).takes_back("b1", "r1")
        wallet.refresh_from_db()
        assert (wallet.available, wallet.debt) == (0, 80)
        assert list(verify.run()) == []


class TestPaidWithPoints:
    """Ada has 300 points and pays with 200 of them for a basket of 100.00, which gives her 100."""

    @pytest.fixture
    def hold(self, shop: Shop, ada: Member, pays: Pay) -> Hold:
        shop.later(days=-20).sells("r0", "120.00")
        shop.later(days=-10).sells("r00", "180.00")
        hold = pays(shop, ada, 200, "r1")
        shop.sells("r1", "100.00", lines=BASKET)
        return hold

    def test_come_back_into_their_lots_with_the_whole_sale(self, shop: Shop, ada: Member, hold: Hold):
        returned = shop.takes_back("b1", "r1")

        assert returned.returned is not None
        assert returned.returned["given_back"] == [
            {
                "wallet_type": "points",
                "hold_id": str(hold.pk),
                "points": 200,
                "expired": 0,
                "debt_paid": 0,
            }
        ]
        assert spendable(ada) == 300
        hold.refresh_from_db()
        assert hold.restored == 200
        assert [(lot.redeemed, lot.available) for lot in Lot.objects.order_by("earned_at")][:2] == [
            (0, 120),
            (0, 180),
        ]
        assert [entry.kind for entry in Entry.objects.order_by("number")][-2:] == ["restore", "reverse"]
        assert Event.objects.get(type="points.restored").data["points"] == 200
        assert list(verify.run()) == []

    def test_come_back_by_amount_and_end_at_the_whole(self, shop: Shop, ada: Member, hold: Hold):
        for number, amount in enumerate(["33.33", "0.01", "33.33"]):
            shop.takes_back(f"b{number}", "r1", amount)

        hold.refresh_from_db()
        assert hold.restored == 133
        shop.takes_back("b9", "r1")
        hold.refresh_from_db()
        assert hold.restored == 200
        assert spendable(ada) == 300
        assert list(verify.run()) == []

    def test_come_back_by_line_if_it_is_known_what_they_paid_for(self, shop: Shop, ada: Member, pays: Pay):
        shop.sells("r0", "300.00")
        hold = pays(shop, ada, 200, "r1", coffee=150, mug=50)
        shop.sells("r1", "100.00", lines=BASKET)

        shop.takes_back("b1", "r1", None, ReturnedLine(id="coffee", quantity="1"))

        hold.refresh_from_db()
        assert hold.restored == 50
        assert spendable(ada) == 100 + 100 - 20 + 50

    def test_that_have_expired_meanwhile_expire_again_at_once(
        self, shop: Shop, ada: Member, points: WalletType, pays: Pay
    ):
        points.expiry_rule, points.expires_after = "days", 30
        points.save()
        shop.program.refresh_from_db()
        shop.later(days=-20).sells("r0", "120.00")
        shop.later(days=-10).sells("r00", "180.00")
        pays(shop, ada, 200, "r1")
        shop.sells("r1", "100.00", lines=BASKET)

        returned = shop.later(days=15).takes_back("b1", "r1")

        # The oldest 120 points were paid with first; their time is over.
        assert returned.returned is not None
        (given_back,) = returned.returned["given_back"]
        assert (given_back["points"], given_back["expired"]) == (200, 120)
        kinds = [(entry.kind, entry.points) for entry in Entry.objects.order_by("number")][-3:]
        assert kinds == [("restore", 200), ("expire", -120), ("reverse", -100)]
        assert spendable(ada) == 180
        assert list(verify.run()) == []

    def test_pay_what_the_same_return_takes(self, shop: Shop, ada: Member, hold: Hold, cup: Reward):
        shop.redeems("cup")
        shop.redeems("cup")
        assert spendable(ada) == 40

        returned = shop.takes_back("b1", "r1")

        assert returned.returned is not None
        assert returned.returned["taken"][0]["written_off"] == 0
        assert spendable(ada) == 40 + 200 - 100

    def test_pay_what_was_owed_before(
        self, shop: Shop, ada: Member, hold: Hold, cup: Reward, indebted: WalletType
    ):
        for _ in range(2):
            shop.redeems("cup")
        shop.takes_back("b0", "r0")
        assert Wallet.objects.get(member=ada).debt == 80

        returned = shop.takes_back("b1", "r1")

        assert returned.returned is not None
        assert returned.returned["given_back"][0]["debt_paid"] == 80
        wallet = Wallet.objects.get(member=ada)
        assert (wallet.available, wallet.debt) == (20, 0)
        assert list(verify.run()) == []


class TestOfExpiredPoints:
    def test_takes_the_progress_and_leaves_the_books_in_order(
        self, shop: Shop, ada: Member, points: WalletType
    ):
        points.expiry_rule, points.expires_after = "days", 30
        points.save()
        shop.program.refresh_from_db()
        shop.sells("r1", "100.00")
        late = shop.later(days=40)
        list(expiry.run(shop.program, at=late.at))

        returned = late.takes_back("b1", "r1")

        assert returned.points == 0
        assert MemberTier.objects.get(member=ada).progress == 0
        assert list(verify.run()) == []


class TestPaidBySomebodyElse:
    """Grace pays with 150 of her 200 points for Ada's basket of 100.00."""

    @pytest.fixture
    def hold(self, shop: Shop, ada: Member, grace: Member, pays: Pay) -> Hold:
        shop.sells("r0", "200.00", member=MemberReference("card", "2002"))
        hold = pays(shop, grace, 150, "r1")
        shop.sells("r1", "100.00", lines=BASKET)
        return hold

    def test_gives_the_points_back_to_who_paid(self, shop: Shop, ada: Member, grace: Member, hold: Hold):
        coffee = shop.takes_back("b1", "r1", None, ReturnedLine(id="coffee"))
        rest = shop.takes_back("b2", "r1")

        assert (coffee.member_id, coffee.points, rest.points) == (ada.pk, -60, -40)
        assert (spendable(ada), spendable(grace)) == (0, 200)
        assert Hold.objects.get(pk=hold.pk).restored == 150
        assert list(verify.run()) == []

    def test_gives_them_to_who_stands_for_the_payer(
        self,
        shop: Shop,
        ada: Member,
        grace: Member,
        hold: Hold,
        merges: Callable[[Shop, Member, Member], Merge],
    ):
        hedy = factories.MemberFactory.create(program=shop.program, first_name="Hedy")
        merges(shop, grace, hedy)

        shop.takes_back("b1", "r1")

        assert (spendable(ada), spendable(grace), spendable(hedy)) == (0, 0, 200)
        assert list(verify.run()) == []

    def test_gives_them_back_when_the_two_were_merged_and_parted(
        self,
        shop: Shop,
        ada: Member,
        grace: Member,
        pays: Pay,
        merges: Callable[[Shop, Member, Member], Merge],
    ):
        shop.later(days=-10).sells("r0", "200.00", member=MemberReference("card", "2002"))
        shop.sells("r1", "100.00", lines=BASKET)
        merge = merges(shop, ada, grace)
        pays(shop, grace, 50, "r1")
        unmerging.undo(merge, actor="staff:1", at=shop.later(days=1).at)

        shop.later(days=2).takes_back("b1", "r1")

        assert (spendable(ada), spendable(grace)) == (0, 200)
        assert list(verify.run()) == []


class TestOfAMergedMember:
    @pytest.fixture
    def merged(
        self, shop: Shop, ada: Member, grace: Member, merges: Callable[[Shop, Member, Member], Merge]
    ) -> Callable[[], Merge]:
        return lambda: merges(shop, ada, grace)

    def test_is_taken_from_who_has_the_points_now(
        self, shop: Shop, ada: Member, grace: Member, merged: Callable[[], Merge]
    ):
        shop.sells("r1", "100.00", lines=BASKET)
        shop.takes_back("b0", "r1", "10.00")
        merged()

        returned = shop.takes_back("b1", "r1", None, ReturnedLine(id="mug"))
        rest = shop.takes_back("b2", "r1")

        assert returned.member_id == grace.pk
        assert (returned.points, rest.points) == (-40, -50)
        assert Wallet.objects.get(member=grace).available == 0
        assert Lot.objects.get(member=grace).reversed == 90
        assert list(verify.run()) == []

    def test_counts_what_was_spent_before_or_since(
        self, shop: Shop, ada: Member, grace: Member, merged: Callable[[], Merge], cup: Reward
    ):
        shop.sells("r1", "100.00")
        shop.redeems("cup")
        merged()
        shop.later(days=1).sells("r2", "50.00", member=MemberReference("card", "2002"))

        returned = shop.later(days=2).takes_back("b1", "r1")

        # 20 came along, 50 are Grace's own: 30 of the 80 that bought a cup are not there any more.
        assert returned.returned is not None
        (taken,) = returned.returned["taken"]
        assert (taken["points"], taken["written_off"]) == (70, 30)
        assert Wallet.objects.get(member=grace).available == 0
        assert list(verify.run()) == []

    def test_is_taken_from_both_when_they_part_again(
        self, shop: Shop, ada: Member, grace: Member, merges: Callable[[Shop, Member, Member], Merge]
    ):
        shop.sells("r1", "100.00", lines=BASKET)
        merge = merges(shop, ada, grace)
        shop.takes_back("b1", "r1", None, ReturnedLine(id="mug"))
        unmerging.undo(merge, actor="staff:1", at=shop.later(days=1).at)

        returned = shop.later(days=2).takes_back("b2", "r1")

        assert (returned.member_id, returned.points) == (ada.pk, -60)
        assert returned.returned is not None
        assert returned.returned["taken"][0]["written_off"] == 0
        assert list(Wallet.objects.values_list("available", flat=True)) == [0, 0]
        assert list(verify.run()) == []

    def test_gives_points_that_paid_to_who_stands_for_them(
        self, shop: Shop, ada: Member, grace: Member, merged: Callable[[], Merge], pays: Pay
    ):
        shop.sells("r0", "200.00")
        pays(shop, ada, 150, "r1")
        shop.sells("r1", "100.00")
        merged()

        returned = shop.takes_back("b1", "r1")

        assert returned.returned is not None
        assert returned.returned["given_back"][0]["points"] == 150
        assert Wallet.objects.get(member=ada).available == 0
        assert Wallet.objects.get(member=grace).available == 200
        kept = Lot.objects.filter(member=grace, available__gt=0).values_list("earned_at", flat=True)
        assert set(kept) == {shop.at}
        assert list(verify.run()) == []

    def test_of_a_member_merged_twice_reaches_the_last(
        self,
        shop: Shop,
        ada: Member,
        grace: Member,
        merged: Callable[[], Merge],
        merges: Callable[[Shop, Member, Member], Merge],
    ):
        shop.sells("r1", "100.00")
        merged()
        hedy = factories.MemberFactory.create(program=shop.program, first_name="Hedy")
        merges(shop, grace, hedy)

        returned = shop.takes_back("b1", "r1", "60.00")

        assert (returned.member_id, returned.points) == (hedy.pk, -60)
        assert Wallet.objects.get(member=hedy).available == 40
        assert Activity.objects.get(kind="return").facts["owed"] != {}
        assert list(verify.run()) == []
