"""Friends who are brought by several at once."""

from datetime import timedelta

import pytest

from members.references import MemberReference
from rewards.happenings import inviting
from rewards.models import Referral, ReferralCode
from tests import factories
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_member_gets_one_code(ada, noon):
    card = MemberReference("card", "1001")

    found = at_once(4, lambda _number: inviting.invite(card, program=ada.program, at=noon).code)

    assert len(set(found)) == 1
    assert ReferralCode.objects.count() == 1


def test_a_friend_is_brought_by_one_member(ada, noon):
    program = ada.program
    codes = []
    for _number in range(4):
        member = factories.MemberFactory.create(program=program, enrolled_at=ada.enrolled_at)
        asked = MemberReference("id", str(member.pk))
        codes.append(inviting.invite(asked, program=program, at=noon).code)
    friend = factories.MemberFactory.create(program=program, enrolled_at=ada.enrolled_at + timedelta(days=1))
    friend_reference = MemberReference("id", str(friend.pk))

    found = at_once(
        4,
        lambda number: inviting.accept(
            codes[number], friend=friend_reference, program=program, asked_by=f"till:{number}"
        ),
    )

    assert sorted(one for one in found if isinstance(one, str)) == ["already_referred"] * 3
    assert Referral.objects.count() == 1
