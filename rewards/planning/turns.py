"""
What campaigns do by themselves: begin, go on with a scheduled version, and end.

What members earn by needs none of this, as versions and schedules decide it at any moment. This only
has the status follow, and tells the world.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from loyalty.core.models import Program
from rewards.models import UNDER_WAY, Campaign, CampaignStatus
from rewards.planning import campaigns, spans


def keep(program: Program, *, at: datetime) -> int:
    """Have all campaigns of the program be where they are by that moment; how many had to move."""
    due = Campaign.objects.filter(program=program).due(at).order_by("turns_at", "pk")
    return sum(_turn(campaign_id, at=at) for campaign_id in list(due.values_list("pk", flat=True)))


@transaction.atomic
def _turn(campaign_id: UUID, *, at: datetime) -> bool:
    """Whether it moved. Somebody may have paused or called it off since it was found."""
    campaign = campaigns.held(campaign_id)
    found = spans.spans(campaign.versions.all())
    was = campaign.status
    if campaign.status == CampaignStatus.SCHEDULED:
        _start(campaign, found, at=at)
    elif campaign.status == CampaignStatus.PAUSED:
        _go_on(campaign, found, at=at)
    if campaign.status in (CampaignStatus.RUNNING, CampaignStatus.PAUSED):
        _end(campaign, found, at=at)
    is_alive = campaign.status in UNDER_WAY
    campaign.turns_at = spans.next_turn(found, at) if is_alive else None
    campaign.save(update_fields=["turns_at"])
    return campaign.status != was


def _start(campaign: Campaign, found: list[spans.Span], *, at: datetime) -> None:
    begun = [run for run in spans.runs(found) if run.starts_at <= at]
    if begun:
        _move(campaign, CampaignStatus.RUNNING)
        first = begun[0]
        campaigns.tell(campaign, "campaign.started", first.version, occurred_at=first.starts_at, at=at)


def _go_on(campaign: Campaign, found: list[spans.Span], *, at: datetime) -> None:
    """A version that was published during the pause, for later, ends it."""
    span = spans.at(found, at)
    if span is not None and span.version.is_running:
        _move(campaign, CampaignStatus.RUNNING)


def _end(campaign: Campaign, found: list[spans.Span], *, at: datetime) -> None:
    span = spans.at(found, at)
    if span is not None and spans.is_over(found, at):
        _move(campaign, CampaignStatus.ENDED)
        _first, last = spans.schedule(span.version)
        occurred_at = max(filter(None, (last, span.starts_at)))
        campaigns.tell(campaign, "campaign.ended", span.version, occurred_at=occurred_at, at=at)


def _move(campaign: Campaign, status: CampaignStatus) -> None:
    campaign.status = status
    campaign.save(update_fields=["status"])
