"""The life of a campaign: publish, pause, resume, end. Each step is a new version."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import transaction

from loyalty.core.errors import DomainError
from loyalty.core.models import Event, User
from members.models import WalletType
from rewards.engine.evaluate import compile_campaign
from rewards.models import Campaign, CampaignStatus, CampaignVersion


class CampaignNotRunning(DomainError):
    """Only a running campaign can be paused."""

    code: ClassVar[str] = "campaign_not_running"
    title: ClassVar[str] = "The campaign is not running"


class CampaignHasEnded(DomainError):
    """A campaign that has ended stays so: make a new one."""

    code: ClassVar[str] = "campaign_has_ended"
    title: ClassVar[str] = "The campaign has ended"


class UnknownWalletType(DomainError):
    """The program has no wallet type with that key."""

    code: ClassVar[str] = "unknown_wallet_type"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "There is no such wallet type"


def publish(
    campaign: Campaign,
    *,
    definition: dict[str, Any],
    by: User | None,
    at: datetime,
    effective_at: datetime | None = None,
) -> CampaignVersion:
    """
    Put a definition in force, now or from a later (or, for a new program, an earlier) moment on.

    :raises rewards.engine.conditions.InvalidDefinition: if it does not hold together; says where and why
    :raises UnknownWalletType: if it gives points of a kind that the program does not have
    :raises CampaignHasEnded: if the campaign has ended
    """
    if campaign.status == CampaignStatus.ENDED:
        raise CampaignHasEnded(f"“{campaign.name}” has ended. Copy it to run it again.")
    _check(campaign, definition)
    return _add_version(
        campaign,
        definition=definition,
        status=CampaignStatus.RUNNING,
        by=by,
        at=at,
        effective_at=effective_at or at,
    )


def pause(campaign: Campaign, *, by: User | None, at: datetime) -> CampaignVersion:
    """
    Stop giving points for what happens from now on. What happened before still earns.

    :raises CampaignNotRunning: if it is not running
    """
    return _stop(campaign, status=CampaignStatus.PAUSED, by=by, at=at)


def resume(campaign: Campaign, *, by: User | None, at: datetime) -> CampaignVersion:
    """
    Let a paused campaign run on, by the definition that was in force before.

    :raises CampaignNotRunning: if it is not paused
    """
    if campaign.status != CampaignStatus.PAUSED:
        raise CampaignNotRunning(f"“{campaign.name}” is not paused.")
    definition = _newest(campaign).definition
    return _add_version(
        campaign, definition=definition, status=CampaignStatus.RUNNING, by=by, at=at, effective_at=at
    )


def end(campaign: Campaign, *, by: User | None, at: datetime) -> CampaignVersion:
    """
    Stop for good.

    :raises CampaignNotRunning: if it was never published, or has ended
    """
    return _stop(campaign, status=CampaignStatus.ENDED, by=by, at=at)


def _stop(campaign: Campaign, *, status: CampaignStatus, by: User | None, at: datetime) -> CampaignVersion:
    stoppable = {CampaignStatus.RUNNING} | (
        {CampaignStatus.PAUSED} if status == CampaignStatus.ENDED else set()
    )
    if campaign.status not in stoppable:
        raise CampaignNotRunning(f"“{campaign.name}” is not running.")
    definition = _newest(campaign).definition
    return _add_version(campaign, definition=definition, status=status, by=by, at=at, effective_at=at)


def _newest(campaign: Campaign) -> CampaignVersion:
    return campaign.versions.order_by("-number")[0]


def _check(campaign: Campaign, definition: dict[str, Any]) -> None:
    compile_campaign(
        version_id=campaign.pk, campaign_key=campaign.key, name=campaign.name, definition=definition
    )
    known = set(WalletType.objects.filter(program=campaign.program).values_list("key", flat=True))
    for position, effect in enumerate(definition["effects"]):
        if (asked := effect["wallet_type"]) not in known:
            raise UnknownWalletType(
                f"The program has no points called “{asked}”; it has {', '.join(sorted(known))}.",
                pointer=f"#/effects/{position}/wallet_type",
            )


@transaction.atomic
def _add_version(
    campaign: Campaign,
    *,
    definition: dict[str, Any],
    status: CampaignStatus,
    by: User | None,
    at: datetime,
    effective_at: datetime,
) -> CampaignVersion:
    locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
    newest = locked.versions.order_by("-number").first()
    version = CampaignVersion.objects.create(
        program=locked.program,
        campaign=locked,
        number=newest.number + 1 if newest else 1,
        is_running=status == CampaignStatus.RUNNING,
        definition=definition,
        effective_at=effective_at,
        published_by=by,
    )
    was_running = locked.status == CampaignStatus.RUNNING
    campaign.status = locked.status = status
    campaign.draft = locked.draft = definition
    locked.save(update_fields=["status", "draft"])
    _tell(locked, version, was_running=was_running, at=at)
    return version


def _tell(campaign: Campaign, version: CampaignVersion, *, was_running: bool, at: datetime) -> None:
    if version.is_running != was_running:
        Event.objects.create(
            program=campaign.program,
            type="campaign.started" if version.is_running else "campaign.ended",
            data={"campaign": campaign.key, "version": version.number, "status": campaign.status},
            occurred_at=at,
        )
