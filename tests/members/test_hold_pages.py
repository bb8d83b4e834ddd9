from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from loyalty.core import audit
from loyalty.core.models import Program, Role
from members import holds
from members.holds import Held
from members.models import Entry, Hold, Member, Wallet
from tests import factories
from tests.cast import Shop
from tests.clients import staff


@pytest.fixture
def held(ada: Member, shop: Shop) -> Held:
    """Of Ada's 700 points, 500 are reserved since a minute ago."""
    shop.sells("receipt-1", "700.00")
    return replace(shop, at=timezone.now() - timedelta(minutes=1)).holds(500)


@pytest.fixture
def support(program: Program) -> Client:
    return staff(program, Role.SUPPORT)


def release(client: Client, held: Held):
    return client.post(reverse("admin:members_hold_release", args=[held.hold.id]))


class TestList:
    def test_says_who_holds_what_until_when(self, support: Client, held: Held):
        body = support.get(reverse("admin:members_hold_changelist")).content.decode()

        assert "Ada Lovelace" in body
        assert "500 Points" in body
        assert "Held" in body

    def test_of_the_open_ones_begins_with_those_that_end_first(self, support: Client, held: Held, shop: Shop):
        sooner = replace(shop, at=timezone.now()).holds(10, lives_for=timedelta(minutes=1))

        response = support.get(reverse("admin:members_hold_changelist"), {"status__exact": "held"})

        assert [hold.pk for hold in response.context["cl"].result_list] == [sooner.hold.id, held.hold.id]

    def test_finds_holds_by_whatever_the_member_is_known_by(self, support: Client, held: Held):
        address = reverse("admin:members_hold_changelist")

        assert "500 Points" in support.get(address, {"q": "1001"}).content.decode()
        assert "500 Points" not in support.get(address, {"q": "9999"}).content.decode()

    def test_does_not_call_held_what_is_over(self, support: Client, held: Held):
        Hold.objects.update(placed_at=timezone.now() - timedelta(days=2), expires_at=timezone.now())

        assert "Time is over" in support.get(reverse("admin:members_hold_changelist")).content.decode()


class TestMemberPage:
    def test_shows_open_holds_and_when_they_end(self, support: Client, ada: Member, held: Held):
        body = support.get(reverse("admin:members_member_change", args=[ada.pk])).content.decode()

        assert "Reserved at a checkout" in body
        assert "500 Points" in body
        assert reverse("admin:members_hold_release", args=[held.hold.id]) in body

    def test_says_nothing_of_holds_that_have_ended(
        self, support: Client, ada: Member, held: Held, shop: Shop
    ):
        holds.release(held.hold.id, **replace(shop, at=timezone.now())._where())

        body = support.get(reverse("admin:members_member_change", args=[ada.pk])).content.decode()

        assert "Reserved at a checkout" not in body

    def test_offers_to_give_free_only_to_who_may(self, program: Program, ada: Member, held: Held):
        body = staff(program, Role.MARKETER).get(reverse("admin:members_member_change", args=[ada.pk]))

        assert "Reserved at a checkout" in body.content.decode()
        assert "Give free" not in body.content.decode()


class TestRelease:
    def test_by_support_gives_the_points_free_and_says_who_did_it(self, support: Client, held: Held):
        page = reverse("admin:members_hold_change", args=[held.hold.id])
        assert "Give these points free" in support.get(page).content.decode()

        response = release(support, held)

        assert response.status_code == 302
        assert (Wallet.objects.get().available, Wallet.objects.get().held) == (700, 0)
        assert Entry.objects.get(kind="release").actor.startswith("staff:")
        (step,) = audit.trail(Hold.objects.get())
        assert step.by is not None
        assert (step.by.email, step.summary) == ("support@coffee.example.org", "The points were given free.")
        assert "Give these points free" not in support.get(page).content.decode()

    def test_of_what_was_spent_meanwhile_says_so(self, support: Client, held: Held, shop: Shop):
        holds.settle(held.hold.id, **replace(shop, at=timezone.now())._where())

        response = support.post(reverse("admin:members_hold_release", args=[held.hold.id]), follow=True)

        assert "settled already, with 500 points" in response.content.decode()
        assert Wallet.objects.get().available == 200

    @pytest.mark.parametrize("role", [Role.MARKETER, Role.FINANCE, Role.OPERATOR])
    def test_is_refused_to_whoever_may_not(self, program: Program, held: Held, role: Role):
        assert release(staff(program, role), held).status_code in (403, 404)
        assert Wallet.objects.get().held == 500

    def test_of_another_programs_hold_finds_nothing(self, held: Held):
        elsewhere = factories.ProgramFactory.create(key="elsewhere")

        assert release(staff(elsewhere, Role.SUPPORT), held).status_code == 404
        assert Wallet.objects.get().held == 500

    def test_takes_a_form_that_was_posted(self, support: Client, held: Held):
        assert support.get(reverse("admin:members_hold_release", args=[held.hold.id])).status_code == 405
