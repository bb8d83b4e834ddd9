"""What the search finds, by the beginning of anything known."""

import pytest
from django.test import Client

from loyalty.core.models import Program
from members.models import Member
from rewards.models import Redemption
from tests import factories
from tests.admin.pages import page


class TestSearch:
    @pytest.mark.parametrize(
        "term", ["1001", "10", "Lovelace", "love", "ada", "ada love", "lovelace, ada", "LOVELACE"]
    )
    def test_finds_a_member_by_the_beginning_of_anything_known(self, support: Client, ada: Member, term: str):
        response = support.get(page("members.member", "changelist"), {"q": term})

        assert str(ada.pk) in response.content.decode()

    def test_who_is_known_by_exactly_this_comes_first(self, support: Client, ada: Member, program: Program):
        newer = factories.MemberFactory.create(program=program)
        factories.IdentifierFactory.create(member=newer, value="1001" + "7" * 60)

        response = support.get(page("members.member", "changelist"), {"q": "1001"})

        assert list(response.context["cl"].result_list) == [ada, newer]
        assert "7" * 40 not in response.content.decode()

    def test_finds_a_phone_number_however_it_is_typed(self, support: Client, ada: Member):
        factories.IdentifierFactory.create(member=ada, kind="phone", value="+491701234567")

        for term in ("+49 170 1234567", "0049170", "+49(170)123-4567"):
            response = support.get(page("members.member", "changelist"), {"q": term})
            assert str(ada.pk) in response.content.decode(), term

    def test_finds_a_receipt_and_a_voucher(self, support: Client, year: Program):
        redemption = Redemption.objects.get()

        receipt = support.get(page("rewards.activity", "changelist"), {"q": "r-7"})
        voucher = support.get(
            page("rewards.redemption", "changelist"), {"q": redemption.voucher.code.lower()}
        )

        assert "r-7" in receipt.content.decode()
        assert "r-8" not in receipt.content.decode()
        assert str(redemption.pk) in voucher.content.decode()
