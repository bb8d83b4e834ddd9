import pytest

from loyalty.core.errors import InvalidInput
from members import expiry
from members.ledger import verify
from members.models import Entry, Lot, Member, MemberTier, Wallet, WalletType
from rewards.deciding.recorded import AlreadyReported
from rewards.journeys.returning import ReturnedTooMuch, Waits
from rewards.models import Activity, Reward
from rewards.planning import campaigns
from tests import factories
from tests.cast import Shop


@pytest.fixture
def coffee(shop: Shop, points) -> Reward:
    return factories.RewardFactory.create(program=shop.program, wallet_type=points, key="coffee", price=80)


class TestRecord:
    def test_takes_back_what_the_whole_sale_gave(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "99.50")

        returned = shop.takes_back("return-1", "receipt-1")

        assert returned.points == -99
        assert Wallet.objects.get(member=ada).available == 0
        assert Lot.objects.get().reversed == 99
        assert list(verify.run()) == []

    @pytest.mark.parametrize(
        "parts", [("33.33", "33.33", "33.34"), ("0.01", "99.98", "0.01"), ("50.00", "50.00")]
    )
    def test_several_partial_returns_end_exactly_at_the_whole(self, shop: Shop, ada: Member, parts):
        shop.sells("receipt-1", "100.00")

        for number, amount in enumerate(parts):
            shop.takes_back(f"return-{number}", "receipt-1", amount)

        assert Wallet.objects.get(member=ada).available == 0
        assert Activity.objects.get(kind="sale").returned_amount == 100
        assert list(verify.run()) == []

    def test_refuses_to_take_back_more_than_was_sold(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")
        shop.takes_back("return-1", "receipt-1", "60.00")

        with pytest.raises(ReturnedTooMuch, match=r"40\.00 EUR can still come back"):
            shop.takes_back("return-2", "receipt-1", "40.01")

        assert Wallet.objects.get(member=ada).available == 40

    def test_refuses_a_second_whole_return(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")
        shop.takes_back("return-1", "receipt-1")

        with pytest.raises(ReturnedTooMuch):
            shop.takes_back("return-2", "receipt-1")

    def test_writes_off_what_was_spent_meanwhile_and_says_so(self, shop: Shop, ada: Member, coffee: Reward):
        shop.sells("receipt-1", "100.00")
        shop.redeems("coffee")

        returned = shop.takes_back("return-1", "receipt-1")

        entry = Entry.objects.get(kind="reverse")
        assert returned.points == -20
        assert entry.reason == "written_off:80"
        assert Wallet.objects.get(member=ada).available == 0
        assert list(verify.run()) == []

    def test_lowers_the_progress_and_leaves_the_tier(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "1200.00")

        returned = shop.takes_back("return-1", "receipt-1", "600.00")

        assert returned.tier == "silver"
        assert MemberTier.objects.get(member=ada).progress == 600

    def test_answers_a_repeat_with_the_first_result(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")
        first = shop.takes_back("return-1", "receipt-1", "60.00")

        again = shop.takes_back("return-1", "receipt-1", "60.00")

        assert (again.id, again.points, again.is_repeat) == (first.id, -60, True)
        assert Wallet.objects.get(member=ada).available == 40

    def test_refuses_a_repeat_with_another_amount(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")
        shop.takes_back("return-1", "receipt-1", "60.00")

        with pytest.raises(AlreadyReported):
            shop.takes_back("return-1", "receipt-1", "10.00")

    def test_knows_only_sales_of_the_same_partner(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")

        answer = Shop(program=shop.program, at=shop.at, source="web").hears_of_return("b1", "receipt-1")

        assert isinstance(answer, Waits)
        assert Wallet.objects.get(member=ada).available == 100

    def test_refuses_a_return_from_before_the_sale(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")

        with pytest.raises(InvalidInput):
            shop.later(days=-1).takes_back("return-1", "receipt-1")

    def test_takes_back_once_what_cost_nothing(self, shop: Shop, ada: Member):
        campaigns.publish(
            factories.CampaignFactory.create(program=shop.program, key="gift"),
            definition=factories.definition({"kind": "fixed_points", "points": 100}),
            by=None,
            at=shop.at,
        )
        shop.program.refresh_from_db()
        shop.sells("free", "0.00")
        shop.sells("receipt-1", "300.00")

        assert shop.takes_back("return-1", "free").points == -100
        with pytest.raises(ReturnedTooMuch):
            shop.takes_back("return-2", "free")
        assert Wallet.objects.get(member=ada).available == 400

    def test_refuses_a_return_of_nothing(self, shop: Shop, ada: Member):
        shop.sells("receipt-1", "100.00")

        with pytest.raises(InvalidInput) as refusal:
            shop.takes_back("return-1", "receipt-1", "0.00")

        assert refusal.value.pointer == "#/amount/amount"

    def test_takes_no_other_points_for_those_that_have_expired(
        self, shop: Shop, ada: Member, points: WalletType
    ):
        points.expiry_rule, points.expires_after = "days", 30
        points.save()
        shop.program.refresh_from_db()
        shop.sells("receipt-1", "100.00")
        later = shop.later(days=40)
        list(expiry.run(shop.program, at=later.at))
        later.sells("receipt-2", "80.00")

        returned = later.takes_back("return-1", "receipt-1")

        assert returned.points == 0
        assert Wallet.objects.get(member=ada).available == 80

    def test_says_what_is_written_off_even_if_nothing_can_be_taken(
        self, shop: Shop, ada: Member, coffee: Reward
    ):
        shop.sells("receipt-1", "80.00")
        shop.redeems("coffee")

        returned = shop.takes_back("return-1", "receipt-1")

        assert returned.points == 0
        assert returned.awards[0]["reason"].endswith("; 80 points were spent and are written off")
