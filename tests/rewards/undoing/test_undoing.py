from typing import Any

import pytest

from loyalty.core.models import Event
from members import merging
from members.ledger import verify
from members.models import Member, MemberTier, Wallet
from members.references import MemberReference, UnknownMember
from rewards.books import checking
from rewards.deciding.recorded import AlreadyReported, Recorded
from rewards.journeys.returning import SaleIsUndone
from rewards.journeys.undoing import SaleHasReturns
from rewards.models import (
    Activity,
    BudgetSlot,
    CampaignBudget,
    CampaignCount,
    CampaignDay,
    Challenge,
    ChallengeProgress,
    Redemption,
    Undoing,
    Voucher,
)
from rewards.performance import days
from tests import factories
from tests.cast import Shop, line
from tests.races import at_once
from tests.rewards.occasions.conftest import read_the_log
from tests.rewards.returns.conftest import Pay, pays
from tests.rewards.undoing.conftest import Desk, Publish

__all__ = ["pays"]

pytestmark = pytest.mark.django_db
FIFTY = {"kind": "fixed_points", "wallet_type": "points", "points": 50}


def available(member: Member) -> int:
    return Wallet.objects.get(member=member).available


def faults(shop: Shop) -> list[str]:
    """What the nightly check finds, and the ledger's own."""
    check, _ = checking.ask(shop.program, actor="system:test")
    return [*(fault.detail for fault in checking.carry_out(check)), *(str(one) for one in verify.run())]


def nothing_else_happened(shop: Shop) -> bool:
    return Activity.objects.count() == 1 and not Undoing.objects.exists()


class TestCancel:
    def test_takes_back_all_that_the_sale_gave(self, shop: Shop, ada: Member, desk: Desk):
        sale = shop.sells("r1", "1200.00")

        desk.cancels(sale, reason="Training")

        assert available(ada) == 0
        assert MemberTier.objects.get(member=ada).progress == 0
        undoing = Undoing.objects.get()
        assert (undoing.sale.kind, undoing.undo.kind, undoing.reason) == ("undone", "undo", "Training")
        assert Event.objects.get(type="sale.cancelled").data["sale_id"] == str(sale.id)
        assert not Event.objects.filter(type="sale.returned").exists()
        assert faults(shop) == []

    def test_can_be_asked_for_again(self, shop: Shop, ada: Member, desk: Desk):
        sale = shop.sells("r1", "100.00")

        desk.cancels(sale)
        desk.cancels(sale)

        assert Undoing.objects.count() == 1
        assert available(ada) == 0

    def test_keeps_the_number_of_the_receipt_taken(self, shop: Shop, ada: Member, desk: Desk):
        sale = shop.sells("r1", "100.00")
        desk.cancels(sale)

        again = shop.sells("r1", "100.00")

        assert (again.is_repeat, again.id, again.kind) == (True, sale.id, "sale")
        with pytest.raises(AlreadyReported):
            shop.sells("r1", "90.00")
        assert available(ada) == 0

    def test_gives_back_what_limits_counted(self, shop: Shop, ada: Member, desk: Desk, publish: Publish):
        limits = {"per_member": [{"times": 1, "per": "day"}], "in_all": [{"points": 50}, {"times": 1}]}
        publish("spring", FIFTY, limits=limits)
        sale = shop.sells("r1", "10.00")
        assert shop.sells("r2", "10.00").points == 10

        desk.cancels(sale)

        shop.program.refresh_from_db()
        assert {slot.used for slot in BudgetSlot.objects.all()} == {0}
        assert CampaignCount.objects.get().times == 0
        assert not CampaignBudget.objects.filter(is_empty=True).exists()
        assert shop.sells("r3", "10.00").points == 60
        assert faults(shop) == []

    def test_is_no_purchase_any_more(self, shop: Shop, ada: Member, desk: Desk, publish: Publish):
        first = {"all": [{"fact": "history.is_first_purchase", "operator": "eq", "value": True}]}
        publish("welcome", FIFTY, conditions=first)
        sale = shop.sells("r1", "10.00")
        assert sale.points == 60

        desk.cancels(sale)

        assert shop.later(minutes=5).sells("r2", "10.00").points == 60

    def test_gives_back_the_points_that_paid(self, shop: Shop, ada: Member, desk: Desk, pays: Pay):
        shop.later(days=-1).sells("r0", "100.00")
        sale = shop.sells("r1", "50.00")
        pays(shop, ada, 80, "r1")

        desk.cancels(sale)

        assert available(ada) == 100
        assert faults(shop) == []

    def test_voids_the_voucher_that_it_gave(self, shop: Shop, ada: Member, desk: Desk, publish, points):
        factories.RewardFactory.create(program=shop.program, key="coffee", stock=3, wallet_type=points)
        publish("gift", {"kind": "reward", "reward": "coffee"})
        sale = shop.sells("r1", "50.00")

        desk.cancels(sale)
        read_the_log()

        assert Voucher.objects.get().status == "void"
        assert Redemption.objects.get().reward.stock == 3

    def test_leaves_no_trace_in_what_campaigns_gave(self, shop: Shop, ada, desk: Desk, publish: Publish):
        publish("spring", FIFTY)
        sale = shop.sells("r1", "10.00")
        days.count(shop.program)
        assert CampaignDay.objects.filter(campaign__key="spring").exists()

        desk.cancels(sale)
        days.count(shop.program)

        assert not CampaignDay.objects.exists()

    def test_is_refused_once_goods_came_back(self, shop: Shop, ada: Member, desk: Desk):
        sale = shop.sells("r1", "100.00")
        shop.later(minutes=5).takes_back("b1", "r1", "40.00")

        with pytest.raises(SaleHasReturns):
            desk.cancels(sale)

        assert available(ada) == 60
        assert not Undoing.objects.exists()

    def test_leaves_nothing_to_return(self, shop: Shop, ada: Member, desk: Desk):
        desk.cancels(shop.sells("r1", "100.00"))

        with pytest.raises(SaleIsUndone, match="cancelled"):
            shop.later(hours=2).takes_back("b1", "r1", "40.00")

    def test_of_a_merged_member_takes_from_the_survivor(self, shop: Shop, ada, desk: Desk, grace):
        sale = shop.sells("r1", "100.00")
        survivor = Member.objects.exclude(pk=ada.pk).get()
        merging.merge(survivor=survivor, duplicate=ada, actor="staff:1", at=shop.at)

        desk.cancels(sale)

        assert available(survivor) == 0
        assert faults(shop) == []


class TestCorrect:
    def test_puts_another_sale_in_its_place(self, shop: Shop, ada: Member, desk: Desk):
        sale = shop.sells("r1", "100.00")

        corrected = desk.corrects(sale, "10.00", store="mitte")

        assert (corrected.points, corrected.occurred_at) == (10, sale.occurred_at)
        assert corrected.wallets[0]["available"] == available(ada) == 10
        undoing = Undoing.objects.get()
        assert (undoing.sale_id, undoing.replacement_id) == (sale.id, corrected.id)
        assert faults(shop) == []

    def test_counts_as_one_purchase(self, shop: Shop, ada: Member, desk: Desk, publish: Publish):
        first = {"all": [{"fact": "history.is_first_purchase", "operator": "eq", "value": True}]}
        publish("welcome", FIFTY, conditions=first)
        sale = shop.sells("r1", "10.00")

        corrected = desk.corrects(sale, "20.00")

        assert (sale.points, corrected.points) == (60, 70)
        assert available(ada) == 70

    def test_goes_by_the_rules_of_when_it_happened(self, shop: Shop, ada, desk: Desk, publish: Publish):
        publish("spring", FIFTY, minutes=30)
        sale = shop.sells("r1", "10.00")
        assert shop.later(minutes=40).sells("r2", "10.00").points == 60

        corrected = desk.corrects(sale, "11.00")

        assert corrected.points == 11

    def test_is_within_limits_that_the_mistake_had_used_up(
        self, shop: Shop, ada: Member, desk: Desk, publish: Publish
    ):
        limits = {"per_member": [{"times": 1, "per": "day"}], "in_all": [{"points": 50}]}
        publish("spring", FIFTY, limits=limits)
        sale = shop.sells("r1", "10.00")

        corrected = desk.corrects(sale, "20.00")

        assert corrected.points == 70
        assert faults(shop) == []

    def test_moves_the_sale_to_whoever_made_it(
        self, shop: Shop, ada: Member, desk: Desk, grace: MemberReference
    ):
        sale = shop.sells("r1", "100.00")

        corrected = desk.corrects(sale, "100.00", member=grace)

        assert (available(ada), available(Member.objects.get(pk=corrected.member_id))) == (0, 100)
        assert faults(shop) == []

    def test_passes_gifts_on_and_gives_none_twice(self, shop: Shop, ada, desk: Desk, publish, points):
        factories.RewardFactory.create(program=shop.program, key="coffee", stock=3, wallet_type=points)
        Challenge.objects.create(program=shop.program, key="card", name="Card", goal=10)
        publish("gift", {"kind": "reward", "reward": "coffee"})
        publish("stamp", {"kind": "challenge_progress", "challenge": "card", "count": 1})
        sale = shop.sells("r1", "50.00")

        corrected = desk.corrects(sale, "60.00")
        read_the_log()

        assert corrected.gifts == sale.gifts
        assert Voucher.objects.get().status == "issued"
        assert ChallengeProgress.objects.count() == 1

        shop.later(hours=2).takes_back("b1", "r1")
        read_the_log()
        assert Voucher.objects.get().status == "void"

    def test_voids_what_the_right_sale_does_not_give(self, shop: Shop, ada, desk: Desk, publish, points):
        factories.RewardFactory.create(program=shop.program, key="coffee", stock=3, wallet_type=points)
        fifty = {"all": [{"fact": "sale.amount", "operator": "gte", "value": "50.00"}]}
        publish("gift", {"kind": "reward", "reward": "coffee"}, conditions=fifty)
        sale = shop.sells("r1", "500.00")

        corrected = desk.corrects(sale, "5.00")
        read_the_log()

        assert corrected.gifts == ()
        assert Voucher.objects.get().status == "void"

    def test_keeps_points_as_payment(self, shop: Shop, ada: Member, desk: Desk, pays: Pay):
        shop.later(days=-1).sells("r0", "100.00")
        sale = shop.sells("r1", "50.00")
        pays(shop, ada, 80, "r1")

        desk.corrects(sale, "60.00")
        assert available(ada) == 80

        shop.later(hours=2).takes_back("b1", "r1")
        assert available(ada) == 100
        assert faults(shop) == []

    def test_answers_for_the_number_of_the_mistake(self, shop: Shop, ada: Member, desk: Desk):
        sale = shop.sells("r1", "100.00", lines=(line("1", "100.00"),))
        second = desk.corrects(sale, "50.00", "r2", lines=(line("1", "50.00"),))
        desk.corrects(second, "40.00", "r3", lines=(line("1", "30.00"), line("2", "10.00")))

        back = shop.later(hours=2).takes_back("b1", "r1", "10.00")

        assert back.points == -10
        assert back.returned is not None
        assert back.returned["sale_id"] == str(Activity.objects.get(external_id="r3", kind="sale").pk)
        assert available(ada) == 30
        assert faults(shop) == []

    def test_is_the_same_when_it_is_repeated(self, shop: Shop, ada: Member, desk: Desk):
        sale = shop.sells("r1", "100.00")

        first, again = desk.corrects(sale, "10.00"), desk.corrects(sale, "10.00")

        assert (first.id, first.points, first.awards) == (again.id, again.points, again.awards)
        with pytest.raises(SaleIsUndone, match="r1-corrected stands in its place"):
            desk.corrects(sale, "12.00")
        with pytest.raises(SaleIsUndone):
            desk.cancels(sale)
        assert available(ada) == 10

    @pytest.mark.parametrize(
        ("content", "refusal"),
        [
            ({"external_id": "r1"}, AlreadyReported),
            ({"member": MemberReference("card", "9999")}, UnknownMember),
        ],
    )
    def test_changes_nothing_if_it_is_refused(
        self, shop: Shop, ada: Member, desk: Desk, content: dict[str, Any], refusal: type[Exception]
    ):
        sale = shop.sells("r1", "100.00")

        with pytest.raises(refusal):
            desk.corrects(sale, "10.00", **content)

        assert available(ada) == 100
        assert Activity.objects.get(pk=sale.id).kind == "sale"
        assert nothing_else_happened(shop)


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_one_of_two_corrections_wins(self, shop: Shop, ada: Member, desk: Desk):
        sale = shop.sells("r1", "100.00")

        results = at_once(2, lambda client: desk.corrects(sale, f"{client + 1}0.00", f"right-{client}"))

        (won,) = [result for result in results if isinstance(result, Recorded)]
        assert "transaction_undone" in results
        assert available(ada) == won.points
        assert Undoing.objects.count() == 1

    def test_a_return_and_a_cancellation_take_points_once(self, shop: Shop, ada: Member, desk: Desk):
        sale = shop.sells("r1", "100.00")

        def put_right(client: int) -> None:
            if client:
                desk.cancels(sale)
            else:
                shop.later(minutes=5).hears_of_return("b1", "r1", "100.00")

        at_once(2, put_right)

        assert available(ada) == 0
        assert Activity.objects.filter(kind__in=["return", "undo"]).count() == 1
        assert faults(shop) == []
