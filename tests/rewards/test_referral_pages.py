"""Referral codes in the admin: who invited whom, and an end to a code that is misused."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty.core.models import Program, Role
from members.models import Member
from rewards.models import Referral, ReferralCode
from tests import factories
from tests.clients import staff

LIST = reverse("admin:rewards_referralcode_changelist")


@pytest.fixture
def grace(ada: Member) -> Member:
    """Came after Ada; card 2002."""
    later = ada.enrolled_at + timedelta(1)
    grace = factories.MemberFactory.create(
        program=ada.program, first_name="Grace", last_name="Hopper", enrolled_at=later
    )
    factories.IdentifierFactory.create(member=grace, kind="card", value="2002")
    return grace


@pytest.fixture
def code(ada: Member, till: Any) -> ReferralCode:
    till.post("/v1/referrals", {"member": {"kind": "card", "value": "1001"}})
    return ReferralCode.objects.get()


@pytest.fixture
def support(program: Program) -> Client:
    return staff(program, Role.SUPPORT)


def page(code: ReferralCode, verb: str = "change") -> str:
    return reverse(f"admin:rewards_referralcode_{verb}", args=[code.pk])


def accept(till: Any, code: ReferralCode) -> Any:
    friend = {"kind": "card", "value": "2002"}
    return till.post("/v1/referrals/accept", {"code": code.code, "friend": friend})


class TestList:
    def test_is_searched_by_code_by_who_invited_and_by_who_was_invited(
        self, support: Client, till: Any, code: ReferralCode, grace: Member
    ):
        accept(till, code)

        def found(term: str) -> bool:
            return page(code) in support.get(LIST, {"q": term}).content.decode()

        assert found(code.code.lower())
        assert found("1001")
        assert found("2002")
        assert not found("9999")

    def test_takes_the_same_statements_for_many(self, support: Client, code: ReferralCode, ada: Member):
        support.get(LIST)
        few = self.statements(support)
        for number in range(20):
            member = factories.MemberFactory.create(program=ada.program)
            ReferralCode.objects.create(
                program=ada.program, member=member, code=f"CODE{number:04}", made_at=code.made_at
            )

        assert self.statements(support) == few

    def statements(self, client: Client) -> int:
        with CaptureQueriesContext(connection) as sent:
            client.get(LIST)
        return len(sent)


class TestPage:
    def test_says_whom_they_brought_and_who_brought_them(
        self, support: Client, till: Any, code: ReferralCode, grace: Member
    ):
        accept(till, code)
        of_grace = ReferralCode.objects.create(
            program=code.program, member=grace, code="GRACE234", made_at=code.made_at
        )

        inviter = support.get(page(code)).content.decode()
        invited = support.get(page(of_grace)).content.decode()

        assert "Grace Hopper" in inviter
        assert "Waits for the first purchase" in inviter
        assert "They were brought themselves by" in invited


class TestDisable:
    def test_has_nobody_brought_by_it_any_more_and_says_why(
        self, support: Client, till: Any, code: ReferralCode, grace: Member
    ):
        support.post(page(code, "disable"), {"reason": "Sold on the web"})
        accepted = accept(till, code)
        invited = till.post("/v1/referrals", {"member": {"kind": "card", "value": "1001"}})
        history = support.get(page(code, "history")).content.decode()

        assert (accepted.status_code, accepted.json()["code"]) == (404, "unknown_referral_code")
        assert (invited.status_code, invited.json()["code"]) == (409, "referral_code_disabled")
        assert not Referral.objects.exists()
        assert "Disabled: Sold on the web" in history

    def test_can_be_taken_back(self, support: Client, till: Any, code: ReferralCode, grace: Member):
        support.post(page(code, "disable"), {"reason": "By mistake"})

        support.post(page(code, "enable"))

        assert accept(till, code).status_code == 201

    def test_takes_a_reason(self, support: Client, code: ReferralCode):
        answer = support.post(page(code, "disable"), {"reason": " "}, follow=True)

        assert "Say why" in answer.content.decode()
        assert ReferralCode.objects.get().disabled_at is None

    def test_takes_the_permission_in_that_program(self, program: Program, code: ReferralCode):
        marketer = staff(program, Role.MARKETER)
        stranger = staff(factories.ProgramFactory.create(), Role.SUPPORT)

        answers = [client.post(page(code, "disable"), {"reason": "x"}) for client in (marketer, stranger)]

        assert [answer.status_code for answer in answers] == [403, 404]
        assert ReferralCode.objects.get().disabled_at is None
