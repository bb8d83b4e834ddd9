"""Invitations and the friends who came by them, as partners see them."""

from datetime import timedelta
from typing import Any

import pytest

from members.models import Member
from members.references import MemberReference
from rewards.happenings import referrals
from rewards.models import Referral, ReferralCode
from tests import factories
from tests.cast import Shop

CARD = {"kind": "card", "value": "1001"}
FRIEND = {"kind": "card", "value": "2002"}


@pytest.fixture
def grace(ada: Member, points) -> Member:
    """Became a member after Ada; card 2002."""
    grace = factories.MemberFactory.create(
        program=ada.program,
        first_name="Grace",
        last_name="Hopper",
        enrolled_at=ada.enrolled_at + timedelta(1),
    )
    factories.IdentifierFactory.create(member=grace, kind="card", value="2002")
    return grace


@pytest.fixture
def code(till, ada) -> str:
    """What Ada invites with."""
    invited: str = till.post("/v1/referrals", {"member": CARD}).json()["code"]
    return invited


def accept(client: Any, code: str, friend: dict[str, str] = FRIEND) -> Any:
    return client.post("/v1/referrals/accept", {"code": code, "friend": friend})


class TestInvite:
    def test_gives_a_member_the_same_code_each_time(self, till, ada, django_assert_num_queries):
        with django_assert_num_queries(12):
            first = till.post("/v1/referrals", {"member": CARD})
        again = till.post("/v1/referrals", {"member": {"kind": "id", "value": str(ada.pk)}})

        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        assert first.json()["member_id"] == str(ada.pk)
        assert ReferralCode.objects.get().code == first.json()["code"]

    def test_refuses_somebody_who_is_no_member(self, till, ada):
        response = till.post("/v1/referrals", {"member": FRIEND})

        assert (response.status_code, response.json()["code"]) == (404, "unknown_member")
        assert not ReferralCode.objects.exists()


class TestAccept:
    def test_waits_for_the_first_purchase_and_counts_then(self, till, code, grace, shop: Shop):
        response = accept(till, f" {code[:4]} {code[4:].lower()}")

        assert response.status_code == 201
        assert (response.json()["status"], response.json()["friend_id"]) == ("waiting", str(grace.pk))

        shop.sells("r-1", "20.00", member=MemberReference("card", "2002"))
        referrals.settle(shop.program, at=shop.at + timedelta(days=shop.program.referral_days))
        found = till.get(f"/v1/referrals/{response.json()['id']}").json()
        assert (found["status"], found["reason"]) == ("qualified", None)

    def test_again_is_the_referral_that_there_is(self, till, code, grace, django_assert_num_queries):
        with django_assert_num_queries(21):
            first = accept(till, code)
        again = accept(till, code)
        with django_assert_num_queries(2):
            assert till.get(f"/v1/referrals/{first.json()['id']}").json() == first.json()

        assert again.json() == first.json()
        assert Referral.objects.count() == 1

    def test_refuses_a_second_member_who_brought_the_friend(self, till, code, grace, ada):
        bert = factories.MemberFactory.create(program=ada.program, enrolled_at=ada.enrolled_at)
        other = till.post("/v1/referrals", {"member": {"kind": "id", "value": str(bert.pk)}}).json()["code"]
        accept(till, code)

        response = accept(till, other)

        assert (response.status_code, response.json()["code"]) == (409, "already_referred")
        assert Referral.objects.get().member == ada

    def test_refuses_members_who_bring_themselves(self, till, code):
        response = accept(till, code, CARD)

        assert (response.status_code, response.json()["code"]) == (409, "self_referral")
        assert not Referral.objects.exists()

    def test_refuses_a_second_card_of_the_same_person(self, till, code, grace, ada):
        factories.IdentifierFactory.create(member=ada, kind="email", value="ada@example.org")
        factories.IdentifierFactory.create(member=grace, kind="email", value="ada+2@example.org")

        assert accept(till, code).json()["code"] == "self_referral"

    def test_refuses_a_friend_who_bought_before(self, till, code, grace, shop: Shop):
        shop.sells("r-1", "20.00", member=MemberReference("card", "2002"))

        response = accept(till, code)

        assert (response.status_code, response.json()["code"]) == (409, "not_a_newcomer")

    def test_refuses_a_friend_who_was_a_member_before(self, till, code, grace, ada):
        Member.objects.filter(pk=grace.pk).update(enrolled_at=ada.enrolled_at - timedelta(days=1))

        assert accept(till, code).json()["code"] == "not_a_newcomer"

    def test_refuses_the_code_of_somebody_who_is_blocked(self, till, code, grace, ada):
        Member.objects.filter(pk=ada.pk).update(status="blocked")

        response = accept(till, code)

        assert (response.status_code, response.json()["code"]) == (404, "unknown_referral_code")

    def test_stops_whoever_guesses_even_at_the_right_code(self, till, code, grace):
        for number in range(10):
            assert accept(till, f"GUESS{number}").status_code == 404

        response = accept(till, code)

        assert (response.status_code, response.json()["code"]) == (429, "too_many_referral_codes")
        assert response.headers["Retry-After"] == "900"
        assert not Referral.objects.exists()


class TestList:
    def test_filters_by_member_friend_and_state(self, till, code, grace, ada, django_assert_num_queries):
        accepted = accept(till, code).json()
        factories.IdentifierFactory.create(member__program=ada.program, kind="card", value="3003")

        def ids(query: str) -> list[str]:
            return [one["id"] for one in till.get(f"/v1/referrals?{query}").json()["data"]]

        with django_assert_num_queries(2):
            assert ids("status=waiting") == [accepted["id"]]
        assert ids("member=card:1001") == ids("friend=card:2002") == [accepted["id"]]
        assert ids("member=card:2002") == ids("friend=card:3003") == ids("status=refused") == []

    def test_refuses_what_it_does_not_know(self, till):
        response = till.get("/v1/referrals?state=waiting")

        assert (response.status_code, response.json()["code"]) == (400, "invalid_filter")

    def test_shows_another_program_nothing(self, till, outsider, code, grace):
        accepted = accept(till, code).json()

        assert outsider.get("/v1/referrals").json()["data"] == []
        assert outsider.get(f"/v1/referrals/{accepted['id']}").status_code == 404
        assert accept(outsider, code).status_code == 404
