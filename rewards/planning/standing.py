"""How campaigns stand at a moment: what is in force, what was changed since, whether its time has come."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from rewards.models import NEVER_PUBLISHED, OVER, Campaign, CampaignStatus, CampaignVersion
from rewards.planning import spans


@dataclass(frozen=True, slots=True)
class Standing:
    """
    What members earn by now; before anything is published, what is being worked on.

    `status` is the campaign's, or tells of a running one that its time has not come or is over: what
    `rewards.planning.turns` has not got round to yet, and the start of a newer version's schedule.
    """

    definition: dict[str, Any]
    status: str
    label: str
    has_unpublished_changes: bool


def standings(campaigns: Iterable[Campaign], *, at: datetime) -> dict[UUID, Standing]:
    """By the campaign's id. One query for all of them."""
    found = list(campaigns)
    versions: dict[UUID, list[CampaignVersion]] = {}
    if found:
        for version in _that_count(found, at=at):
            versions.setdefault(version.campaign_id, []).append(version)
    return {campaign.pk: _standing(campaign, versions.get(campaign.pk, []), at=at) for campaign in found}


def _that_count(campaigns: list[Campaign], *, at: datetime) -> QuerySet[CampaignVersion]:
    """The version in force and the newest one of each campaign, the newest first."""
    numbers = (
        CampaignVersion.objects.filter(campaign=OuterRef("campaign")).order_by("-number").values("number")
    )
    newest, in_force = Subquery(numbers[:1]), Subquery(numbers.filter(effective_at__lte=at)[:1])
    chosen = CampaignVersion.objects.filter(campaign__in=campaigns)
    return chosen.filter(Q(number=newest) | Q(number=in_force)).order_by("campaign", "-number")


def _standing(campaign: Campaign, versions: list[CampaignVersion], *, at: datetime) -> Standing:
    """`versions` as `_that_count` gives them."""
    if not versions or campaign.status in NEVER_PUBLISHED:
        return Standing(campaign.draft, campaign.status, campaign.get_status_display(), False)
    in_force = next((version for version in versions if version.effective_at <= at), None)
    shown = in_force if in_force and campaign.status != CampaignStatus.SCHEDULED else versions[0]
    status = _status(campaign, shown, is_in_force=in_force is not None, at=at)
    is_edited = campaign.draft != versions[0].definition and campaign.status not in OVER
    return Standing(shown.definition, status, str(CampaignStatus(status).label), is_edited)


def _status(campaign: Campaign, version: CampaignVersion, *, is_in_force: bool, at: datetime) -> str:
    if campaign.status != CampaignStatus.RUNNING:
        return campaign.status
    starts_at, ends_at = spans.schedule(version)
    if ends_at is not None and ends_at <= at:
        return CampaignStatus.ENDED
    if not is_in_force or (starts_at is not None and starts_at > at):
        return CampaignStatus.SCHEDULED
    return campaign.status
