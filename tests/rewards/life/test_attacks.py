"""The database refuses what no operation does, whoever asks."""

from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from loyalty.core import approvals
from loyalty.core.models import Program, User
from rewards.models import Campaign, CampaignStatus, CampaignVersion
from rewards.models.campaign import STEPS
from rewards.planning import campaigns, reviews
from tests import factories
from tests.rewards.life.conftest import giving

pytestmark = pytest.mark.django_db


def refused(sql: str, *values: Any) -> str:
    with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
    return str(error.value).splitlines()[0]


def put(campaign: Campaign, status: str) -> None:
    """Into a state, past all operations: triggers do not fire for a replica."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE rewards_campaign SET status = %s WHERE id = %s", [status, campaign.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")


class TestSteps:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (before, after)
            for before in CampaignStatus.values
            for after in CampaignStatus.values
            if before != after and after not in STEPS[before]
        ],
    )
    def test_that_do_not_follow_each_other_are_refused(
        self, campaign: Campaign, before: str, after: str, noon: datetime
    ):
        CampaignVersion.objects.create(
            program=campaign.program, campaign=campaign, number=1, definition=giving(1), effective_at=noon
        )
        put(campaign, before)

        said = refused("UPDATE rewards_campaign SET status = %s WHERE id = %s", after, campaign.pk)

        assert said == f"a campaign that is {before} does not become {after}"

    def test_a_campaign_does_not_begin_its_life_running(self, program: Program):
        with pytest.raises(IntegrityError, match="begins as a draft"), transaction.atomic():
            factories.CampaignFactory.create(program=program, status=CampaignStatus.RUNNING)

    @pytest.mark.parametrize("status", ["running", "scheduled"])
    def test_nothing_runs_without_a_version(self, campaign: Campaign, status: str):
        said = refused("UPDATE rewards_campaign SET status = %s WHERE id = %s", status, campaign.pk)

        assert said == "no version of the campaign runs"

    def test_a_paused_campaign_does_not_run_on_without_a_new_version(
        self, campaign: Campaign, noon: datetime
    ):
        campaigns.publish(campaign, definition=campaign.draft, by=None, at=noon)
        campaigns.pause(campaign, by=None, at=noon)

        said = refused("UPDATE rewards_campaign SET status = 'running' WHERE id = %s", campaign.pk)

        assert said == "no version of the campaign runs"


class TestReview:
    def test_a_draft_in_review_stays_as_it_is(
        self, strict: Program, campaign: Campaign, marta: User, noon: datetime
    ):
        reviews.submit(campaign, by=marta, at=noon)

        said = refused("UPDATE rewards_campaign SET draft = '{}' WHERE id = %s", campaign.pk)

        assert said.startswith("a draft in review stays as it is")

    def test_no_version_runs_that_nobody_approved(self, strict: Program, campaign: Campaign, noon: datetime):
        with pytest.raises(IntegrityError, match="nobody approved"), transaction.atomic():
            CampaignVersion.objects.create(
                program=strict, campaign=campaign, number=1, definition=giving(9), effective_at=noon
            )

    def test_an_approval_is_good_for_its_campaign_and_its_definition_alone(
        self, strict: Program, campaign: Campaign, marta: User, farid: User, noon: datetime
    ):
        asked = reviews.submit(campaign, by=marta, at=noon)
        approvals.approve(asked.pk, program=strict, by=farid, at=noon)
        other = factories.CampaignFactory.create(program=strict)

        for where, definition in [(campaign, giving(99)), (other, campaign.draft)]:
            with pytest.raises(IntegrityError, match="nobody approved"), transaction.atomic():
                CampaignVersion.objects.create(
                    program=strict,
                    campaign=where,
                    number=1,
                    definition=definition,
                    effective_at=noon,
                    approval_id=asked.pk,
                )

    def test_a_request_that_waits_is_no_approval(
        self, strict: Program, campaign: Campaign, marta: User, noon: datetime
    ):
        asked = reviews.submit(campaign, by=marta, at=noon)

        with pytest.raises(IntegrityError, match="nobody approved"), transaction.atomic():
            CampaignVersion.objects.create(
                program=strict,
                campaign=campaign,
                number=1,
                definition=campaign.draft,
                effective_at=noon,
                approval=asked,
            )
