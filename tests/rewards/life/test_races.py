"""Two people do the same at the same moment: one of them does it, the other is told so."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction

from loyalty.core import approvals
from loyalty.core.models import Event, Program, Role, User
from rewards.models import Campaign, CampaignStatus
from rewards.planning import campaigns, publishable, reviews, turns
from tests.races import at_once
from tests.rewards.life.conftest import giving, person

pytestmark = pytest.mark.django_db(transaction=True)

CLIENTS = 6


def told() -> list[str]:
    return list(Event.objects.order_by("number").values_list("type", flat=True))


def done(results: list[object]) -> list[object]:
    return [result for result in results if not isinstance(result, str)]


def test_two_approve_and_one_of_them_did(
    strict: Program, campaign: Campaign, marta: User, farid: User, noon: datetime
):
    asked = reviews.submit(campaign, by=marta, at=noon)
    people = [farid, *(person(strict, Role.FINANCE, f"colleague-{n}") for n in range(CLIENTS - 1))]

    results = at_once(CLIENTS, lambda n: approvals.approve(asked.pk, program=strict, by=people[n], at=noon))

    assert len(done(results)) == 1
    assert results.count("not_waiting") == CLIENTS - 1
    assert Campaign.objects.get().status == CampaignStatus.APPROVED


def test_one_approves_while_the_other_withdraws(
    strict: Program, campaign: Campaign, marta: User, farid: User, noon: datetime
):
    asked = reviews.submit(campaign, by=marta, at=noon)
    steps = [
        lambda: approvals.approve(asked.pk, program=strict, by=farid, at=noon),
        lambda: approvals.withdraw(asked.pk, program=strict, by=marta, at=noon),
    ]

    results = at_once(2, lambda n: steps[n]())

    assert results.count("not_waiting") == 1
    approved = Campaign.objects.get().status == CampaignStatus.APPROVED
    assert approved == (results[1] == "not_waiting")


def test_two_publish_and_there_is_one_version(campaign: Campaign, marta: User, noon: datetime):
    results = at_once(
        CLIENTS, lambda n: campaigns.publish(campaign, definition=giving(10), by=marta, at=noon)
    )

    assert len(done(results)) == 1
    assert results.count("nothing_to_publish") == CLIENTS - 1
    assert campaign.versions.count() == 1
    assert told() == ["campaign.started"]


def test_two_pause_and_there_is_one_pause(campaign: Campaign, noon: datetime):
    campaigns.publish(campaign, definition=campaign.draft, by=None, at=noon)

    results = at_once(CLIENTS, lambda n: campaigns.pause(campaign, by=None, at=noon))

    assert results.count("campaign_not_running") == CLIENTS - 1
    assert campaign.versions.count() == 2


def test_two_rounds_start_a_campaign_once(program: Program, campaign: Campaign, noon: datetime):
    later = noon + timedelta(hours=1)
    campaigns.schedule(campaign, definition=campaign.draft, by=None, at=noon, effective_at=later)

    results = at_once(CLIENTS, lambda n: turns.keep(program, at=later))

    assert sum(results) == 1
    assert told() == ["campaign.started"]


def test_whoever_calls_it_off_before_it_starts_or_is_told_that_it_runs(
    program: Program, campaign: Campaign, noon: datetime
):
    later = noon + timedelta(hours=1)
    campaigns.schedule(campaign, definition=campaign.draft, by=None, at=noon, effective_at=later)
    steps = [
        lambda: turns.keep(program, at=later),
        lambda: campaigns.call_off(campaign, by=None, at=later),
    ]

    results = at_once(2, lambda n: steps[n]())

    runs = Campaign.objects.get().status == CampaignStatus.RUNNING
    assert runs == (results[1] == "nothing_scheduled")
    assert told() == (["campaign.started"] if runs else [])


def test_a_draft_is_not_changed_behind_the_back_of_who_looks_at_it(
    strict: Program, campaign: Campaign, marta: User, noon: datetime
):
    def edits() -> None:
        with transaction.atomic(), campaigns.changing(campaign) as locked:
            publishable.check_may_change(locked)
            locked.draft = giving(99)
            locked.save(update_fields=["draft"])

    steps = [lambda: reviews.submit(campaign, by=marta, at=noon), edits]

    at_once(2, lambda n: steps[n]())

    found = Campaign.objects.select_related("approval").get()
    assert found.approval is not None
    assert found.approval.payload["definition"] == found.draft
