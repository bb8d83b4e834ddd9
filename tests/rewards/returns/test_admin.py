"""What support sees of returns."""

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.core.models import Role
from members.models import Member, WalletType
from rewards.deciding.activities import ReturnedLine
from rewards.models import Activity, WaitingReturn
from tests import factories
from tests.cast import Shop, line
from tests.clients import staff
from tests.rewards.returns.conftest import Pay

BASKET = (line("coffee", "60.00", quantity="3", name="Coffee beans"), line("mug", "40.00", name="Mug"))


@pytest.fixture
def support(shop: Shop) -> Client:
    return staff(shop.program, Role.SUPPORT)


def text_of(client: Client, activity: Activity) -> str:
    page = client.get(reverse("admin:rewards_activity_change", args=[activity.pk]))
    assert page.status_code == 200
    return " ".join(page.content.decode().split())


class TestReturnPage:
    def test_says_what_was_taken_for_what_and_what_was_given_back(
        self, support: Client, shop: Shop, ada: Member, points: WalletType, pays: Pay
    ):
        factories.RewardFactory.create(program=shop.program, wallet_type=points, key="cup", price=100)
        shop.sells("r0", "200.00")
        pays(shop, ada, 30, "r1")
        shop.sells("r1", "100.00", lines=BASKET)
        for _ in range(2):
            shop.redeems("cup")
        shop.takes_back("b1", "r1")

        text = text_of(support, Activity.objects.get(kind="return"))

        # 70 are left and 30 come back: all 100 are there.
        assert "Points taken back" in text
        assert "of 100 that the returned goods had given" in text
        assert "A point for each euro" in text
        assert "+30" in text
        assert "written off" not in text

    @pytest.mark.parametrize(
        ("policy", "words"), [("within_balance", "are written off"), ("debt", "the next points pay for them")]
    )
    def test_says_what_became_of_points_that_were_spent(
        self, support: Client, shop: Shop, ada: Member, points: WalletType, policy: str, words: str
    ):
        points.return_policy = policy
        points.save()
        shop.program.refresh_from_db()
        factories.RewardFactory.create(program=shop.program, wallet_type=points, key="cup", price=80)
        shop.sells("r1", "100.00")
        shop.redeems("cup")
        shop.takes_back("b1", "r1")

        assert words in text_of(support, Activity.objects.get(kind="return"))

    def test_shows_the_lines_that_came_back(self, support: Client, shop: Shop, ada: Member):
        shop.sells("r1", "100.00", lines=BASKET)
        shop.takes_back("b1", "r1", None, ReturnedLine(id="coffee", quantity="2"))

        text = text_of(support, Activity.objects.get(kind="return"))

        assert "Coffee beans" in text
        assert "40.00" in text
        assert "Mug" not in text


class TestSalePage:
    def test_lists_its_returns(self, support: Client, shop: Shop, ada: Member):
        shop.sells("r1", "100.00", lines=BASKET)
        assert "Nothing came back of it" in text_of(support, Activity.objects.get())
        shop.takes_back("b1", "r1", "10.00")
        shop.takes_back("b2", "r1", "20.00")

        text = text_of(support, Activity.objects.get(kind="sale"))

        for returned in Activity.objects.filter(kind="return"):
            assert reverse("admin:rewards_activity_change", args=[returned.pk]) in text


class TestWaitingReturns:
    @pytest.fixture(autouse=True)
    def _partner(self, shop: Shop) -> None:
        factories.PartnerFactory.create(program=shop.program, key="till")

    def test_are_found_by_their_number_and_by_the_sales(self, support: Client, shop: Shop, ada: Member):
        shop.hears_of_return("b1", "r1", "10.00")
        shop.hears_of_return("b2", "r2")
        address = reverse("admin:rewards_waitingreturn_changelist")

        for term, found in (("b1", "b1"), ("r2", "b2")):
            text = support.get(address, {"q": term}).content.decode()
            pages = {
                one.external_id: reverse("admin:rewards_waitingreturn_change", args=[one.pk])
                for one in WaitingReturn.objects.all()
            }
            assert {number for number, page in pages.items() if page in text} == {found}

    def test_say_why_they_were_refused_or_what_they_became(self, support: Client, shop: Shop, ada: Member):
        shop.hears_of_return("b1", "r1", None, ReturnedLine(id="9"))
        shop.hears_of_return("b2", "r1", "10.00")
        shop.sells("r1", "100.00", lines=BASKET)
        refused, applied = WaitingReturn.objects.order_by("pk")

        of_refused = support.get(reverse("admin:rewards_waitingreturn_change", args=[refused.pk]))
        of_applied = support.get(reverse("admin:rewards_waitingreturn_change", args=[applied.pk]))

        assert "The sale was reported without a line “9”." in of_refused.content.decode()
        page = reverse("admin:rewards_activity_change", args=[applied.activity_id])
        assert page in of_applied.content.decode()

    def test_are_offered_no_change(self, support: Client, shop: Shop):
        shop.hears_of_return("b1", "r1")
        page = reverse("admin:rewards_waitingreturn_change", args=[WaitingReturn.objects.get().pk])

        answer = support.post(page, {"status": "applied"})

        assert answer.status_code == 403
        assert WaitingReturn.objects.get().status == "waiting"
