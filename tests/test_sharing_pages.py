"""Support's pages for transfers, households and merges."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.core import clock
from loyalty.core.models import Program, Role
from members import households
from members.models import (
    Household,
    HouseholdMember,
    Identifier,
    Member,
    Merge,
    Transfer,
    Wallet,
    WalletType,
)
from tests import factories
from tests.admin.pages import queries
from tests.cast import Shop
from tests.clients import staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def bert(program: Program) -> Member:
    bert = factories.MemberFactory.create(program=program, first_name="Bert", last_name="Brecht")
    factories.IdentifierFactory.create(member=bert, value="2002")
    return bert


@pytest.fixture
def store(shop: Shop, points: WalletType, ada: Member, bert: Member) -> Shop:
    """Ada has 800 points and Bert 300; anyone may pass points on."""
    WalletType.objects.update(transfers_to="anyone")
    shop.program.refresh_from_db()
    today = Shop(program=shop.program, at=clock.now(shop.program) - timedelta(hours=1))
    today.sells("r-1", "800.00")
    from members.references import MemberReference

    today.sells("r-2", "300.00", member=MemberReference("card", "2002"))
    return today


@pytest.fixture
def support(program: Program) -> Client:
    return staff(program, Role.SUPPORT)


def address(name: str, *args: Any) -> str:
    return reverse(f"admin:members_{name}", args=args)


def text(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return re.sub(r"\s+", " ", response.content.decode())


def balances(*members: Member) -> list[int]:
    return [Wallet.objects.get(member=member).available for member in members]


class TestTransferPage:
    def test_finds_the_recipient_and_sends(self, support, store, ada, bert):
        page = address("member_transfer", ada.pk)

        found = text(support.get(page, {"q": "2002"}))
        form = support.get(page, {"other": bert.pk})
        values = {"other": bert.pk, "wallet_type": "points", "points": 250}
        token = form.context["form"].initial["token"]
        sent = support.post(page, {**values, "token": token})

        assert "Bert Brecht" in found
        transfer = Transfer.objects.get()
        assert sent.url == address("transfer_change", transfer.pk)
        assert (transfer.points, transfer.source, balances(ada, bert)) == (250, "", [550, 550])
        assert "250" in text(support.get(sent.url))

    def test_a_second_press_sends_nothing_more(self, support, store, ada, bert):
        page = address("member_transfer", ada.pk)
        token = support.get(page, {"other": bert.pk}).context["form"].initial["token"]
        values = {"other": bert.pk, "wallet_type": "points", "points": 250, "token": token}

        answers = [support.post(page, values).url for _ in range(2)]

        assert answers == [address("transfer_change", token)] * 2
        assert balances(ada, bert) == [550, 550]

    def test_says_why_not_at_the_field(self, support, store, ada, bert):
        WalletType.objects.update(transfer_minimum=50)
        page = address("member_transfer", ada.pk)
        token = support.get(page, {"other": bert.pk}).context["form"].initial["token"]

        for points, said in ((49, "At least 50"), (801, "has 800 points"), (0, "greater than or equal to 1")):
            answer = support.post(
                page, {"other": bert.pk, "wallet_type": "points", "points": points, "token": token}
            )
            assert said in text(answer)

        assert not Transfer.objects.exists()

    def test_says_that_points_stay_with_their_members(self, support, store, ada):
        WalletType.objects.update(transfers_to="nobody")

        assert "Points stay with their members" in text(support.get(address("member_transfer", ada.pk)))

    def test_undoes_a_transfer_once(self, support, store, ada, bert):
        page = address("member_transfer", ada.pk)
        token = support.get(page, {"other": bert.pk}).context["form"].initial["token"]
        support.post(page, {"other": bert.pk, "wallet_type": "points", "points": 250, "token": token})
        undo = address("transfer_undo", token)

        support.post(undo)
        support.post(undo)

        assert balances(ada, bert) == [800, 300]
        shown = text(support.get(address("transfer_change", token)))
        assert "Given back" in shown
        assert "Undo the transfer" not in shown

    @pytest.mark.parametrize("role", [Role.MARKETER, Role.FINANCE, Role.OPERATOR])
    def test_is_for_support(self, program, store, ada, bert, role):
        client = staff(program, role)
        page = address("member_transfer", ada.pk)
        values = {"other": bert.pk, "wallet_type": "points", "points": 5, "token": ada.pk}

        assert client.get(page).status_code in (403, 404)
        assert client.post(page, values).status_code in (403, 404)
        assert not Transfer.objects.exists()

    def test_knows_nobody_of_another_program(self, support, store, ada):
        stranger = factories.MemberFactory.create(last_name="Stranger")

        assert support.get(address("member_transfer", ada.pk), {"other": stranger.pk}).status_code == 404
        assert support.get(address("member_transfer", stranger.pk)).status_code == 404
        shown = text(support.get(address("member_transfer", ada.pk), {"q": "Stranger"}))
        assert "Nobody else was found" in shown
        assert support.get(address("member_transfer", ada.pk), {"other": "x"}).status_code == 404


class TestHouseholdPage:
    def test_starts_fills_and_ends_a_household(self, support, store, ada, bert):
        page = address("member_household", ada.pk)
        assert "is in no household" in text(support.get(page))

        support.post(page, {"do": "found", "name": "Lovelace"})
        support.post(page, {"do": "add", "other": bert.pk})
        shown = text(support.get(page))
        profile = text(support.get(address("member_change", ada.pk)))
        support.post(page, {"do": "keep", "other": bert.pk})
        support.post(page, {"do": "lead", "other": bert.pk})

        assert "Bert Brecht" in shown
        assert "1,100" in shown
        assert "Household Lovelace" in profile
        place = HouseholdMember.objects.get(member=bert)
        assert (place.is_head, place.shares_points) == (True, False)
        support.post(page, {"do": "remove", "other": bert.pk})
        assert HouseholdMember.objects.get().member == ada
        support.post(page, {"do": "dissolve"})
        assert Household.objects.get().dissolved_at is not None

    def test_changes_nobody_elses_household(self, support, store, program, ada, bert):
        at = store.at
        households.found(head=ada, actor="staff:1", at=at)
        households.found(head=bert, actor="staff:1", at=at)

        answer = support.post(
            address("member_household", ada.pk), {"do": "remove", "other": bert.pk}, follow=True
        )

        assert "is not in this household" in text(answer)
        assert HouseholdMember.objects.count() == 2

    def test_says_what_it_cannot_do(self, support, store, ada, bert):
        page = address("member_household", ada.pk)
        for values in (
            {"do": "nonsense"},
            {"do": "add", "other": bert.pk},
            {"do": "found", "name": "x" * 101},
        ):
            support.post(page, values)

        assert not Household.objects.exists()

    def test_is_changed_by_support_alone(self, program, store, ada):
        client = staff(program, Role.FINANCE)
        page = address("member_household", ada.pk)

        assert "Start a household" not in text(client.get(page))
        assert client.post(page, {"do": "found"}).status_code == 403


class TestMergePage:
    def test_compares_merges_and_undoes(self, support, store, ada, bert):
        page = address("member_merge", ada.pk)

        compared = text(support.get(page, {"other": bert.pk}))
        done = support.post(page, {"other": bert.pk})
        merge = Merge.objects.get()
        shown = text(support.get(done.url))

        assert "1,100" in compared
        assert "Upgrade" in compared
        assert done.url == address("merge_change", merge.pk)
        assert balances(ada, bert) == [1100, 0]
        assert "2002" in shown
        support.post(address("merge_undo", merge.pk))
        assert "All that had moved went back" in text(support.get(done.url))
        assert balances(ada, bert) == [800, 300]

    def test_a_second_press_shows_what_was_done(self, support, store, ada, bert):
        page = address("member_merge", ada.pk)

        answers = {support.post(page, {"other": bert.pk}).url for _ in range(2)}

        assert len(answers) == Merge.objects.count() == 1

    def test_both_pages_lead_to_each_other(self, support, store, ada, bert):
        support.post(address("member_merge", ada.pk), {"other": bert.pk})

        survivor = text(support.get(address("member_change", ada.pk)))
        duplicate = text(support.get(address("member_change", bert.pk)))

        assert "Records merged into this one" in survivor
        assert "from a merged record" in survivor
        assert f'Merged into <a class="rg-link" href="{address("member_change", ada.pk)}">' in duplicate
        assert address("member_edit", bert.pk) not in duplicate
        assert support.post(address("member_edit", bert.pk), {"first_name": "Eve"}).status_code == 403

    def test_suggests_who_looks_alike(self, support, store, program, ada):
        twin = factories.MemberFactory.create(program=program, birth_date="1990-12-10")
        Member.objects.filter(pk=ada.pk).update(birth_date="1990-12-10")

        shown = text(support.get(address("member_merge", ada.pk)))

        assert "Possible duplicates" in shown
        assert f"?other={twin.pk}" in shown

    def test_says_what_stands_in_the_way(self, support, store, ada, bert):
        Member.objects.filter(pk=bert.pk).update(status="blocked")

        shown = text(support.get(address("member_merge", ada.pk), {"other": bert.pk}))
        support.post(address("member_merge", ada.pk), {"other": bert.pk})

        assert "is blocked: unblock first" in shown
        assert "Merge the two records" not in shown
        assert not Merge.objects.exists()

    @pytest.mark.parametrize("role", [Role.MARKETER, Role.FINANCE])
    def test_is_for_support(self, program, store, ada, bert, role):
        client = staff(program, role)
        page = address("member_merge", ada.pk)

        assert client.get(page).status_code == 403
        assert client.post(page, {"other": bert.pk}).status_code == 403
        assert not Merge.objects.exists()

    def test_of_another_program_are_behind_no_address(self, support, store, ada, bert, program):
        support.post(address("member_merge", ada.pk), {"other": bert.pk})
        merge = Merge.objects.get()
        stranger = staff(factories.ProgramFactory.create(key="elsewhere"), Role.SUPPORT)

        assert stranger.get(address("merge_change", merge.pk)).status_code == 404
        assert stranger.post(address("merge_undo", merge.pk)).status_code == 404
        assert stranger.get(address("merge_changelist")).status_code == 200
        assert str(merge.pk) not in text(stranger.get(address("merge_changelist")))

    def test_members_are_found_by_the_cards_of_their_duplicates(self, support, store, ada, bert):
        support.post(address("member_merge", ada.pk), {"other": bert.pk})

        shown = text(support.get(address("member_changelist"), {"q": "2002"}))

        assert address("member_change", ada.pk) in shown
        assert address("member_change", bert.pk) not in shown
        assert Identifier.objects.filter(member=bert).count() == 0


class TestQueries:
    def test_of_the_pages_are_few(self, support, store, ada, bert):
        support.post(address("member_household", ada.pk), {"do": "found"})
        support.post(address("member_household", ada.pk), {"do": "add", "other": bert.pk})
        for name in ("member_transfer", "member_household", "member_merge"):
            assert queries(support, address(name, ada.pk) + "?q=Bert") <= 20
        assert queries(support, address("member_merge", ada.pk) + f"?other={bert.pk}") <= 20
        for name in ("transfer_changelist", "merge_changelist"):
            assert queries(support, address(name)) <= 15
