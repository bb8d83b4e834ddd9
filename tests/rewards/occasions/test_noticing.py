"""What happens to members is an occasion once, however often the event log is read."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction

from integrations import consumers, tasks
from integrations.models import Consumer
from loyalty.core.models import Event, Program
from members import details, enrolment
from members.ledger import verify
from members.models import Identifier, Member, Wallet
from rewards.happenings import noticing, occasions, referrals
from rewards.models import Activity, Referral
from tests import factories
from tests.cast import Shop
from tests.races import at_once
from tests.rewards.occasions.conftest import Listen, read_the_log

pytestmark = pytest.mark.django_db


def booked(event_type: str) -> list[Activity]:
    return list(Activity.objects.filter(event_type=event_type).order_by("pk"))


def enrol(program: Program, card: str, at, **more: Any) -> Member:
    identifiers = [("card", card), *more.pop("identifiers", ())]
    return enrolment.enrol(program=program, identifiers=identifiers, at=at, actor="partner:till", **more)


class TestRegistrations:
    def test_are_rewarded_once(self, program, listen: Listen, noon):
        listen("member_registered")
        grace = enrol(program, "7", noon)

        read_the_log()
        read_the_log()

        assert Wallet.objects.get(member=grace).available == 10
        assert [one.external_id for one in booked("member.registered")] == [f"registered:{grace.pk}"]

    def test_leave_no_row_when_nobody_listens(self, program, points, noon):
        enrol(program, "7", noon)

        read_the_log()

        assert not Activity.objects.exists()

    def test_of_many_ask_as_many_queries_as_of_one(
        self, program, listen: Listen, noon, django_assert_num_queries
    ):
        listen("member_registered")
        for number in range(20):
            enrol(program, str(number), noon)

        with django_assert_num_queries(14):
            read_the_log()

        assert len(booked("member.registered")) == 20


class TestIdentifiers:
    def test_count_when_they_are_new_and_of_the_kind_that_is_asked_for(
        self, program, ada: Member, listen: Listen, noon
    ):
        listen("identifier_added", identifiers=["email"])
        email = factories.IdentifierFactory.create(member=ada, kind="email", value="ada@example.org")
        card = Identifier.objects.get(kind="card")
        told = {"fields": ["identifiers"], "actor": "staff:1", "at": noon}

        details.tell_changed(ada, added=[email], **told)
        details.tell_changed(ada, added=[card], **told)
        details.tell_changed(ada, **told)
        read_the_log()

        assert [(one.points, one.attributes["identifier"]) for one in booked("identifier.added")] == [
            (10, "email"),
            (0, "card"),
        ]


class TestProfiles:
    def test_are_complete_with_the_last_thing_that_was_asked_for(
        self, program, ada: Member, listen: Listen, noon
    ):
        listen("profile_completed")
        Member.objects.update(birth_date=date(1990, 1, 1))
        details.tell_changed(ada, fields=["birth_date"], filled=["birth_date"], actor="staff:1", at=noon)
        read_the_log()
        assert booked("profile.completed") == []

        email = factories.IdentifierFactory.create(member=ada, kind="email", value="ada@example.org")
        details.tell_changed(ada, fields=["identifiers"], added=[email], actor="staff:1", at=noon)
        read_the_log()
        read_the_log()

        assert [one.external_id for one in booked("profile.completed")] == [f"profile:{ada.pk}"]

    def test_that_were_complete_before_are_not_completed_by_a_correction(
        self, program, ada: Member, listen: Listen, noon
    ):
        listen("profile_completed")
        Program.objects.update(profile_fields=["name"])

        details.tell_changed(ada, fields=["first_name"], actor="staff:1", at=noon)
        read_the_log()

        assert booked("profile.completed") == []

    def test_may_be_complete_from_the_start(self, program, listen: Listen, noon):
        listen("profile_completed")
        Program.objects.update(profile_fields=["name", "contact"])

        enrol(
            program,
            "7",
            noon,
            first_name="Grace",
            last_name="Hopper",
            identifiers=[("phone", "+491701234567")],
        )
        enrol(program, "8", noon, first_name="Joan")
        read_the_log()

        assert len(booked("profile.completed")) == 1


class TestTiers:
    def test_reached_are_rewarded_by_their_key(self, shop: Shop, ada: Member, listen: Listen):
        listen("tier_reached", tiers=["gold"])
        shop.sells("r1", "1500.00")
        shop.sells("r2", "4000.00")

        read_the_log()
        read_the_log()

        assert [(one.attributes["tier"], one.points) for one in booked("tier.reached")] == [
            ("silver", 0),
            ("gold", 10),
        ]


class TestReturns:
    def test_are_occasions_with_what_came_back(self, shop: Shop, ada: Member, listen: Listen):
        listen("return")
        shop.sells("r1", "10.00")
        shop.takes_back("b1", "r1", "4.00")

        read_the_log()
        read_the_log()

        (one,) = booked("sale.returned")
        assert one.attributes == {"amount": "4.00", "is_whole": False, "return_external_id": "b1"}
        assert one.points == 10


class TestSegments:
    def test_entered_are_occasions(self, program, ada: Member, listen: Listen, noon):
        listen("segment_entered", segments=["coffee-lovers"])
        for segment in ("coffee-lovers", "tea-lovers"):
            Event.objects.create(
                program=program,
                member_id=ada.pk,
                type="segment.entered",
                data={"segment": segment},
                occurred_at=noon,
            )

        read_the_log()
        read_the_log()

        assert [(one.attributes["segment"], one.points) for one in booked("segment.entered")] == [
            ("coffee-lovers", 10),
            ("tea-lovers", 0),
        ]


class TestBlockedMembers:
    def test_get_nothing_and_hold_nobody_up(self, program, listen: Listen, noon):
        listen("member_registered")
        blocked, grace = enrol(program, "7", noon), enrol(program, "8", noon)
        Member.objects.filter(pk=blocked.pk).update(status="blocked")

        read_the_log()

        assert [one.member_id for one in booked("member.registered")] == [grace.pk]


class TestReferrals:
    @pytest.fixture
    def friend(self, shop: Shop, ada: Member) -> Member:
        return enrol(shop.program, "2002", shop.at, attributes={"referred_by": "1001"}, first_name="Grace")

    def buys(self, shop: Shop, receipt: str, amount: str = "20.00"):
        return shop.sells(receipt, amount, member=shop_card("2002"))

    def test_count_once_the_first_purchase_is_there_to_stay(
        self, shop: Shop, ada: Member, friend: Member, listen: Listen
    ):
        listen("referral_qualified")
        read_the_log()
        self.buys(shop, "r1")

        early = referrals.settle(shop.program, at=shop.at + timedelta(days=13))
        due = referrals.settle(shop.program, at=shop.at + timedelta(days=14))
        again = referrals.settle(shop.program, at=shop.at + timedelta(days=60))

        assert (early, due, again) == (0, 1, 0)
        (one,) = booked("referral.qualified")
        assert (one.member_id, one.points, one.attributes) == (ada.pk, 10, {"friend": str(friend.pk)})
        assert Event.objects.filter(type="referral.qualified", member_id=ada.pk).count() == 1

    def test_wait_on_when_the_first_purchase_came_back(
        self, shop: Shop, ada: Member, friend: Member, listen: Listen
    ):
        listen("referral_qualified")
        read_the_log()
        self.buys(shop, "r1")
        shop.takes_back("b1", "r1")
        later = shop.later(days=10)
        self.buys(later, "r2")

        assert referrals.settle(shop.program, at=shop.at + timedelta(days=20)) == 0
        assert referrals.settle(shop.program, at=shop.at + timedelta(days=24)) == 1

    @pytest.mark.parametrize(
        ("more", "reason"),
        [
            ({"attributes": {"referred_by": "2002"}}, "self_referral"),
            (
                {
                    "attributes": {"referred_by": "card:1001"},
                    "first_name": "ada",
                    "last_name": "LOVELACE",
                    "birth_date": date(1990, 1, 1),
                },
                "self_referral",
            ),
            (
                {"attributes": {"referred_by": "1001"}, "identifiers": [("email", "ada+2@example.org")]},
                "self_referral",
            ),
        ],
    )
    def test_of_oneself_are_recognised(self, shop: Shop, ada: Member, more, reason: str):
        Member.objects.filter(pk=ada.pk).update(birth_date=date(1990, 1, 1))
        factories.IdentifierFactory.create(member=ada, kind="email", value="ada@example.org")
        enrol(shop.program, "2002", shop.at, **more)

        read_the_log()

        referral = Referral.objects.get()
        assert (referral.status, referral.reason) == ("refused", reason)

    def test_by_nobody_of_the_program_are_none(self, shop: Shop, ada: Member, outsider):
        enrol(shop.program, "2002", shop.at, attributes={"referred_by": "no-such-card"})

        read_the_log()

        assert not Referral.objects.exists()


def shop_card(value: str):
    from members.references import MemberReference

    return MemberReference(kind="card", value=value)


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_workers_and_a_cursor_that_went_back_book_each_once(self, program, listen: Listen, noon):
        listen("member_registered")
        for number in range(30):
            enrol(program, str(number), noon)

        at_once(4, lambda number: read_the_log())
        tasks.notice_occasions()
        Consumer.objects.update(cursor=0)
        tasks.notice_occasions()

        assert len(booked("member.registered")) == 30
        assert set(Wallet.objects.values_list("available", flat=True)) == {10}
        assert list(verify.run()) == []

    def test_what_was_broken_off_is_noticed_later(self, program, listen: Listen, noon, monkeypatch):
        listen("member_registered")
        enrol(program, "7", noon)
        book = occasions.book

        def killed(*args: Any, **kwargs: Any) -> None:
            book(*args, **kwargs)
            raise KeyboardInterrupt

        monkeypatch.setattr(occasions, "book", killed)
        with pytest.raises(KeyboardInterrupt), transaction.atomic():
            read_the_log()
        assert booked("member.registered") == []
        monkeypatch.setattr(occasions, "book", book)

        read_the_log()

        assert len(booked("member.registered")) == 1
        assert consumers.AT_ONCE >= noticing.AT_ONCE
