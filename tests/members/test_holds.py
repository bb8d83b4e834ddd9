from datetime import timedelta

import pytest
import time_machine

from loyalty.core.errors import InvalidInput
from loyalty.core.models import Event, Program
from members import holds, statement, tasks
from members.holds import (
    Held,
    PointsNotSpendable,
    UnknownHold,
    UnknownWalletType,
)
from members.ledger import verify
from members.ledger.operations import InsufficientPoints
from members.models import Entry, Hold, HoldStatus, Lot, Member, Wallet, WalletType
from members.paying import HoldIsClosed, MoreThanHeld
from members.references import MemberIsBlocked, MemberReference, UnknownMember
from tests import factories
from tests.cast import CARD, Shop


@pytest.fixture
def rich(ada: Member, shop: Shop) -> Shop:
    """Ada has 700 points, 300 of them a day older."""
    shop.sells("receipt-1", "300.00")
    shop.later(days=1).sells("receipt-2", "400.00")
    return shop.later(days=2)


def place(shop: Shop, points: int = 500, **more) -> Held:
    given = {"member": CARD, "wallet_type": "points", **more}
    return holds.place(points=points, **given, **shop._where())


def settle(shop: Shop, held: Held, points: int | None = None, **more) -> Held:
    return holds.settle(held.hold.id, points=points, **more, **shop._where())


def release(shop: Shop, held: Held) -> Held:
    return holds.release(held.hold.id, **shop._where())


def wallet() -> tuple[int, int, int]:
    """What is available, held, and was ever spent."""
    found = Wallet.objects.get()
    return found.available, found.held, found.lifetime_spent


def told() -> list[tuple[str, int]]:
    """What partners heard since the sales."""
    events = Event.objects.exclude(type__in=["points.earned", "campaign.started"]).order_by("number")
    return [(event.type, event.data["points"]) for event in events]


class TestPlace:
    def test_reserves_the_points_that_were_earned_first(self, rich: Shop):
        held = place(rich)

        assert (held.hold.status, held.hold.points, held.available) == ("held", 500, 200)
        assert held.hold.expires_at == rich.at + timedelta(minutes=15)
        assert wallet() == (200, 500, 0)
        assert list(Lot.objects.order_by("earned_at").values_list("held", flat=True)) == [300, 200]
        assert told() == [("points.held", 500)]
        assert list(verify.run()) == []

    def test_leaves_nothing_to_spend_of_what_is_held(self, rich: Shop):
        place(rich)

        with pytest.raises(InsufficientPoints, match="has 200 points, not 201"):
            place(rich, 201)

        assert Hold.objects.count() == 1

    def test_refuses_points_whose_time_is_over(self, rich: Shop):
        Lot.objects.filter(points=300).update(expires_at=rich.at)

        with pytest.raises(InsufficientPoints, match="has 400 points, not 500"):
            place(rich)

    def test_takes_two_statements(self, rich: Shop, django_assert_num_queries):
        place(rich, 1)

        # In a test, each statement that may be refused has a savepoint around it.
        with django_assert_num_queries(4):
            place(rich, 1)

    def test_refuses_a_kind_of_points_that_is_not_there_or_not_for_spending(self, rich: Shop, program):
        factories.WalletTypeFactory.create(program=program, key="status", is_spendable=False)
        program.refresh_from_db()

        with pytest.raises(UnknownWalletType):
            place(rich, wallet_type="gold")
        with pytest.raises(PointsNotSpendable):
            place(Shop(program=program, at=rich.at), wallet_type="status")

        assert not Hold.objects.exists()

    def test_refuses_whoever_is_blocked_or_not_known(self, rich: Shop, ada: Member):
        with pytest.raises(UnknownMember):
            place(rich, member=MemberReference(kind="card", value="9999"))
        Member.objects.filter(pk=ada.pk).update(status="blocked")

        with pytest.raises(MemberIsBlocked):
            place(rich)

    def test_knows_no_points_of_a_kind_that_is_younger_than_the_membership(self, ada, shop: Shop):
        with pytest.raises(InsufficientPoints):
            place(shop, 1)


class TestSettle:
    def test_spends_the_whole_hold(self, rich: Shop):
        held = place(rich)

        settled = settle(
            rich.later(minutes=5), held, sale_external_id="receipt-3", lines={"1": 400, "2": 100}
        )

        assert (settled.hold.status, settled.hold.settled, settled.available) == ("settled", 500, 200)
        hold = Hold.objects.get()
        assert (hold.paid_source, hold.paid_external_id) == ("till", "receipt-3")
        assert hold.paid_lines == {"1": 400, "2": 100}
        assert hold.closed_at == rich.at + timedelta(minutes=5)
        assert wallet() == (200, 0, 500)
        assert told() == [("points.held", 500), ("points.spent", 500)]
        assert list(verify.run()) == []

    def test_spends_a_part_and_releases_the_rest(self, rich: Shop):
        held = place(rich)

        settled = settle(rich, held, 350)

        assert (settled.hold.settled, settled.available) == (350, 350)
        assert wallet() == (350, 0, 350)
        # From the older lot before the younger one, as if they had been spent at once.
        assert list(Lot.objects.order_by("earned_at").values_list("redeemed", flat=True)) == [300, 50]
        assert told() == [("points.held", 500), ("points.spent", 350), ("points.released", 150)]
        assert list(verify.run()) == []

    def test_answers_a_repeat_with_the_first_result(self, rich: Shop):
        held = place(rich)
        first = settle(rich, held, 350, sale_external_id="receipt-3")

        again = settle(rich.later(hours=2), held, 350, sale_external_id="receipt-3")

        assert again.hold == first.hold
        assert Entry.objects.filter(kind="settle").count() == 1

    @pytest.mark.parametrize(
        "other", [{"points": 349}, {"points": 350, "sale_external_id": "receipt-4"}, {"points": None}]
    )
    def test_refuses_to_be_settled_in_another_way(self, rich: Shop, other):
        held = place(rich)
        settle(rich, held, 350, sale_external_id="receipt-3")

        with pytest.raises(HoldIsClosed, match="settled already, with 350") as refused:
            settle(rich, held, **other)

        assert refused.value.extra == {"ended": "settled", "settled": 350}
        assert wallet() == (350, 0, 350)

    def test_refuses_more_than_was_held(self, rich: Shop):
        held = place(rich)

        with pytest.raises(MoreThanHeld, match="has 500 points, not 501"):
            settle(rich, held, 501)

        assert wallet() == (200, 500, 0)

    @pytest.mark.parametrize("seconds", [0, 1, 86400])
    def test_refuses_an_overdue_hold_even_before_the_job_came_by(self, rich: Shop, seconds: int):
        held = place(rich)

        with pytest.raises(HoldIsClosed) as refused:
            settle(rich.later(minutes=15, seconds=seconds), held)

        assert refused.value.extra["ended"] == "expired"
        assert wallet() == (200, 500, 0)

    def test_goes_until_the_last_moment(self, rich: Shop):
        held = place(rich)

        assert settle(rich.later(minutes=14, seconds=59), held).hold.settled == 500

    def test_refuses_a_blocked_member(self, rich: Shop):
        held = place(rich)
        Member.objects.update(status="blocked")

        with pytest.raises(MemberIsBlocked):
            settle(rich, held)

        assert release(rich, held).hold.status == "released"

    @pytest.mark.parametrize(
        ("lines", "sale", "pointer"),
        [
            ({"1": 100}, "receipt-3", "#/lines"),
            ({"1": 600, "2": -100}, "receipt-3", "#/lines"),
            ({"1": 500}, "", "#/sale_external_id"),
        ],
    )
    def test_refuses_lines_that_do_not_add_up(self, rich: Shop, lines, sale, pointer):
        held = place(rich)

        with pytest.raises(InvalidInput) as refused:
            settle(rich, held, sale_external_id=sale, lines=lines)

        assert refused.value.pointer == pointer
        assert wallet() == (200, 500, 0)

    def test_knows_no_hold_of_another_program(self, rich: Shop):
        held = place(rich)
        elsewhere = Shop(program=factories.ProgramFactory.create(), at=rich.at)

        for end in (settle, release):
            with pytest.raises(UnknownHold):
                end(elsewhere, held)

    def test_takes_two_statements(self, rich: Shop, django_assert_num_queries):
        settle(rich, place(rich, 10), 5)
        held = place(rich, 10)

        with django_assert_num_queries(4):
            settle(rich, held, 5)


class TestRelease:
    def test_gives_everything_back_to_where_it_came_from(self, rich: Shop):
        before = list(Lot.objects.order_by("pk").values())
        held = place(rich)

        released = release(rich, held)

        assert (released.hold.status, released.available) == ("released", 700)
        assert wallet() == (700, 0, 0)
        assert list(Lot.objects.order_by("pk").values()) == before
        assert told() == [("points.held", 500), ("points.released", 500)]
        assert list(verify.run()) == []

    def test_can_be_said_twice(self, rich: Shop):
        held = place(rich)
        first = release(rich, held)

        assert release(rich.later(hours=2), held).hold == first.hold
        assert Entry.objects.filter(kind="release").count() == 1

    def test_refuses_what_is_spent(self, rich: Shop):
        held = place(rich)
        settle(rich, held, 350)

        with pytest.raises(HoldIsClosed, match="settled already"):
            release(rich, held)

        with pytest.raises(HoldIsClosed, match="settled already"):
            settle(rich, held)

    def test_of_an_overdue_hold_says_that_it_expired(self, rich: Shop):
        held = place(rich)

        released = release(rich.later(minutes=16), held)

        assert (released.hold.status, released.available) == ("expired", 700)

    def test_lets_go_what_has_expired_meanwhile(self, rich: Shop, ada: Member):
        held = place(rich)
        Lot.objects.filter(points=300).update(expires_at=rich.at + timedelta(minutes=5))

        released = release(rich.later(minutes=10), held)

        assert released.available == 400
        assert wallet() == (400, 0, 0)
        assert told() == [("points.held", 500), ("points.released", 500), ("points.expired", 300)]
        of = statement.period(Wallet.objects.select_related("type").get(), rich.at, None)
        assert [line.kind for line in statement.lines(of)] == ["hold", "release", "expire"]

    def test_keeps_what_is_over_where_only_a_run_may_take_it(self, rich: Shop, points: WalletType):
        points.expiry_is_on_hold = True
        points.save()
        rich.program.refresh_from_db()
        held = place(rich)
        Lot.objects.filter(points=300).update(expires_at=rich.at + timedelta(minutes=5))

        assert release(rich.later(minutes=10), held).available == 700

    def test_pays_what_the_member_owes(self, rich: Shop, points: WalletType):
        points.return_policy = "debt"
        points.save()
        rich.program.refresh_from_db()
        held = place(rich, 700)
        rich.takes_back("return-1", "receipt-2")
        assert (Wallet.objects.get().available, Wallet.objects.get().debt) == (0, 400)

        release(rich, held)

        assert (Wallet.objects.get().available, Wallet.objects.get().debt) == (300, 0)
        assert list(verify.run()) == []


class TestSpend:
    def test_takes_the_points_at_once_and_remembers_for_what(self, rich: Shop):
        spent = holds.spend(
            member=CARD, wallet_type="points", points=350, sale_external_id="receipt-3", **rich._where()
        )

        assert (spent.hold.status, spent.hold.settled, spent.available) == ("settled", 350, 350)
        assert Hold.objects.get().paid_external_id == "receipt-3"
        assert wallet() == (350, 0, 350)
        assert told() == [("points.spent", 350)]
        assert list(verify.run()) == []

    def test_refuses_more_than_there_is(self, rich: Shop):
        with pytest.raises(InsufficientPoints):
            holds.spend(member=CARD, wallet_type="points", points=701, **rich._where())

        assert not Hold.objects.exists()


class TestExpireOverdue:
    def test_gives_the_points_of_overdue_holds_free_and_leaves_the_others(self, rich: Shop):
        first, second = place(rich, 100), place(rich, 200)
        place(rich, 50, lives_for=timedelta(hours=1))

        ended = list(holds.expire_overdue(rich.program, at=rich.at + timedelta(minutes=15)))

        assert ended == [2]
        assert {hold.pk for hold in Hold.objects.filter(status="expired")} == {first.hold.id, second.hold.id}
        assert wallet() == (650, 50, 0)
        assert list(verify.run()) == []

    def test_says_in_the_statement_that_the_reservation_ran_out(self, rich: Shop):
        place(rich, 100)
        list(holds.expire_overdue(rich.program, at=rich.at + timedelta(minutes=15)))

        of = statement.period(Wallet.objects.select_related("type").get(), rich.at, None)

        assert [line.what for line in statement.lines(of)] == [
            "Reserved for a purchase",
            "A reservation ran out",
        ]

    def test_goes_on_in_chunks_until_nothing_is_overdue(
        self, rich: Shop, program: Program, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(holds, "CHUNK", 2)
        cards = [f"m{number}" for number in range(5)]
        for card in cards:
            factories.IdentifierFactory.create(member__program=program, value=card)
            rich.sells(f"receipt-{card}", "10.00", member=MemberReference("card", card))
            place(rich, 10, member=MemberReference("card", card))

        ended = list(holds.expire_overdue(rich.program, at=rich.at + timedelta(minutes=15)))

        assert sum(ended) == 5
        assert len(ended) == 3
        assert not Hold.objects.open().exists()
        assert list(holds.expire_overdue(rich.program, at=rich.at + timedelta(minutes=15))) == []

    def test_is_done_by_the_task_for_every_program_by_its_own_clock(self, rich: Shop, program: Program):
        place(rich, 100)
        Program.objects.filter(pk=program.pk).update(kind="sandbox", clock_offset=timedelta(hours=1))

        with time_machine.travel(rich.at + timedelta(minutes=1), tick=False):
            tasks.expire_holds()

        assert Hold.objects.get().closed_at == rich.at + timedelta(hours=1, minutes=1)

    def test_leaves_other_programs_alone(self, rich: Shop):
        place(rich, 100)
        elsewhere = factories.ProgramFactory.create()

        assert list(holds.expire_overdue(elsewhere, at=rich.at + timedelta(days=1))) == []
        assert Hold.objects.get().status == HoldStatus.HELD
