"""
Who a campaign was for when its groups were drawn, written down before it can change that.

Points lift members into tiers and purchases into segments, so an audience of these is another one
later: members who are in it because of the campaign would be compared with members who are not.
"""

from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Q

from loyalty.core.db import fetch
from loyalty.core.ids import NEW_ID
from loyalty.core.models import Program
from rewards.audience.members import selection
from rewards.engine.audience import Audience
from rewards.models import Campaign, CampaignAudience, CampaignVersion
from rewards.performance import experiments
from rewards.performance.experiments import Experiment, Split

log = structlog.get_logger(__name__)

LATE_AT_MOST: Final = timedelta(days=1)
"""An audience that is found later than this has been changed by the campaign already."""


def keep(program: Program, *, at: datetime) -> int:
    """Write down the audiences of the experiments that have just begun, and say how many these were."""
    kept = 0
    for campaign, experiment in _begun(program, at=at):
        known = CampaignAudience.objects.filter(campaign=campaign, starts_at=experiment.starts_at)
        if not known.exists():
            _keep(campaign, experiment, at=at)
            kept += 1
    return kept


def _begun(program: Program, *, at: datetime) -> list[tuple[Campaign, Experiment]]:
    """Those with groups, for a part of the members, that began not long ago and go on."""
    with_groups = Q(definition__audience__control_percent__gt=0) | Q(definition__audience__has_key="variants")
    chosen = CampaignVersion.objects.filter(with_groups, program=program).values("campaign")
    versions = (
        CampaignVersion.objects.filter(program=program, campaign__in=chosen)
        .select_related("campaign__program")
        .order_by("campaign_id", "number")
    )
    found = []
    for _campaign_id, own in groupby(versions, key=lambda version: version.campaign_id):
        rows = list(own)
        begun = experiments.experiments(map(experiments.Version.of, rows), at=at)
        if begun and _is_to_be_kept(begun[-1], at=at):
            found.append((rows[0].campaign, begun[-1]))
    return found


def _is_to_be_kept(newest: Experiment, *, at: datetime) -> bool:
    split = newest.split
    is_on = newest.until(at) == at and at - newest.starts_at <= LATE_AT_MOST
    return is_on and split.is_experiment and not split.is_everyone


@transaction.atomic
def _keep(campaign: Campaign, experiment: Experiment, *, at: datetime) -> None:
    audience = CampaignAudience.objects.create(
        program=campaign.program, campaign=campaign, starts_at=experiment.starts_at, taken_at=at
    )
    members, parameters = selection(campaign.program, None, at=at, audience=_audience(experiment.split))
    fetch(
        "INSERT INTO rewards_campaignaudiencemember (id, audience_id, member_id)"
        f" SELECT {NEW_ID}, ${len(parameters) + 1}, member_id FROM ({members}) AS found",
        [*parameters, audience.pk],
        is_kept=False,
    )
    log.info("campaign_audience_kept", campaign=campaign.key, starts_at=experiment.starts_at.isoformat())


def _audience(split: Split) -> Audience:
    return Audience(
        segments=frozenset(split.segments),
        not_segments=frozenset(split.not_segments),
        tiers=frozenset(split.tiers),
    )
