"""No page shows, finds or changes anything of another program."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Partner
from loyalty.core.models import Assignment, Program, Role, User
from members.models import Entry, Member, WalletType
from rewards.models import Activity, Reward
from tests import factories
from tests.admin.pages import page
from tests.admin.roles import SEES
from tests.cast import Shop
from tests.clients import staff

# Of no program are users and the schedule; facts have a test of their own.
FOREIGN = sorted(
    model
    for model in SEES.keys()
    - {"core.user", "core.program", "rewards.activity", "rewards.redemption"}
    - {"members.entry", "members.transfer", "members.merge"}
    if not model.startswith("django_celery_beat")
)


class TestOtherPrograms:
    @pytest.mark.parametrize("model", FOREIGN)
    def test_their_objects_are_in_no_list_and_behind_no_address(
        self, administrator: Client, elsewhere: dict[str, Any], model: str
    ):
        foreign = elsewhere[model]

        listed = administrator.get(page(model, "changelist"))
        opened = administrator.get(page(model, "change", foreign.pk))
        history = administrator.get(page(model, "history", foreign.pk))

        assert page(model, "change", foreign.pk) not in listed.content.decode()
        assert opened.status_code in (302, 404)
        assert opened.headers.get("Location", reverse("admin:index")) == reverse("admin:index")
        assert history.status_code in (302, 404)

    def test_their_facts_are_behind_no_address(self, ada: Member, elsewhere: dict[str, Any], shop: Shop):
        shop.sells("r-1", "12.50")
        stranger = staff(elsewhere["program"], Role.ADMINISTRATOR)
        activity, entry = Activity._default_manager.get(), Entry._default_manager.get(member=ada)

        answers = [
            stranger.get(page("rewards.activity", "change", activity.pk)),
            stranger.get(page("members.entry", "change", entry.pk)),
            stranger.get(page("rewards.activity", "changelist") + f"?member__id__exact={activity.member_id}"),
            stranger.get(page("members.entry", "changelist") + f"?wallet__id__exact={entry.wallet_id}"),
        ]

        assert [answer.status_code for answer in answers] == [302, 302, 200, 200]
        assert page("rewards.activity", "change", activity.pk) not in answers[2].content.decode()
        assert page("members.entry", "change", entry.pk) not in answers[3].content.decode()

    @pytest.mark.parametrize("term", ["9001", "Foreign", "Person", "Foreign Person"])
    def test_their_members_are_not_found(self, support: Client, elsewhere: dict[str, Any], term: str):
        response = support.get(page("members.member", "changelist"), {"q": term})

        assert "Nothing found" in response.content.decode()

    def test_their_member_is_not_found_by_id(self, support: Client, elsewhere: dict[str, Any]):
        response = support.get(
            page("members.member", "changelist"), {"q": str(elsewhere["members.member"].pk)}
        )

        assert "Nothing found" in response.content.decode()

    def test_their_things_cannot_be_chosen(
        self, marketer: Client, points: WalletType, elsewhere: dict[str, Any]
    ):
        form = marketer.get(page("rewards.reward", "add")).content.decode()
        posted = marketer.post(
            page("rewards.reward", "add"),
            {
                "name": "Gift",
                "key": "gift",
                "wallet_type": elsewhere["members.wallettype"].pk,
                "price": 1,
                "voucher_valid_days": 1,
                "voucher_uses": 1,
                "limit_period": "ever",
                "discount_kind": "none",
                "codes_from": "made",
                "codes_warn_below": "20",
            },
        )

        assert str(points.pk) in form
        assert "Foreign points" not in form
        assert posted.status_code == 200
        assert not Reward.objects.filter(key="gift").exists()

    def test_autocompletes_know_only_the_own_program(self, marketer: Client, elsewhere: dict[str, Any]):
        choices = {
            "app_label": "rewards",
            "model_name": "redemption",
            "field_name": "member",
            "term": "Foreign",
        }

        response = marketer.get(reverse("admin:autocomplete"), choices)

        assert "Foreign" not in response.content.decode()

    def test_a_program_is_chosen_only_with_a_role_in_it(self, marketer: Client, elsewhere: dict[str, Any]):
        response = marketer.post(reverse("choose_program"), {"program": elsewhere["program"].pk})

        assert response.status_code == 403
        assert "program" not in marketer.session

    def test_who_has_a_role_in_two_changes_between_them(self, program: Program, elsewhere: dict[str, Any]):
        client = staff(program, Role.MARKETER)
        user = User.objects.get(email=f"marketer@{program.key}.example.org")
        Assignment.objects.create(user=user, program=elsewhere["program"], role=Role.FINANCE)

        client.post(reverse("choose_program"), {"program": elsewhere["program"].pk})
        response = client.get(page("members.member", "changelist"))

        assert "Foreign Person" in response.content.decode()
        assert client.get(page("rewards.campaign", "add")).status_code == 403

    def test_a_new_object_belongs_to_the_program_in_the_header(
        self, operator: Client, program: Program, elsewhere: dict[str, Any]
    ):
        operator.post(
            page("integrations.partner", "add"),
            {"name": "Shop", "key": "shop", "is_active": "on", "program": elsewhere["program"].pk},
        )

        assert Partner.objects.get(key="shop").program == program

    def test_a_key_that_is_taken_in_this_program_is_refused_at_the_field_and_not_with_an_error(
        self, operator: Client, program: Program
    ):
        factories.PartnerFactory.create(program=program, key="shop")

        response = operator.post(page("integrations.partner", "add"), {"name": "Shop", "key": "shop"})

        assert response.status_code == 200
        assert "already exists" in response.content.decode()
        assert Partner.objects.filter(program=program).count() == 1
