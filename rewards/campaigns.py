"""The life of a campaign: publish, pause, resume, end. Each step is a new version."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from django.db import transaction

from loyalty.core import events
from loyalty.core.db import Batch
from loyalty.core.errors import DomainError
from loyalty.core.models import User
from members.models import WalletType
from rewards import budgets
from rewards.engine.definition import each_effect
from rewards.engine.evaluate import compile_campaign
from rewards.engine.problems import Place
from rewards.models import Activity, Campaign, CampaignStatus, CampaignVersion

# How long a form may lie there between choosing “now” and publishing.
MAY_BE_LATE: Final = timedelta(minutes=5)


class CampaignNotRunning(DomainError):
    """Only a running campaign can be paused."""

    code: ClassVar[str] = "campaign_not_running"
    title: ClassVar[str] = "The campaign is not running"


class CampaignHasEnded(DomainError):
    """A campaign that has ended stays so: make a new one."""

    code: ClassVar[str] = "campaign_has_ended"
    title: ClassVar[str] = "The campaign has ended"


class EffectiveInThePast(DomainError):
    """What happened is explained by the rules of when it happened; new rules are for what comes."""

    code: ClassVar[str] = "effective_in_the_past"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "That moment is past"


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
    :raises EffectiveInThePast: if it would change what earned points already
    """
    with _step(campaign) as locked:
        if locked.status == CampaignStatus.ENDED:
            raise CampaignHasEnded(f"“{locked.name}” has ended. Copy it to run it again.")
        _check(locked, definition)
        _check_moment(locked, effective_at or at, at=at)
        locked.draft = definition
        return _add_version(
            locked,
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
    with _step(campaign) as locked:
        if locked.status != CampaignStatus.RUNNING:
            raise CampaignNotRunning(f"“{locked.name}” is not running.")
        return _turn(locked, CampaignStatus.PAUSED, by=by, at=at)


def resume(campaign: Campaign, *, by: User | None, at: datetime) -> CampaignVersion:
    """
    Let a paused campaign run on, by the definition that was in force before.

    :raises CampaignNotRunning: if it is not paused
    """
    with _step(campaign) as locked:
        if locked.status != CampaignStatus.PAUSED:
            raise CampaignNotRunning(f"“{locked.name}” is not paused.")
        return _turn(locked, CampaignStatus.RUNNING, by=by, at=at)


def end(campaign: Campaign, *, by: User | None, at: datetime) -> CampaignVersion:
    """
    Stop for good.

    :raises CampaignNotRunning: if it was never published, or has ended
    """
    with _step(campaign) as locked:
        if locked.status not in (CampaignStatus.RUNNING, CampaignStatus.PAUSED):
            raise CampaignNotRunning(f"“{locked.name}” is not running.")
        return _turn(locked, CampaignStatus.ENDED, by=by, at=at)


@contextmanager
def _step(campaign: Campaign) -> Iterator[Campaign]:
    """
    The campaign as it is now, which nobody else changes until the step is done.

    The caller's object, which may be older, then tells what came of it.
    """
    with transaction.atomic():
        locked = (
            Campaign.objects.select_for_update(of=("self",)).select_related("program").get(pk=campaign.pk)
        )
        yield locked
    campaign.status, campaign.draft = locked.status, locked.draft


def _turn(locked: Campaign, status: CampaignStatus, *, by: User | None, at: datetime) -> CampaignVersion:
    definition = locked.versions.order_by("-number")[0].definition
    return _add_version(locked, definition=definition, status=status, by=by, at=at, effective_at=at)


def _check(campaign: Campaign, definition: dict[str, Any]) -> None:
    compile_campaign(
        version_id=campaign.pk, campaign_key=campaign.key, name=campaign.name, definition=definition
    )
    known = set(WalletType.objects.filter(program=campaign.program).values_list("key", flat=True))
    for place, effect in each_effect(definition, Place()):
        asked = effect.get("wallet_type")
        if asked is not None and asked not in known:
            raise UnknownWalletType(
                f"The program has no points called “{asked}”; it has {', '.join(sorted(known))}.",
                pointer=f"{place.pointer}/wallet_type",
            )


def _check_moment(campaign: Campaign, effective_at: datetime, *, at: datetime) -> None:
    """What was explained to a member stays explained by the versions that were in force."""
    if effective_at >= at - MAY_BE_LATE:
        return
    if Activity.objects.filter(program=campaign.program).exists():
        raise EffectiveInThePast(
            "Members have earned points already. Choose a moment that is still to come.",
            pointer="#/effective_at",
        )


def _add_version(
    locked: Campaign,
    *,
    definition: dict[str, Any],
    status: CampaignStatus,
    by: User | None,
    at: datetime,
    effective_at: datetime,
) -> CampaignVersion:
    newest = locked.versions.order_by("-number").first()
    budgets.allot(locked, definition)
    version = CampaignVersion.objects.create(
        program=locked.program,
        campaign=locked,
        number=newest.number + 1 if newest else 1,
        is_running=status == CampaignStatus.RUNNING,
        definition=definition,
        effective_at=effective_at,
        published_by=by,
    )
    before, locked.status = locked.status, status
    locked.save(update_fields=["status", "draft"])
    _tell(locked, version, before=before, at=at)
    return version


def _tell(campaign: Campaign, version: CampaignVersion, *, before: str, at: datetime) -> None:
    """A pause is neither an end nor, when it is over, a start."""
    if campaign.status == CampaignStatus.ENDED:
        event_type = "campaign.ended"
    elif before == CampaignStatus.DRAFT:
        event_type = "campaign.started"
    else:
        return
    batch = Batch()
    event = events.NewEvent(
        type=event_type,
        program_id=campaign.program_id,
        member_id=None,
        occurred_at=at,
        recorded_at=at,
        data={"campaign": campaign.key, "version": version.number, "status": campaign.status},
    )
    events.add_to(batch, [event])
    batch.write()
