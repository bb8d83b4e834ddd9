"""The page of a campaign: drafts, publishing and what is in force."""

import html
import json
import re
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty.core.models import Program, User
from members.models import Member, WalletType
from rewards.models import Campaign, CampaignStatus, CampaignVersion
from rewards.planning import campaigns, drafts
from rewards.telling import wording
from tests import factories
from tests.admin.pages import page
from tests.cast import Shop

DOUBLED = {"kind": "multiplier", "wallet_type": "points", "factor": "2"}
FROM_FIFTY = {"all": [{"fact": "sale.amount", "operator": "gte", "value": "50.00"}]}


def doubling(**changes: Any) -> dict[str, Any]:
    return {"trigger": {"kind": "sale"}, "conditions": FROM_FIFTY, "effects": [DOUBLED], **changes}


def campaign_form(campaign: Campaign | None = None, **changes: Any) -> dict[str, Any]:
    """What the page sends: `definition` as an object, the revision of the campaign as it is now."""
    definition = json.dumps(changes.pop("definition", doubling()))
    revision = drafts.revision(campaign) if campaign else ""
    form = {"name": "Double points", "description": "", "definition": definition, "revision": revision}
    return {**form, **changes}


class TestCampaignPage:
    def test_a_draft_is_saved_and_gives_nobody_points(self, marketer: Client, points: WalletType):
        marketer.post(page("rewards.campaign", "add"), campaign_form())

        campaign = Campaign.objects.get()
        assert (campaign.key, campaign.status) == ("double-points", CampaignStatus.DRAFT)
        assert campaign.draft == doubling()
        assert not CampaignVersion.objects.exists()

    def test_publishing_puts_a_version_in_force_and_says_who(self, marketer: Client, points: WalletType):
        marketer.post(page("rewards.campaign", "add"), campaign_form(_publish="1"))

        version = CampaignVersion.objects.get()
        assert version.campaign.status == CampaignStatus.RUNNING
        assert version.published_by == User.objects.get()

    def test_publishing_at_a_time_means_the_programs_time(self, marketer: Client, points: WalletType):
        marketer.post(
            page("rewards.campaign", "add"), campaign_form(_publish="1", effective_at="2030-06-01T08:00")
        )

        assert CampaignVersion.objects.get().effective_at == datetime.fromisoformat("2030-06-01T08:00+02:00")

    def test_a_rule_that_does_not_hold_together_is_kept_and_pointed_out_but_not_published(
        self, marketer: Client, points: WalletType, program: Program
    ):
        campaign = factories.CampaignFactory.create(program=program, key="k")
        wrong = doubling(conditions={"all": [{**FROM_FIFTY["all"][0], "value": "plenty"}]})

        response = marketer.post(
            page("rewards.campaign", "change", campaign.pk),
            campaign_form(campaign, _publish="1", definition=wrong),
        )

        assert response.status_code == 200
        assert response.context["builder"]["isShowingAll"] is True
        assert response.context["judgement"]["problems"] == [
            {"pointer": "#/conditions/all/0/value", "text": "“plenty” is no amount such as 12.50."}
        ]
        campaign.refresh_from_db()
        assert campaign.draft == wrong
        assert campaign.status == CampaignStatus.DRAFT
        assert not campaign.versions.exists()

    def test_a_new_campaign_that_cannot_be_published_is_kept_and_says_why(
        self, marketer: Client, points: WalletType
    ):
        form = campaign_form(_publish="1", definition=doubling(effects=[]))

        response = marketer.post(page("rewards.campaign", "add"), form)

        campaign, body = Campaign.objects.get(), response.content.decode()
        assert response.status_code == 200
        assert "Choose what members get." in body
        assert f'action="{page("rewards.campaign", "change", campaign.pk)}"' in body
        assert not CampaignVersion.objects.exists()

    def test_points_that_the_program_does_not_have_are_pointed_out_at_the_effect(
        self, marketer: Client, points: WalletType
    ):
        form = campaign_form(_publish="1", definition=doubling(effects=[{**DOUBLED, "wallet_type": "stars"}]))

        response = marketer.post(page("rewards.campaign", "add"), form)

        pointers = [problem["pointer"] for problem in response.context["judgement"]["problems"]]
        assert pointers == ["#/effects/0/wallet_type"]
        assert response.context["homeless"] == []

    @pytest.mark.parametrize("sent", ["", "{", "[" * 10])
    def test_what_is_no_json_changes_nothing(self, marketer: Client, base_rule: Campaign, sent: str):
        before = base_rule.draft

        response = marketer.post(
            page("rewards.campaign", "change", base_rule.pk), {**campaign_form(base_rule), "definition": sent}
        )

        base_rule.refresh_from_db()
        assert "The rule could not be read." in response.content.decode()
        assert base_rule.draft == before

    def test_saving_a_draft_is_confirmed(self, marketer: Client, points: WalletType):
        response = marketer.post(page("rewards.campaign", "add"), campaign_form(), follow=True)

        assert "The draft is saved." in response.content.decode()

    def test_lists_tell_what_is_in_force_and_that_the_draft_differs(
        self, marketer: Client, base_rule: Campaign
    ):
        in_force = base_rule.versions.get().definition
        base_rule.draft = {**in_force, "effects": [{**in_force["effects"][0], "points": "7"}]}
        base_rule.save()

        bodies = [
            marketer.get(address).content.decode()
            for address in (reverse("admin:index"), page("rewards.campaign", "changelist"))
        ]

        for body in bodies:
            assert "unpublished changes" in body
            assert wording.sentence(in_force, program=base_rule.program) in html.unescape(body)
            assert wording.sentence(base_rule.draft, program=base_rule.program) not in html.unescape(body)

    @pytest.mark.parametrize(
        ("schedule", "label"),
        [
            ({"starts_at": None, "ends_at": "2020-01-01T00:00:00+00:00"}, "Ended"),
            ({"starts_at": "2090-01-01T00:00:00+00:00", "ends_at": None}, "Scheduled"),
            ({"starts_at": None, "ends_at": None}, "Running"),
        ],
    )
    def test_the_list_says_whether_a_campaigns_time_has_come_or_is_over(
        self, marketer: Client, base_rule: Campaign, schedule: dict[str, Any], label: str
    ):
        definition = {**base_rule.draft, "schedule": schedule}
        campaigns.publish(base_rule, definition=definition, by=None, at=factories.NOON)

        body = marketer.get(page("rewards.campaign", "changelist")).content.decode()

        chips = {
            said for said in ("Ended", "Scheduled", "Running") if re.search(rf">\s*{said}\s*</span>", body)
        }
        assert chips == {label}

    def test_saving_leaves_what_a_step_decides_alone(self, marketer: Client, base_rule: Campaign):
        with CaptureQueriesContext(connection) as queries:
            marketer.post(
                page("rewards.campaign", "change", base_rule.pk), campaign_form(base_rule, name="Renamed")
            )

        (update,) = [q["sql"] for q in queries if 'UPDATE "rewards_campaign"' in q["sql"]]
        assert '"status"' not in update
        assert Campaign.objects.get().name == "Renamed"

    def test_publishing_into_the_past_is_refused_in_words(
        self, marketer: Client, base_rule: Campaign, shop: Shop, ada: Member
    ):
        shop.sells("receipt-1", "10.00")

        response = marketer.post(
            page("rewards.campaign", "change", base_rule.pk),
            campaign_form(base_rule, _publish="1", effective_at="2024-01-01T00:00"),
        )

        assert "Choose a moment that is still to come." in response.content.decode()
        assert CampaignVersion.objects.count() == 1

    def test_pause_resume_and_end_are_versions_too(self, marketer: Client, base_rule: Campaign):
        for step in ("pause", "resume", "end"):
            marketer.post(page("rewards.campaign", "step", base_rule.pk, step))

        assert list(base_rule.versions.order_by("number").values_list("is_running", flat=True)) == [
            True,
            False,
            True,
            False,
        ]
        base_rule.refresh_from_db()
        assert base_rule.status == CampaignStatus.ENDED

    def test_what_cannot_be_done_now_is_said_and_changes_nothing(self, marketer: Client, base_rule: Campaign):
        response = marketer.post(page("rewards.campaign", "step", base_rule.pk, "resume"), follow=True)

        assert "is not paused" in response.content.decode()
        assert base_rule.versions.count() == 1

    def test_two_versions_stand_side_by_side(self, marketer: Client, base_rule: Campaign):
        marketer.post(page("rewards.campaign", "step", base_rule.pk, "pause"))

        body = marketer.get(page("rewards.campaign", "versions", base_rule.pk)).content.decode()

        assert "Version 1" in body
        assert "nobody earns by it" in body

    def test_the_history_says_who_changed_what(self, marketer: Client, base_rule: Campaign):
        marketer.post(page("rewards.campaign", "step", base_rule.pk, "pause"))

        body = marketer.get(page("rewards.campaign", "history", base_rule.pk)).content.decode()

        assert re.search(r"marketer@coffee.example.org</span>\s+paused it", body)
