"""
The life of a campaign: publish, schedule, call off, pause, resume, end, archive.

What members earn by is decided by its versions alone, see `rewards.planning.spans`; its status says how far
it has come. Each step decides by the campaign as it is, locked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core import events
from loyalty.core.errors import DomainError, NotFound
from loyalty.core.models import Approval, User
from rewards.deciding import budgets
from rewards.models import UNDER_WAY, Campaign, CampaignStatus, CampaignVersion, VersionStep
from rewards.planning import publishable, spans


class CampaignNotRunning(DomainError):
    """Only a running campaign can be paused, and only a paused one resumed."""

    code: ClassVar[str] = "campaign_not_running"
    title = gettext_lazy("The campaign is not running")


class CampaignNotEnded(DomainError):
    """Members may earn by it: it is not put away."""

    code: ClassVar[str] = "campaign_not_ended"
    title = gettext_lazy("The campaign has not ended")


class NothingScheduled(DomainError):
    """Nothing of the campaign is still to come."""

    code: ClassVar[str] = "nothing_scheduled"
    title = gettext_lazy("Nothing is scheduled")


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

    :raises rewards.engine.problems.InvalidDefinition: if it does not hold together; says where and why
    :raises rewards.planning.publishable.UnknownWalletType: if the program has no such kind of points
    :raises rewards.planning.publishable.CampaignHasEnded: if the campaign has ended
    :raises rewards.planning.publishable.CampaignInReview: if somebody is looking at its draft
    :raises rewards.planning.publishable.NothingToPublish: if members earn by exactly this already
    :raises rewards.planning.publishable.ApprovalNeeded: if a second person has to approve it first
    :raises EffectiveInThePast: if it would change what earned points already
    """
    with changing(campaign) as locked:
        return _publish(locked, definition, by=by, at=at, effective_at=effective_at or at)


def schedule(
    campaign: Campaign, *, definition: dict[str, Any], by: User | None, at: datetime, effective_at: datetime
) -> CampaignVersion:
    """
    Put a definition in force at a moment that is still to come. It starts by itself.

    :raises EffectiveInThePast: if that moment has passed
    :raises: what `publish()` raises
    """
    if effective_at <= at:
        raise publishable.EffectiveInThePast(
            _("Choose a moment that is still to come."), pointer="#/effective_at"
        )
    return publish(campaign, definition=definition, by=by, at=at, effective_at=effective_at)


def revert(campaign: Campaign, *, number: int, by: User | None, at: datetime) -> CampaignVersion:
    """
    Let members earn by an older version's definition again, from now on.

    :raises loyalty.core.errors.NotFound: if the campaign has no version of that number
    :raises: what `publish()` raises
    """
    with changing(campaign) as locked:
        older = version_of(locked, number)
        step, definition = VersionStep.REVERTED, older.definition
        return _publish(locked, definition, by=by, at=at, effective_at=at, step=step, taken_from=number)


def redraft(campaign: Campaign, *, number: int) -> None:
    """
    Work on from an older version's definition.

    :raises loyalty.core.errors.NotFound: if the campaign has no version of that number
    :raises rewards.planning.publishable.CampaignHasEnded: if the campaign has ended
    :raises rewards.planning.publishable.CampaignInReview: if somebody is looking at its draft
    """
    with changing(campaign) as locked:
        publishable.check_may_change(locked)
        locked.draft = version_of(locked, number).definition
        locked.save(update_fields=["draft"])
        locked.refresh_from_db()


def call_off(campaign: Campaign, *, by: User | None, at: datetime) -> CampaignVersion:
    """
    Take back what is scheduled, before it begins. What is in force stays so.

    :raises NothingScheduled: if nothing is still to come
    """
    with changing(campaign) as locked:
        is_paused = locked.status == CampaignStatus.PAUSED
        planned = to_come(locked, at=at)
        if not planned and locked.status != CampaignStatus.SCHEDULED:
            raise NothingScheduled(_("Nothing of “%(name)s” is still to come.") % {"name": locked.name})
        if locked.status == CampaignStatus.SCHEDULED:
            is_agreed_to = publishable.is_approved(locked, locked.draft)
            locked.status = CampaignStatus.APPROVED if is_agreed_to else CampaignStatus.DRAFT
            return _stand_still(locked, VersionStep.CALLED_OFF, by=by, at=at)
        going_on = _current(spans.without_pauses(_versions(locked)), at)
        called_off = _again(locked, going_on, step=VersionStep.CALLED_OFF, by=by, at=at)
        # A pause stays one: what was called off is not there any more when it is over.
        return _stand_still(locked, VersionStep.PAUSED, by=by, at=at) if is_paused else called_off


def pause(campaign: Campaign, *, by: User | None, at: datetime) -> CampaignVersion:
    """
    Stop giving points for what happens from now on. What happened before still earns.

    :raises CampaignNotRunning: if it is not running
    """
    with changing(campaign) as locked:
        if locked.status != CampaignStatus.RUNNING:
            raise CampaignNotRunning(_("“%(name)s” is not running.") % {"name": locked.name})
        locked.status = CampaignStatus.PAUSED
        return _stand_still(locked, VersionStep.PAUSED, by=by, at=at)


def resume(campaign: Campaign, *, by: User | None, at: datetime) -> CampaignVersion:
    """
    Let a paused campaign run on as if there had been no pause: what was scheduled takes its turn.

    :raises CampaignNotRunning: if it is not paused
    """
    with changing(campaign) as locked:
        if locked.status != CampaignStatus.PAUSED:
            raise CampaignNotRunning(_("“%(name)s” is not paused.") % {"name": locked.name})
        planned = spans.without_pauses(_versions(locked))
        locked.status = CampaignStatus.RUNNING
        resumed = _again(locked, _current(planned, at), step=VersionStep.RESUMED, by=by, at=at)
        for span in spans.upcoming(planned, at):
            _again(locked, span.version, step=span.version.step, by=by, at=at, effective_at=span.starts_at)
        return resumed


def end(campaign: Campaign, *, by: User | None, at: datetime) -> CampaignVersion:
    """
    Stop for good.

    :raises CampaignNotRunning: if it was never published, or has ended
    """
    with changing(campaign) as locked:
        if locked.status not in (CampaignStatus.RUNNING, CampaignStatus.PAUSED):
            raise CampaignNotRunning(_("“%(name)s” is not running.") % {"name": locked.name})
        locked.status = CampaignStatus.ENDED
        version = _stand_still(locked, VersionStep.ENDED, by=by, at=at)
        tell(locked, "campaign.ended", version, occurred_at=at, at=at)
        return version


def archive(campaign: Campaign, *, by: User | None, at: datetime) -> None:
    """
    Put away what has ended, or was never published.

    :raises rewards.planning.publishable.CampaignInReview: if somebody is looking at it
    :raises CampaignNotEnded: if members earn by it, or are about to
    """
    with changing(campaign) as locked:
        if locked.status == CampaignStatus.IN_REVIEW:
            raise publishable.in_review(locked)
        if locked.status not in (CampaignStatus.ENDED, CampaignStatus.DRAFT):
            raise CampaignNotEnded(
                _("“%(name)s” has not ended, so it stays in the list.") % {"name": locked.name}
            )
        locked.status = CampaignStatus.ARCHIVED
        locked.save(update_fields=["status"])


def unarchive(campaign: Campaign, *, by: User | None, at: datetime) -> None:
    """
    Put it back into the list, as it was.

    :raises CampaignNotEnded: if it is not archived
    """
    with changing(campaign) as locked:
        if locked.status != CampaignStatus.ARCHIVED:
            raise CampaignNotEnded(_("“%(name)s” is not archived.") % {"name": locked.name})
        has_run = bool(spans.runs(_spans(locked)))
        locked.status = CampaignStatus.ENDED if has_run else CampaignStatus.DRAFT
        locked.save(update_fields=["status"])


@contextmanager
def changing(campaign: Campaign) -> Iterator[Campaign]:
    """
    The campaign as it is now, which nobody else changes until the step is done.

    The caller's object, which may be older, then tells what came of it.
    """
    with transaction.atomic():
        locked = held(campaign.pk)
        yield locked
    for field in ("status", "draft", "approval_id", "turns_at"):
        setattr(campaign, field, getattr(locked, field))


def held(campaign_id: UUID) -> Campaign:
    """The campaign, locked until the transaction ends."""
    # Its approval is read once the lock is held: one that was asked for meanwhile is not in the snapshot
    # of a statement that had to wait.
    return Campaign.objects.select_for_update(of=("self",)).select_related("program").get(pk=campaign_id)


def version_of(campaign: Campaign, number: int) -> CampaignVersion:
    """:raises loyalty.core.errors.NotFound: if there is none"""
    found = campaign.versions.filter(number=number).first()
    if found is None:
        raise NotFound(_("The campaign has no version %(number)d.") % {"number": number})
    return found


def _publish(
    locked: Campaign,
    definition: dict[str, Any],
    *,
    by: User | None,
    at: datetime,
    effective_at: datetime,
    step: VersionStep = VersionStep.PUBLISHED,
    taken_from: int | None = None,
) -> CampaignVersion:
    publishable.check_may_change(locked)
    publishable.check_definition(locked, definition)
    publishable.check_moment(locked, effective_at, at=at)
    publishable.check_agreed_to(locked, definition)
    publishable.check_changes_something(locked, definition, effective_at)
    if locked.draft != definition:
        # The draft that a second person approved is not this one any more.
        locked.draft, locked.approval = definition, None
    version = _add_version(
        locked,
        definition=definition,
        step=step,
        is_running=True,
        by=by,
        effective_at=effective_at,
        approval=locked.approval,
        taken_from=taken_from,
    )
    _begin(locked, version, at=at)
    return version


def _begin(locked: Campaign, version: CampaignVersion, *, at: datetime) -> None:
    """Where the campaign is, now that this version was published."""
    first, _last = spans.schedule(version)
    begins_at = max(filter(None, (version.effective_at, first)))
    was, is_new = locked.status, locked.status not in (CampaignStatus.RUNNING, CampaignStatus.PAUSED)
    if is_new:
        locked.status = CampaignStatus.SCHEDULED if begins_at > at else CampaignStatus.RUNNING
    elif was == CampaignStatus.PAUSED and version.effective_at <= at:
        locked.status = CampaignStatus.RUNNING
    _store(locked, at=at)
    if is_new and locked.status == CampaignStatus.RUNNING:
        tell(locked, "campaign.started", version, occurred_at=at, at=at)


def _stand_still(locked: Campaign, step: VersionStep, *, by: User | None, at: datetime) -> CampaignVersion:
    """A version by which nobody earns, of what is in force or would have been."""
    found = _spans(locked)
    last = spans.at(found, at) or found[-1]
    return _again(locked, last.version, step=step, by=by, at=at, is_running=False)


def _again(
    locked: Campaign,
    version: CampaignVersion,
    *,
    step: str,
    by: User | None,
    at: datetime,
    effective_at: datetime | None = None,
    is_running: bool | None = None,
) -> CampaignVersion:
    """The same definition as of that version, from a moment on."""
    added = _add_version(
        locked,
        definition=version.definition,
        step=step,
        is_running=version.is_running if is_running is None else is_running,
        by=by,
        effective_at=effective_at or at,
        approval=version.approval,
        taken_from=version.number if effective_at else None,
    )
    _store(locked, at=at)
    return added


def _current(found: list[spans.Span], at: datetime) -> CampaignVersion:
    """What counts now; where a test clock or a late publisher left nothing, what counts first."""
    span = spans.at(found, at)
    return (span or found[0]).version


def to_come(campaign: Campaign, *, at: datetime) -> list[spans.Span]:
    """What is scheduled, and can still be called off; of a paused campaign, what will be once it runs on."""
    versions = _versions(campaign)
    is_paused = campaign.status == CampaignStatus.PAUSED
    return spans.upcoming(spans.without_pauses(versions) if is_paused else spans.spans(versions), at)


def _versions(campaign: Campaign) -> list[CampaignVersion]:
    return list(campaign.versions.select_related("approval"))


def _spans(campaign: Campaign) -> list[spans.Span]:
    return spans.spans(_versions(campaign))


def _add_version(
    locked: Campaign,
    *,
    definition: dict[str, Any],
    step: str,
    is_running: bool,
    by: User | None,
    effective_at: datetime,
    approval: Approval | None,
    taken_from: int | None,
) -> CampaignVersion:
    newest = locked.versions.order_by("-number").first()
    budgets.allot(locked, definition)
    return CampaignVersion.objects.create(
        program=locked.program,
        campaign=locked,
        number=newest.number + 1 if newest else 1,
        step=step,
        is_running=is_running,
        definition=definition,
        effective_at=effective_at,
        published_by=by,
        approval=approval,
        taken_from=taken_from,
    )


def _store(locked: Campaign, *, at: datetime) -> None:
    locked.turns_at = None
    if locked.status in UNDER_WAY:
        locked.turns_at = spans.next_turn(_spans(locked), at)
    locked.save(update_fields=["status", "draft", "approval", "turns_at"])


def tell(
    campaign: Campaign, event_type: str, version: CampaignVersion, *, occurred_at: datetime, at: datetime
) -> None:
    """Have the world know that it started or ended. A pause is neither an end nor, when over, a start."""
    event = events.NewEvent(
        type=event_type,
        program_id=campaign.program_id,
        member_id=None,
        occurred_at=occurred_at,
        recorded_at=at,
        data={"campaign": campaign.key, "version": version.number, "status": campaign.status},
    )
    events.publish([event])
