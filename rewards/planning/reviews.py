"""Campaigns that a second person looks at before members earn by them. See Note [Second person]."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from loyalty.core import approvals, audit
from loyalty.core.approvals import Fact, Kind
from loyalty.core.errors import DomainError
from loyalty.core.models import Approval, User
from rewards.engine.definition import digest
from rewards.models import Campaign, CampaignStatus, CampaignVersion
from rewards.planning import campaigns, differences, publishable
from rewards.telling import wording

APPROVAL: Final = "campaign"
MAY_APPROVE: Final = "rewards.approve_campaign"
SHOWN_AT_MOST: Final = 12


class NothingToReview(DomainError):
    """Members earn by exactly this already, or somebody approved it."""

    code: ClassVar[str] = "nothing_to_review"
    title = gettext_lazy("There is nothing new to look at")


class DraftHasChanged(DomainError):
    """The draft is not what was asked about."""

    code: ClassVar[str] = "draft_has_changed"
    title = gettext_lazy("The draft has changed meanwhile")


class OwnDraft(DomainError):
    """Whoever wrote a draft does not approve it, even if somebody else submitted it."""

    code: ClassVar[str] = "own_draft"
    status: ClassVar[int] = 403
    title = gettext_lazy("Nobody approves what they wrote themselves")


@transaction.atomic
def submit(campaign: Campaign, *, by: User, at: datetime, note: str = "") -> Approval:
    """
    Ask a second person to look at the draft as it is now. It stays so until they decide.

    :raises rewards.engine.problems.InvalidDefinition: if the draft does not hold together
    :raises UnknownWalletType: if it gives points of a kind that the program does not have
    :raises CampaignHasEnded: if the campaign has ended
    :raises CampaignInReview: if somebody is looking at it already
    :raises NothingToReview: if it was approved as it is, or is what members earn by
    """
    with campaigns.changing(campaign) as locked:
        publishable.check_may_change(locked)
        publishable.check_definition(locked, locked.draft)
        newest = locked.versions.order_by("-number").first()
        _check_is_new(locked, newest)
        locked.approval = approvals.request(
            program=locked.program,
            kind=APPROVAL,
            subject_id=locked.pk,
            summary=_("Campaign: %(name)s") % {"name": locked.name},
            payload={
                "definition": locked.draft,
                "digest": digest(locked.draft),
                "instead_of": newest.number if newest else None,
            },
            note=note,
            by=by,
            at=at,
        )
        if locked.status in (CampaignStatus.DRAFT, CampaignStatus.APPROVED):
            locked.status = CampaignStatus.IN_REVIEW
        locked.save(update_fields=["status", "approval"])
    return locked.approval


def _check_is_new(campaign: Campaign, newest: CampaignVersion | None) -> None:
    if publishable.is_approved(campaign, campaign.draft):
        raise NothingToReview(_("“%(name)s” is approved as it is.") % {"name": campaign.name})
    if newest is not None and newest.is_running and newest.definition == campaign.draft:
        raise NothingToReview(
            _("“%(name)s” is published as it is: there is nothing new to look at.") % {"name": campaign.name}
        )


def withdraw(campaign: Campaign, *, by: User, at: datetime) -> None:
    """
    Take back one's own request; the draft can be changed again.

    :raises NothingToReview: if it does not wait for anybody
    :raises loyalty.core.errors.NotFound: if somebody else asked
    :raises loyalty.core.approvals.NotWaiting: if it was decided meanwhile
    """
    campaign.refresh_from_db()
    if campaign.approval_id is None or not publishable.is_in_review(campaign):
        raise NothingToReview(_("“%(name)s” is not in review.") % {"name": campaign.name})
    approvals.withdraw(campaign.approval_id, program=campaign.program, by=by, at=at)
    campaign.refresh_from_db()


def carry_out(approval: Approval, by: User, at: datetime) -> str:
    """
    Let the draft be published, if it is still what was asked about and can still run.

    :raises DraftHasChanged: if it is another one
    :raises OwnDraft: if the approver wrote it
    :raises DomainError: if it gives something that the program does not have any more
    """
    campaign = campaigns.held(_campaign_id(approval))
    if campaign.approval_id != approval.pk or digest(campaign.draft) != approval.payload["digest"]:
        raise DraftHasChanged(_("“%(name)s” was changed since: ask again.") % {"name": campaign.name})
    if author_of(campaign) == by:
        raise OwnDraft(_("You wrote this draft yourself: somebody else approves it."))
    publishable.check_definition(campaign, campaign.draft)
    if campaign.status == CampaignStatus.IN_REVIEW:
        campaign.status = CampaignStatus.APPROVED
        campaign.save(update_fields=["status"])
    return f"campaign:{campaign.pk}"


def author_of(campaign: Campaign) -> User | None:
    """Who saved the draft that is there now; None if nobody at a page did."""
    return audit.first_to_set(campaign, draft=campaign.draft)


def turned_down(approval: Approval) -> None:
    """The draft of what was rejected, withdrawn or not decided in time can be worked on again."""
    campaign = campaigns.held(_campaign_id(approval))
    if campaign.approval_id != approval.pk:
        return
    campaign.approval = None
    if campaign.status == CampaignStatus.IN_REVIEW:
        campaign.status = CampaignStatus.DRAFT
    campaign.save(update_fields=["status", "approval"])


def _campaign_id(approval: Approval) -> UUID:
    assert approval.subject_id is not None, "it is about a campaign"
    return approval.subject_id


def tell(waiting: Sequence[Approval]) -> Mapping[UUID, tuple[Fact, ...]]:
    """What the campaign would do, and what would change of one that runs; two queries for all."""
    about = Campaign.objects.select_related("program").in_bulk({_campaign_id(each) for each in waiting})
    published = _instead_of(waiting)
    return {
        approval.pk: tuple(_facts(approval, about[_campaign_id(approval)], published)) for approval in waiting
    }


def _instead_of(waiting: Sequence[Approval]) -> dict[tuple[UUID, int], CampaignVersion]:
    """The versions that would be replaced, by campaign and number."""
    wanted = {(each.subject_id, each.payload["instead_of"]) for each in waiting}
    numbers = {number for _pk, number in wanted if number is not None}
    if not numbers:
        return {}
    rows = CampaignVersion.objects.filter(campaign__in={pk for pk, _number in wanted}, number__in=numbers)
    return {(row.campaign_id, row.number): row for row in rows if (row.campaign_id, row.number) in wanted}


def _facts(
    approval: Approval, campaign: Campaign, published: Mapping[tuple[UUID, int], CampaignVersion]
) -> list[Fact]:
    asked = approval.payload["definition"]
    said = wording.sentence(asked, program=campaign.program)
    facts = [
        Fact(_("Campaign"), campaign.name, page=("rewards_campaign", campaign.pk)),
        Fact(_("What it does"), said),
    ]
    before = published.get((campaign.pk, approval.payload["instead_of"]))
    return [*facts, *_changes(before, asked, campaign)] if before else facts


def _changes(before: CampaignVersion, asked: dict[str, Any], campaign: Campaign) -> list[Fact]:
    """What would be new in a campaign that was published before."""
    found = differences.between(before.definition, asked, program=campaign.program)
    changed = [each for each in found if each.change != differences.SAME]
    facts = [Fact(_("Now"), wording.sentence(before.definition, program=campaign.program))]
    facts += [Fact(each.label, _change(each)) for each in changed[:SHOWN_AT_MOST]]
    if (more := len(changed) - SHOWN_AT_MOST) > 0:
        text = ngettext("%(count)d more change", "%(count)d more changes", more) % {"count": more}
        facts.append(Fact(_("And"), text))
    return facts


def _change(found: differences.Difference) -> str:
    if found.change == differences.ADDED:
        return _("new: %(after)s") % {"after": found.after}
    if found.change == differences.REMOVED:
        return _("no more: %(before)s") % {"before": found.before}
    return f"{found.before} → {found.after}"


KIND: Final = Kind(
    key=APPROVAL,
    label=gettext_lazy("Campaign"),
    permission=MAY_APPROVE,
    carry_out=carry_out,
    tell=tell,
    valid_for=timedelta(days=14),
    turned_down=turned_down,
)
