"""
Counting a campaign's results: asked for by somebody or by the clock, carried out by a worker, kept.

The figures say from when they are; while they are counted anew, or if that fails, the last ones stay.
"""

from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from loyalty.core.models import Program
from rewards.models import NEVER_PUBLISHED, Campaign, CampaignMeasurement, CampaignStatus, MeasurementStatus
from rewards.performance import figures, loading

log = structlog.get_logger(__name__)

KEPT_FOR: Final = timedelta(hours=6)
"""How old the figures of a running campaign may become before they are counted by themselves."""
NOT_BEGUN: Final = (*NEVER_PUBLISHED, CampaignStatus.SCHEDULED)
LOST_AFTER: Final = timedelta(minutes=30)
"""A worker that is not done by then has died; a statement may take ten minutes."""


def ask(campaign: Campaign) -> tuple[CampaignMeasurement, bool]:
    """The campaign's measurement, and whether it now waits for a worker and did not before."""
    now = timezone.now()
    with transaction.atomic():
        measurement, is_new = CampaignMeasurement.objects.select_for_update(of=("self",)).get_or_create(
            campaign=campaign, defaults={"program": campaign.program, "asked_at": now}
        )
        if not is_new:
            if measurement.is_under_way and measurement.asked_at > now - LOST_AFTER:
                return measurement, False
            measurement.status, measurement.asked_at = MeasurementStatus.WAITING, now
            measurement.save(update_fields=["status", "asked_at"])
    return measurement, True


def carry_out(measurement: CampaignMeasurement, *, at: datetime) -> None:
    """Count what happened until a moment, and keep it; one that has begun already is left alone."""
    waiting = CampaignMeasurement.objects.filter(pk=measurement.pk, status=MeasurementStatus.WAITING)
    if not waiting.update(status=MeasurementStatus.RUNNING):
        return
    began = monotonic()
    try:
        found = loading.figures(measurement.campaign, at=at)
    except Exception as error:
        _keep(measurement, status=MeasurementStatus.FAILED, problem=type(error).__name__)
        raise
    seconds = round(monotonic() - began, 2)
    kept = figures.stored(found) if found else {}
    _keep(
        measurement, status=MeasurementStatus.DONE, figures=kept, counted_at=at, seconds=seconds, problem=""
    )
    log.info("campaign_measured", campaign=measurement.campaign.key, seconds=seconds)


def _keep(measurement: CampaignMeasurement, **values: object) -> None:
    CampaignMeasurement.objects.filter(pk=measurement.pk).update(**values)
    measurement.refresh_from_db()


def measure(campaign: Campaign, *, at: datetime) -> CampaignMeasurement:
    """Ask and carry out at once."""
    measurement, _is_new = ask(campaign)
    carry_out(measurement, at=at)
    return measurement


def due(program: Program, *, at: datetime) -> list[Campaign]:
    """
    Campaigns whose figures are missing or old.

    Of those that stopped, until a count has seen that they are over; then only when somebody asks.
    """
    missing, old = Q(measurement__isnull=True), Q(measurement__counted_at__lt=at - KEPT_FOR)
    goes_on = Q(status=CampaignStatus.RUNNING) | Q(measurement__figures__compared__is_over=False)
    begun = Campaign.objects.filter(program=program).exclude(status__in=NOT_BEGUN)
    return list(begun.filter(missing | (old & goes_on)).select_related("program").order_by("key"))
