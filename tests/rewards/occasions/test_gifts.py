"""What campaigns give beside points: written with the sale, told in its answer, never twice."""

from datetime import timedelta
from typing import Any

import pytest

from loyalty.core.models import Event
from members.ledger import verify
from members.models import Member
from members.references import MemberReference
from rewards.journeys import earning
from rewards.models import (
    Activity,
    Badge,
    Challenge,
    ChallengeProgress,
    DrawEntry,
    MemberBadge,
    PrizeDraw,
    Redemption,
    Reward,
    Voucher,
)
from tests import factories
from tests.cast import Shop
from tests.races import at_once
from tests.rewards.occasions.conftest import Listen, read_the_log

pytestmark = pytest.mark.django_db


def told(event_type: str) -> list[dict[str, Any]]:
    return list(Event.objects.filter(type=event_type).order_by("number").values_list("data", flat=True))


@pytest.fixture
def coffee(program, points) -> Reward:
    return factories.RewardFactory.create(program=program, wallet_type=points, key="coffee", stock=2)


@pytest.fixture
def card(program) -> Challenge:
    return Challenge.objects.create(program=program, key="card", name="Coffee card", goal=3)


class TestMessages:
    def test_are_told_at_once_and_at_each_repeat(self, shop: Shop, ada, listen: Listen):
        listen("sale", {"kind": "message", "text": "Thank you!"}, key="thanks")

        first, again = shop.sells("r1", "10.00"), shop.sells("r1", "10.00")

        assert first.messages == again.messages == ("Thank you!",)
        assert again.is_repeat
        assert Activity.objects.get().outcome["gifts"][0]["given"] is True

    def test_are_in_the_answers_to_transactions_and_events(self, till, shop: Shop, ada, listen: Listen):
        listen("sale", {"kind": "message", "text": "Thank you!"}, key="thanks")
        listen("event", {"kind": "message", "text": "Well done!"}, event_type="app.login")
        member = {"kind": "card", "value": "1001"}
        moment = "2026-06-01T12:00:00Z"
        money = {"amount": "5.00", "currency": "EUR"}

        sold = till.post(
            "/v1/transactions",
            {"kind": "sale", "external_id": "r1", "member": member, "occurred_at": moment, "amount": money},
        )
        seen = till.post(
            "/v1/events",
            {
                "kind": "event",
                "external_id": "e1",
                "member": member,
                "occurred_at": moment,
                "type": "app.login",
            },
        )

        assert (sold.status_code, sold.json()["messages"]) == (201, ["Thank you!"])
        assert (seen.status_code, seen.json()["messages"]) == (201, ["Well done!"])
        assert sold.json()["gifts"] == []


class TestSignals:
    def test_are_events_by_the_name_that_the_marketer_chose(self, shop: Shop, ada, listen: Listen):
        listen("sale", {"kind": "webhook", "event_type": "coffee.thanks"}, key="thanks")

        sold = shop.sells("r1", "10.00")
        shop.sells("r1", "10.00")

        assert told("campaign.signal") == [
            {"name": "coffee.thanks", "campaign": "thanks", "activity_id": str(sold.id)}
        ]


class TestRewards:
    def test_come_as_a_voucher_that_costs_nothing(self, shop: Shop, ada: Member, coffee, listen: Listen):
        listen("sale", {"kind": "reward", "reward": "coffee"}, key="treat")

        sold = shop.sells("r1", "10.00")

        voucher = Voucher.objects.select_related("redemption").get()
        assert (voucher.redemption.points, voucher.redemption.activity_id) == (0, sold.id)
        assert sold.gifts[0]["voucher_code"] == voucher.code
        coffee.refresh_from_db()
        assert coffee.stock == 1
        assert told("reward.redeemed")[0]["points"] == 0
        assert list(verify.run()) == []

    def test_are_not_given_when_none_is_left_and_the_sale_goes_on(
        self, shop: Shop, ada, coffee, listen: Listen
    ):
        listen("sale", {"kind": "reward", "reward": "coffee"}, key="treat")

        points = [shop.sells(f"r{number}", "10.00").points for number in range(4)]

        assert points == [10] * 4
        assert Redemption.objects.count() == 2
        last = Activity.objects.get(external_id="r3").outcome["gifts"][0]
        assert (last["given"], last["reason"]) == (False, "reward_sold_out")

    def test_respect_the_stock_in_a_bulk_call(self, shop: Shop, ada, coffee, listen: Listen):
        listen("sale", {"kind": "reward", "reward": "coffee"}, key="treat")
        sales = [shop.sale(f"r{number}", "10.00") for number in range(5)]

        earning.record_many(sales, program=shop.program, source="till", actor="partner:till", at=shop.at)

        coffee.refresh_from_db()
        assert (coffee.stock, Redemption.objects.count()) == (0, 2)

    def test_are_void_when_all_of_the_sale_comes_back(self, shop: Shop, ada, coffee, listen: Listen):
        listen("sale", {"kind": "reward", "reward": "coffee"}, key="treat")
        shop.sells("r1", "10.00")
        shop.takes_back("b1", "r1", "4.00")
        read_the_log()
        assert Voucher.objects.get().status == "issued"

        shop.takes_back("b2", "r1")
        read_the_log()

        assert [event["is_whole"] for event in told("sale.returned")] == [False, True]
        coffee.refresh_from_db()
        assert (Voucher.objects.get().status, Redemption.objects.get().status) == ("void", "cancelled")
        assert coffee.stock == 2
        assert len(told("redemption.cancelled")) == 1

    def test_stay_with_whoever_used_the_voucher(self, shop: Shop, ada, coffee, listen: Listen):
        listen("sale", {"kind": "reward", "reward": "coffee"}, key="treat")
        shop.sells("r1", "10.00")
        Voucher.objects.update(status="used", uses=1)

        shop.takes_back("b1", "r1")
        read_the_log()

        assert (Voucher.objects.get().status, Redemption.objects.get().status) == ("used", "confirmed")


class TestBadges:
    def test_are_earned_once(self, shop: Shop, ada: Member, program, listen: Listen):
        Badge.objects.create(program=program, key="regular", name="Regular")
        listen("sale", {"kind": "badge", "badge": "regular"}, key="badges")

        first = shop.sells("r1", "10.00")
        shop.sells("r2", "10.00")

        assert MemberBadge.objects.get().activity_id == first.id
        assert [event["badge"] for event in told("badge.earned")] == ["regular"]
        assert Activity.objects.get(external_id="r2").outcome["gifts"][0]["reason"] == "badge_earned_before"


class TestChallenges:
    def test_count_up_to_their_goal_once(self, shop: Shop, ada, card, listen: Listen):
        listen("sale", {"kind": "challenge_progress", "challenge": "card", "count": 2}, key="stamps")

        gifts = [shop.sells(f"r{number}", "10.00").gifts for number in range(3)]

        assert [gift["progress"] for found in gifts for gift in found] == [2, 3]
        assert [event["completions"] for event in told("challenge.completed")] == [1]
        assert [event["added"] for event in told("challenge.progressed")] == [2, 1]

    def test_that_repeat_carry_over_what_is_too_much(self, shop: Shop, ada, card, listen: Listen):
        Challenge.objects.update(is_repeatable=True)
        listen("sale", {"kind": "challenge_progress", "challenge": "card", "count": 5}, key="stamps")

        gifts = [shop.sells(f"r{number}", "10.00").gifts[0] for number in range(2)]

        assert [(gift["progress"], gift["completions"]) for gift in gifts] == [(2, 1), (1, 3)]
        assert [event["completions"] for event in told("challenge.completed")] == [1, 2, 3]

    def test_completed_are_an_occasion_of_their_own(self, shop: Shop, ada, card, listen: Listen):
        listen("sale", {"kind": "challenge_progress", "challenge": "card", "count": 3}, key="stamps")
        listen("challenge_completed", challenges=["card"])
        shop.sells("r1", "10.00")

        read_the_log()
        read_the_log()

        assert Activity.objects.get(event_type="challenge.completed").points == 10


class TestDraws:
    @pytest.fixture
    def draw(self, program, noon) -> PrizeDraw:
        return PrizeDraw.objects.create(
            program=program, key="summer", name="Summer", closes_at=noon + timedelta(days=2)
        )

    def test_take_entries_until_they_close(self, shop: Shop, ada: Member, draw, listen: Listen):
        listen("sale", {"kind": "prize_draw_entry", "draw": "summer", "entries": 3}, key="chances")

        shop.sells("r1", "10.00")
        shop.later(days=2).sells("r2", "10.00")

        assert DrawEntry.objects.get().entries == 3
        assert Activity.objects.get(external_id="r2").outcome["gifts"][0]["reason"] == "prize_draw_closed"


class TestQueries:
    def test_are_one_more_for_gifts_that_look_at_something(
        self, shop: Shop, ada, coffee, card, listen: Listen, django_assert_num_queries
    ):
        listen("sale", {"kind": "message", "text": "Hello"}, key="hello")
        listen(
            "event",
            {"kind": "challenge_progress", "challenge": "card", "count": 1},
            {"kind": "reward", "reward": "coffee"},
            event_type="app.login",
        )
        shop.sells("r0", "10.00")
        shop.hears_of("e0", "app.login")
        with django_assert_num_queries(4):  # two of them a savepoint: tests are in a transaction
            shop.sells("r1", "10.00")

        with django_assert_num_queries(5):
            shop.hears_of("e1", "app.login")


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_give_each_piece_badge_and_stamp_once(self, shop: Shop, ada: Member, coffee, listen: Listen):
        Reward.objects.update(stock=5)
        Badge.objects.create(program=shop.program, key="regular", name="Regular")
        Challenge.objects.create(program=shop.program, key="card", name="Card", goal=4, is_repeatable=True)
        listen(
            "event",
            {"kind": "reward", "reward": "coffee"},
            {"kind": "badge", "badge": "regular"},
            {"kind": "challenge_progress", "challenge": "card", "count": 1},
            event_type="app.login",
        )
        cards = [MemberReference(kind="card", value="1001")]
        for number in range(3):
            factories.IdentifierFactory.create(member__program=shop.program, value=f"m{number}")
            cards.append(MemberReference(kind="card", value=f"m{number}"))

        def report(number: int) -> Any:
            from rewards.deciding.activities import CustomEvent

            event = CustomEvent(
                external_id=f"e{number}", occurred_at=shop.at, type="app.login", member=cards[number % 4]
            )
            return earning.record(
                event, program=shop.program, source="till", actor="partner:till", at=shop.at
            ).is_repeat

        results = at_once(12, report)

        coffee.refresh_from_db()
        assert results == [False] * 12
        assert (coffee.stock, Redemption.objects.count(), Voucher.objects.count()) == (0, 5, 5)
        assert MemberBadge.objects.count() == 4
        assert (
            sorted(ChallengeProgress.objects.values_list("number", flat=True)) == [1] * 4 + [2] * 4 + [3] * 4
        )
        assert list(verify.run()) == []
