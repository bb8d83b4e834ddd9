"""The page that staff start from, and those that are none."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.core import clock
from loyalty.core.models import Program
from members import expiry
from members.models import Lot, Member, WalletType
from tests import factories
from tests.admin.pages import page
from tests.cast import Shop


class TestStartPage:
    def test_a_fresh_program_says_what_to_do_next(self, administrator: Client, program: Program):
        body = administrator.get(reverse("admin:index")).content.decode()

        assert "Set up Corner Coffee Club" in body
        assert "Publish a campaign" in body

    def test_counts_what_was_issued_redeemed_and_is_owed(
        self, marketer: Client, year: Program, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(clock, "now", lambda program: factories.NOON + timedelta(days=3))

        context = marketer.get(reverse("admin:index")).context

        assert (context["issued"], context["spent"], context["expired"]) == (1200, 500, 0)
        assert [(kind.points, str(kind.value)) for kind in context["outstanding"]] == [(700, "7.00")]
        assert [(rung.name, rung.members) for rung in context["rungs"]] == [
            ("Basic", 0),
            ("Silver", 1),
            ("Gold", 0),
        ]

    def test_figures_add_up_to_what_is_outstanding(
        self, marketer: Client, support: Client, ada: Member, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ):
        factories.RewardFactory.create(
            program=shop.program, key="coffee", wallet_type=WalletType.objects.get()
        )
        shop.sells("r-1", "1000.00")
        shop.takes_back("b-1", sale="r-1", amount="300.00")
        shop.redeems("coffee")
        shop.later(hours=1).sells("r-2", "70.00")
        Lot.objects.filter(points=70).update(expires_at=shop.later(days=1).at)
        list(expiry.run(shop.program, at=shop.later(days=1).at))
        monkeypatch.setattr(clock, "now", lambda program: shop.later(days=2).at)

        start = marketer.get(reverse("admin:index")).context
        holding = support.get(page("members.member", "change", ada.pk)).context["holdings"][0]

        told = (start["issued"], start["taken_back"], start["spent"], start["expired"])
        assert told == (1070, 300, 500, 70)
        assert [kind.points for kind in start["outstanding"]] == [1070 - 300 - 500 - 70] == [200]
        wallet = holding.wallet
        assert (wallet.lifetime_earned, wallet.lifetime_spent) == (1070, 500)
        assert (holding.expired, holding.taken_back) == (70, 300)
        assert (wallet.available, wallet.pending, wallet.held) == (200, 0, 0)


class TestOtherAddresses:
    def test_refused_and_unknown_pages_say_so_and_lead_back(self, support: Client):
        refused = support.get(page("integrations.partner", "changelist"))
        unknown = support.get("/nowhere/")

        assert (refused.status_code, unknown.status_code) == (403, 404)
        assert "You may not open this page" in refused.content.decode()
        assert "There is no such page" in unknown.content.decode()
        for body in (refused.content.decode(), unknown.content.decode()):
            assert f'href="{reverse("admin:index")}"' in body

    def test_browsers_find_an_icon_where_they_look_for_it(self, client: Client):
        assert client.get("/favicon.ico")["Location"].endswith("mark.svg")

    def test_an_unknown_id_is_not_found(self, support: Client):
        assert support.get(page("members.member", "change", uuid4())).status_code == 404
