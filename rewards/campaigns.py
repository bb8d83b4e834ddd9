"""
The life of a campaign: publish, schedule, call off, pause, resume, end, archive.

What members earn by is decided by its versions alone, see `rewards.spans`; its status says how far it
has come. Each step decides by the campaign as it is, locked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core import events
from loyalty.core.errors import DomainError, NotFound
from loyalty.core.models import Approval, ApprovalStatus, User
from members.models import WalletType
from rewards import budgets, given_things, spans
from rewards.engine.definition import each_effect
from rewards.engine.evaluate import compile_campaign
from rewards.engine.problems import Place
from rewards.models import OVER, UNDER_WAY, Activity, Campaign, CampaignStatus, CampaignVersion, VersionStep

# How long a form may lie there between choosing “now” and publishing.
MAY_BE_LATE: Final = timedelta(minutes=5)


class CampaignNotRunning(DomainError):
    """Only a running campaign can be paused, and only a paused one resumed."""

    code: ClassVar[str] = "campaign_not_running"
    title = gettext_lazy("The campaign is not running")


class CampaignHasEnded(DomainError):
    """A campaign that has ended stays so: make a new one."""

    code: ClassVar[str] = "campaign_has_ended"
    title = gettext_lazy("The campaign has ended")


class CampaignNotEnded(DomainError):
    """Members may earn by it: it is not put away."""

    code: ClassVar[str] = "campaign_not_ended"
    title = gettext_lazy("The campaign has not ended")


class CampaignInReview(DomainError):
    """Somebody is looking at it, so it stays as it is."""

    code: ClassVar[str] = "campaign_in_review"
    title = gettext_lazy("The campaign is in review")


class ApprovalNeeded(DomainError):
    """In this program somebody else agrees before members earn by something new."""

    code: ClassVar[str] = "approval_needed"
    title = gettext_lazy("Somebody else has to approve this first")


class NothingToPublish(DomainError):
    """Members earn by exactly this already, or will."""

    code: ClassVar[str] = "nothing_to_publish"
    title = gettext_lazy("There is nothing new to publish")


class NothingScheduled(DomainError):
    """Nothing of the campaign is still to come."""

    code: ClassVar[str] = "nothing_scheduled"
    title = gettext_lazy("Nothing is scheduled")


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
    :raises CampaignInReview: if somebody is looking at its draft
    :raises NothingToPublish: if members earn by exactly this already
    :raises ApprovalNeeded: if the program wants a second person, and none approved this definition
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
        raise EffectiveInThePast(_("Choose a moment that is still to come."), pointer="#/effective_at")
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
    :raises CampaignHasEnded: if the campaign has ended
    :raises CampaignInReview: if somebody is looking at its draft
    """
    with changing(campaign) as locked:
        check_may_change(locked)
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
            is_agreed_to = is_approved(locked, locked.draft)
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

    :raises CampaignInReview: if somebody is looking at it
    :raises CampaignNotEnded: if members earn by it, or are about to
    """
    with changing(campaign) as locked:
        if locked.status == CampaignStatus.IN_REVIEW:
            raise _in_review(locked)
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


def is_in_review(campaign: Campaign) -> bool:
    return campaign.approval is not None and campaign.approval.status == ApprovalStatus.PENDING


def is_approved(campaign: Campaign, definition: dict[str, Any]) -> bool:
    """Whether a second person agreed to exactly this definition."""
    approval = campaign.approval
    return (
        approval is not None
        and approval.status == ApprovalStatus.APPROVED
        and bool(approval.payload["definition"] == definition)
    )


def check_definition(campaign: Campaign, definition: dict[str, Any]) -> None:
    """
    :raises rewards.engine.conditions.InvalidDefinition: if it does not hold together
    :raises UnknownWalletType: if it gives points of a kind that the program does not have
    """
    _check(campaign, definition)


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
    check_may_change(locked)
    _check(locked, definition)
    _check_moment(locked, effective_at, at=at)
    _check_agreed_to(locked, definition)
    _check_changes_something(locked, definition, effective_at)
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


def check_may_change(campaign: Campaign) -> None:
    """
    :raises CampaignHasEnded: if the campaign has ended
    :raises CampaignInReview: if somebody is looking at its draft
    """
    if campaign.status in OVER:
        raise CampaignHasEnded(_("“%(name)s” has ended. Copy it to run it again.") % {"name": campaign.name})
    if is_in_review(campaign):
        raise _in_review(campaign)


def _in_review(campaign: Campaign) -> CampaignInReview:
    return CampaignInReview(_("“%(name)s” is in review: withdraw it to change it.") % {"name": campaign.name})


def _check_changes_something(campaign: Campaign, definition: dict[str, Any], effective_at: datetime) -> None:
    """Who comes second, or clicks twice, is told so."""
    newest = campaign.versions.order_by("-number").first()
    if newest is None or not newest.is_running or newest.effective_at > effective_at:
        return
    if newest.definition == definition:
        raise NothingToPublish(
            _("“%(name)s” is published like this already: it is version %(number)d.")
            % {"name": campaign.name, "number": newest.number}
        )


def _check_agreed_to(campaign: Campaign, definition: dict[str, Any]) -> None:
    if campaign.program.campaigns_need_approval and not is_approved(campaign, definition):
        raise ApprovalNeeded(
            _("Submit “%(name)s” for review: in this program somebody else approves it first.")
            % {"name": campaign.name}
        )


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
    given_things.check(definition, program=campaign.program)


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
