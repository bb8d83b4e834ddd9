"""Who did what with a campaign, newest first: drafts, reviews, versions and pauses in one line of time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from loyalty.core import audit
from loyalty.core.models import Approval, ApprovalStatus, User
from rewards.models import Campaign, CampaignStatus, CampaignVersion, VersionStep
from rewards.planning import differences

NEWEST: Final = 100
ONE_SITTING: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Deed:
    """
    Something that somebody did; `by` is None for what the program did by itself.

    `icon` is a symbol's name, `tone` a chip's colour; `version` is a number to look at, `changes` say
    what of a draft is another.
    """

    at: datetime
    by: User | None
    text: str
    icon: str = "edit"
    tone: str = ""
    note: str = ""
    version: int | None = None
    changes: tuple[differences.Difference, ...] = ()


def of(campaign: Campaign) -> list[Deed]:
    """The newest deeds, newest first."""
    deeds = [*_drafts(campaign), *_reviews(campaign), *_versions(campaign)]
    return sorted(deeds, key=lambda deed: deed.at, reverse=True)[:NEWEST]


_FIELDS: Final = ("name", "description")


def _drafts(campaign: Campaign) -> Iterator[Deed]:
    for step in _joined(audit.trail(campaign)):
        if step.action == "insert":
            yield Deed(step.at, step.by, _("began the campaign"), icon="add_circle")
        for field in step.fields:
            deed = _of_field(field, step, campaign)
            if deed is not None:
                yield deed
        if step.summary:
            yield Deed(step.at, step.by, step.summary, icon="notes")


def _joined(steps: Iterable[audit.Step]) -> Iterator[audit.Step]:
    """Drafts are saved as one types: what one person changed of them in one sitting is one change."""
    later: audit.Step | None = None
    for step in steps:
        if later is not None and _is_one_sitting(step, later):
            (first,), (last,) = step.fields, later.fields
            later = replace(later, fields=(replace(last, before=first.before),))
            continue
        if later is not None:
            yield later
        later = step
    if later is not None:
        yield later


def _is_one_sitting(step: audit.Step, later: audit.Step) -> bool:
    are_drafts = all([field.name for field in each.fields] == ["draft"] for each in (step, later))
    return are_drafts and step.by == later.by and later.at - step.at < ONE_SITTING


def _of_field(field: audit.FieldChange, step: audit.Step, campaign: Campaign) -> Deed | None:
    if field.name == "draft":
        found = differences.between(field.before, field.after, program=campaign.program)
        changes = tuple(each for each in found if each.change != differences.SAME)
        if not changes:
            return None
        return Deed(step.at, step.by, _("changed the draft"), icon="edit_note", changes=changes)
    if field.name in _FIELDS:
        told = {"field": field.label, "before": field.before or "–", "after": field.after or "–"}
        return Deed(step.at, step.by, _("changed the %(field)s: “%(before)s” → “%(after)s”") % told)
    if field.name == "status":
        return _of_status(field, step)
    return None


def _of_status(field: audit.FieldChange, step: audit.Step) -> Deed | None:
    if field.after == CampaignStatus.ARCHIVED:
        return Deed(step.at, step.by, _("put it into the archive"), icon="inventory_2")
    if field.before == CampaignStatus.ARCHIVED:
        return Deed(step.at, step.by, _("took it out of the archive"), icon="unarchive")
    if step.by is None and field.after == CampaignStatus.RUNNING:
        return Deed(step.at, None, _("began to run, as scheduled"), icon="play_circle", tone="success")
    if step.by is None and field.after == CampaignStatus.ENDED:
        return Deed(step.at, None, _("ended, as scheduled"), icon="stop_circle", tone="danger")
    return None


def _reviews(campaign: Campaign) -> Iterator[Deed]:
    asked = Approval.objects.of(campaign.program).filter(subject_id=campaign.pk, kind="campaign")
    for approval in asked.select_related("requested_by", "decided_by").order_by("-pk")[:NEWEST]:
        yield Deed(
            approval.requested_at,
            approval.requested_by,
            _("submitted it for review"),
            icon="rate_review",
            tone="info",
            note=approval.note,
        )
        if approval.decided_at is not None:
            yield _decision(approval, approval.decided_at)


def _decision(approval: Approval, at: datetime) -> Deed:
    if approval.status == ApprovalStatus.APPROVED:
        text, icon, tone = _("approved it"), "check_circle", "success"
    elif approval.status == ApprovalStatus.REJECTED:
        text, icon, tone = _("rejected it"), "cancel", "danger"
    elif approval.status == ApprovalStatus.WITHDRAWN:
        return Deed(at, approval.requested_by, _("withdrew it from review"), icon="undo")
    else:
        return Deed(at, None, _("closed the review, as nobody decided in time"), icon="timer_off")
    return Deed(at, approval.decided_by, text, icon=icon, tone=tone, note=approval.decision_note)


_STEP_ICONS: Final = {
    VersionStep.PUBLISHED: ("rocket_launch", "success"),
    VersionStep.REVERTED: ("history", "success"),
    VersionStep.PAUSED: ("pause_circle", "warning"),
    VersionStep.RESUMED: ("play_circle", "success"),
    VersionStep.CALLED_OFF: ("event_busy", "warning"),
    VersionStep.ENDED: ("stop_circle", "danger"),
}


def _versions(campaign: Campaign) -> Iterator[Deed]:
    rows = campaign.versions.select_related("published_by").defer("definition").order_by("-number")
    for version in rows[:NEWEST]:
        icon, tone = _STEP_ICONS[VersionStep(version.step)]
        yield Deed(
            at=version.published_at,
            by=version.published_by,
            text=_said(version),
            icon=icon,
            tone=tone,
            version=version.number,
        )


def _said(version: CampaignVersion) -> str:
    texts = {
        VersionStep.PAUSED: _("paused it"),
        VersionStep.RESUMED: _("let it run on"),
        VersionStep.CALLED_OFF: _("called off what was scheduled"),
        VersionStep.ENDED: _("ended it for good"),
    }
    told = {"number": version.number, "old": version.taken_from, "when": _when(version)}
    if version.step == VersionStep.REVERTED:
        return _("went back to version %(old)d, as version %(number)d") % told
    if version.step == VersionStep.PUBLISHED and version.effective_at > version.published_at:
        return _("scheduled version %(number)d for %(when)s") % told
    return texts.get(VersionStep(version.step)) or _("published version %(number)d") % told


def _when(version: CampaignVersion) -> str:
    return formats.date_format(timezone.localtime(version.effective_at), "DATETIME_FORMAT")
