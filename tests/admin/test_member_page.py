"""The page about a member, and the form that corrects their details."""

import re
from datetime import datetime

from django.test import Client

from loyalty.core.models import Event, Program
from members.admin.statement import KIND_LABELS
from members.models import Entry, EntryKind, Lot, Member, WalletType
from rewards.models import Redemption, Voucher
from tests import factories
from tests.admin.pages import page
from tests.cast import Shop


class TestMemberPage:
    def test_shows_tier_progress_wallet_and_statement(self, support: Client, ada: Member, shop: Shop):
        shop.sells("r-1", "340.00")

        body = support.get(page("members.member", "change", ada.pk)).content.decode()

        assert "340 of 1,000 to Silver" in body
        assert "available to spend" in body
        assert "+340" in body
        assert "A point for each euro" in body

    def test_its_statement_is_brief_and_each_line_leads_to_what_it_was_for(
        self, support: Client, ada: Member, shop: Shop
    ):
        shop.sells("r-1", "340.00")
        booked = Entry._default_manager.get()

        about = support.get(page("members.member", "change", ada.pk)).content.decode()
        line = support.get(page("members.entry", "change", booked.pk)).content.decode()

        assert '<div class="rg-brief"><span class="rg-strong">Earned</span></div>' in about
        assert f'href="{page("members.entry", "change", booked.pk)}"' in about
        assert re.search(r"Purchase[^<]*: A point for each euro", line)
        assert "partner:till" not in line

    def test_counts_held_points_in_the_balance_of_its_statement(
        self, support: Client, ada: Member, shop: Shop
    ):
        shop.sells("r-1", "340.00")
        shop.holds(100)

        body = support.get(page("members.member", "change", ada.pk)).content.decode()

        balances = re.findall(r'<td class="rg-right rg-number">([\d,]+)</td>', body)
        assert balances == ["340", "340"]

    def test_every_kind_of_entry_has_a_chip_with_its_words(self):
        assert set(KIND_LABELS) == set(EntryKind)

    def test_offers_no_way_to_change_points(self, support: Client, ada: Member, shop: Shop):
        shop.sells("r-1", "340.00")
        entry = Entry._default_manager.get()

        answers = [
            support.post(page("members.entry", "change", entry.pk), {"points": 1}).status_code,
            support.post(page("members.entry", "delete", entry.pk), {"post": "yes"}).status_code,
            support.get(page("members.entry", "add")).status_code,
        ]

        assert answers == [403, 403, 403]

    def test_vouchers_and_postings_tell_their_moments_in_the_programs_time(
        self, support: Client, ada: Member, shop: Shop, program: Program
    ):
        Program.objects.filter(pk=program.pk).update(time_zone="Asia/Tokyo")
        factories.RewardFactory.create(
            program=program, key="coffee", wallet_type=WalletType.objects.get(program=program)
        )
        shop.sells("r-1", "600.00")
        shop.redeems("coffee")
        Voucher.objects.update(expires_at=datetime.fromisoformat("2027-02-20T22:02:30+00:00"))
        Lot.objects.update(earned_at=datetime.fromisoformat("2027-01-30T22:02:30+00:00"))

        bought = support.get(page("rewards.redemption", "change", Redemption.objects.get().pk))
        booked = support.get(page("members.entry", "change", Entry.objects.get(number=1).pk))

        assert "21 Feb 2027, 07:02" in bought.content.decode()
        assert ">Issued</span>" in bought.content.decode()
        assert "31 Jan 2027, 07:02" in booked.content.decode()
        assert "+00:00" not in bought.content.decode() + booked.content.decode()

    def test_support_corrects_details_and_partners_hear_which(self, support: Client, ada: Member):
        form = {
            "first_name": "Augusta",
            "last_name": "Lovelace",
            "birth_date": "1815-12-10",
            "initial-attributes": "{}",
            "attributes": "{}",
            "identifiers-TOTAL_FORMS": "1",
            "identifiers-INITIAL_FORMS": "1",
            "identifiers-0-id": str(ada.identifiers.get().pk),
            "identifiers-0-member": str(ada.pk),
            "identifiers-0-kind": "email",
            "identifiers-0-value": " Ada@Example.org ",
        }

        response = support.post(page("members.member", "edit", ada.pk), form)

        assert response.status_code == 302, response.context["errors"]
        ada.refresh_from_db()
        assert ada.first_name == "Augusta"
        assert ada.identifiers.get().value == "ada@example.org"
        event = Event.objects.get(type="member.updated")
        assert event.data["fields"] == ["birth_date", "first_name", "identifiers"]
        assert "Augusta" not in str(event.data)
        assert "Changed" in support.get(page("members.member", "history", ada.pk)).content.decode()

    def test_an_identifier_of_somebody_else_is_refused_at_the_field(
        self, support: Client, ada: Member, program: Program
    ):
        other = factories.MemberFactory.create(program=program)
        factories.IdentifierFactory.create(member=other, kind="card", value="2002")
        form = {
            "first_name": "Ada",
            "last_name": "Lovelace",
            "attributes": "{}",
            "identifiers-TOTAL_FORMS": "1",
            "identifiers-INITIAL_FORMS": "1",
            "identifiers-0-id": str(ada.identifiers.get().pk),
            "identifiers-0-member": str(ada.pk),
            "identifiers-0-kind": "card",
            "identifiers-0-value": "2002",
        }

        response = support.post(page("members.member", "edit", ada.pk), form)

        assert "Another member of the program has this identifier." in response.content.decode()
        assert ada.identifiers.get().value == "1001"
