"""A second person looks at a campaign: what they agreed to is what runs, and nothing else."""

from datetime import datetime, timedelta

import pghistory
import pytest

from loyalty.core import approvals
from loyalty.core.errors import NotFound
from loyalty.core.models import Approval, Program, Role, User
from members.models import WalletType
from rewards.models import Campaign, CampaignStatus
from rewards.planning import campaigns, publishable, reviews
from tests import factories
from tests.rewards.life.conftest import giving, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(strict: Program, campaign: Campaign, marta: User, noon: datetime) -> Approval:
    return reviews.submit(campaign, by=marta, at=noon, note="For the coffee week.")


def approved(asked: Approval, *, by: User, at: datetime) -> Campaign:
    approvals.approve(asked.pk, program=asked.program, by=by, at=at)
    return Campaign.objects.select_related("approval").get(approval=asked)


class TestSubmit:
    def test_puts_the_draft_before_others_with_all_that_they_need_to_know(
        self, asked: Approval, campaign: Campaign
    ):
        told = {str(fact.label): fact.text for fact in approvals.told([asked])[asked.pk]}

        assert campaign.status == CampaignStatus.IN_REVIEW
        assert asked.payload["definition"] == campaign.draft
        assert told == {"Campaign": "Coffee", "What it does": "For every sale: 10 points."}

    def test_of_a_running_campaign_says_what_would_change_and_leaves_it_running(
        self, program: Program, campaign: Campaign, marta: User, noon: datetime
    ):
        campaigns.publish(campaign, definition=giving(10), by=marta, at=noon)
        campaign.draft = giving(50)
        campaign.save()

        asked = reviews.submit(campaign, by=marta, at=noon)

        told = {str(fact.label): fact.text for fact in approvals.told([asked])[asked.pk]}
        assert campaign.status == CampaignStatus.RUNNING
        assert told["Now"] == "For every sale: 10 points."
        assert told["Then"] == "10 points → 50 points"

    def test_is_refused_while_somebody_looks_at_it(
        self, asked: Approval, campaign: Campaign, marta: User, noon: datetime
    ):
        with pytest.raises(publishable.CampaignInReview):
            reviews.submit(campaign, by=marta, at=noon)

        assert Approval.objects.count() == 1

    def test_is_refused_for_a_draft_that_could_not_run(
        self, strict: Program, campaign: Campaign, marta: User, noon: datetime
    ):
        campaign.draft = factories.definition({"kind": "fixed_points", "points": 5, "wallet_type": "stars"})
        campaign.save()

        with pytest.raises(publishable.UnknownWalletType):
            reviews.submit(campaign, by=marta, at=noon)

        assert Campaign.objects.get().status == CampaignStatus.DRAFT

    def test_of_what_is_published_as_it_is_is_refused(
        self, program: Program, campaign: Campaign, marta: User, noon: datetime
    ):
        campaigns.publish(campaign, definition=campaign.draft, by=marta, at=noon)

        with pytest.raises(reviews.NothingToReview):
            reviews.submit(campaign, by=marta, at=noon)


class TestApprove:
    def test_lets_it_be_published_and_the_version_says_who_agreed(
        self, asked: Approval, marta: User, farid: User, noon: datetime
    ):
        campaign = approved(asked, by=farid, at=noon)

        version = campaigns.publish(campaign, definition=campaign.draft, by=marta, at=noon)

        assert (campaign.status, version.published_by) == (CampaignStatus.RUNNING, marta)
        assert version.approval is not None
        assert version.approval.decided_by == farid

    def test_without_it_nothing_is_published(
        self, strict: Program, campaign: Campaign, marta: User, noon: datetime
    ):
        with pytest.raises(publishable.ApprovalNeeded):
            campaigns.publish(campaign, definition=campaign.draft, by=marta, at=noon)

        assert not campaign.versions.exists()

    def test_counts_for_that_definition_alone(
        self, asked: Approval, marta: User, farid: User, noon: datetime
    ):
        campaign = approved(asked, by=farid, at=noon)

        with pytest.raises(publishable.ApprovalNeeded):
            campaigns.publish(campaign, definition=giving(1_000), by=marta, at=noon)

        assert not campaign.versions.exists()

    def test_is_void_once_the_draft_is_another(self, asked: Approval, farid: User, noon: datetime):
        campaign = approved(asked, by=farid, at=noon)

        campaign.draft = giving(1_000)
        campaign.save(update_fields=["draft"])

        campaign.refresh_from_db()
        assert (campaign.status, campaign.approval) == (CampaignStatus.DRAFT, None)

    def test_stands_when_only_the_name_is_another(self, asked: Approval, farid: User, noon: datetime):
        campaign = approved(asked, by=farid, at=noon)

        campaign.name = "Coffee week"
        campaign.save(update_fields=["name"])

        campaign.refresh_from_db()
        assert campaign.status == CampaignStatus.APPROVED

    def test_is_not_for_whoever_asked(
        self, strict: Program, campaign: Campaign, noon: datetime, program: Program
    ):
        boss = person(program, Role.ADMINISTRATOR, "amina")
        asked = reviews.submit(campaign, by=boss, at=noon)

        with pytest.raises(approvals.OwnRequest):
            approvals.approve(asked.pk, program=program, by=boss, at=noon)

        assert Campaign.objects.get().status == CampaignStatus.IN_REVIEW

    def test_is_not_for_whoever_wrote_the_draft_that_another_submitted(
        self, strict: Program, campaign: Campaign, marta: User, farid: User, noon: datetime
    ):
        boss = person(strict, Role.ADMINISTRATOR, "amina")
        with pghistory.context(user=boss.pk):
            campaign.draft = giving(70)
            campaign.save()
        asked = reviews.submit(campaign, by=marta, at=noon)

        with pytest.raises(reviews.OwnDraft):
            approvals.approve(asked.pk, program=strict, by=boss, at=noon)

        assert Approval.objects.get().status == "pending"
        assert approved(asked, by=farid, at=noon).status == CampaignStatus.APPROVED

    def test_is_refused_when_the_points_are_gone_meanwhile(
        self, asked: Approval, farid: User, noon: datetime
    ):
        WalletType.objects.update(key="stars")

        with pytest.raises(publishable.UnknownWalletType):
            approvals.approve(asked.pk, program=asked.program, by=farid, at=noon)

        assert Campaign.objects.get().status == CampaignStatus.IN_REVIEW


class TestNo:
    def test_leaves_a_draft_that_can_be_changed_and_says_why(
        self, asked: Approval, farid: User, noon: datetime
    ):
        approvals.reject(asked.pk, program=asked.program, by=farid, at=noon, note="Too dear.")

        campaign = Campaign.objects.get()
        assert (campaign.status, campaign.approval) == (CampaignStatus.DRAFT, None)
        assert Approval.objects.get().decision_note == "Too dear."

    def test_comes_by_itself_when_nobody_decides(self, asked: Approval, noon: datetime):
        assert approvals.expire(asked.program, at=noon + timedelta(days=13)) == 0
        assert approvals.expire(asked.program, at=noon + timedelta(days=14)) == 1

        assert Campaign.objects.get().status == CampaignStatus.DRAFT

    def test_a_withdrawn_request_can_be_made_again(
        self, asked: Approval, campaign: Campaign, marta: User, noon: datetime
    ):
        reviews.withdraw(campaign, by=marta, at=noon)
        assert campaign.status == CampaignStatus.DRAFT

        reviews.submit(campaign, by=marta, at=noon)

        assert Approval.objects.count() == 2

    def test_nobody_withdraws_what_another_asked_for(
        self, asked: Approval, campaign: Campaign, farid: User, noon: datetime
    ):
        with pytest.raises(NotFound, match="no such request"):
            reviews.withdraw(campaign, by=farid, at=noon)

        assert Campaign.objects.get().status == CampaignStatus.IN_REVIEW


class TestTheRule:
    def test_does_not_stop_what_ran_before_from_being_paused_and_resumed(
        self, program: Program, campaign: Campaign, noon: datetime
    ):
        campaigns.publish(campaign, definition=campaign.draft, by=None, at=noon)
        Program.objects.update(campaigns_need_approval=True)

        campaigns.pause(campaign, by=None, at=noon)
        campaigns.resume(campaign, by=None, at=noon)

        assert campaign.status == CampaignStatus.RUNNING

    def test_holds_for_going_back_to_an_old_version(
        self, program: Program, campaign: Campaign, marta: User, farid: User, noon: datetime
    ):
        campaigns.publish(campaign, definition=giving(10), by=None, at=noon)
        campaigns.publish(campaign, definition=giving(20), by=None, at=noon)
        Program.objects.update(campaigns_need_approval=True)

        with pytest.raises(publishable.ApprovalNeeded):
            campaigns.revert(campaign, number=1, by=marta, at=noon)
        campaigns.redraft(campaign, number=1)
        asked = reviews.submit(campaign, by=marta, at=noon)
        campaign = approved(asked, by=farid, at=noon)
        version = campaigns.publish(campaign, definition=campaign.draft, by=marta, at=noon)

        assert (version.number, version.definition) == (3, giving(10))

    def test_is_told_of_with_one_query_however_many_wait(
        self, strict: Program, marta: User, noon: datetime, django_assert_num_queries: object
    ):
        for number in range(5):
            each = factories.CampaignFactory.create(program=strict, draft=giving(number + 1))
            reviews.submit(each, by=marta, at=noon)
        waiting = list(Approval.objects.all())

        with django_assert_num_queries(1):  # type: ignore[operator]
            approvals.told(waiting)
