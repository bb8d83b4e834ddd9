"""What has to be so before members may earn by something new of a campaign."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.core.errors import DomainError
from loyalty.core.models import ApprovalStatus
from members.models import WalletType
from rewards.engine.definition import each_effect
from rewards.engine.evaluate import compile_campaign
from rewards.engine.problems import Place
from rewards.models import OVER, Activity, Campaign
from rewards.planning import given_things

# How long a form may lie there between choosing “now” and publishing.
MAY_BE_LATE: Final = timedelta(minutes=5)


class CampaignHasEnded(DomainError):
    """A campaign that has ended stays so: make a new one."""

    code: ClassVar[str] = "campaign_has_ended"
    title = gettext_lazy("The campaign has ended")


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


class EffectiveInThePast(DomainError):
    """What happened is explained by the rules of when it happened; new rules are for what comes."""

    code: ClassVar[str] = "effective_in_the_past"
    status: ClassVar[int] = 422
    title = gettext_lazy("That moment is past")


class UnknownWalletType(DomainError):
    """The program has no wallet type with that key."""

    code: ClassVar[str] = "unknown_wallet_type"
    status: ClassVar[int] = 422
    title = gettext_lazy("There is no such wallet type")


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


def check_may_change(campaign: Campaign) -> None:
    """
    :raises CampaignHasEnded: if the campaign has ended
    :raises CampaignInReview: if somebody is looking at its draft
    """
    if campaign.status in OVER:
        raise CampaignHasEnded(_("“%(name)s” has ended. Copy it to run it again.") % {"name": campaign.name})
    if is_in_review(campaign):
        raise in_review(campaign)


def in_review(campaign: Campaign) -> CampaignInReview:
    return CampaignInReview(_("“%(name)s” is in review: withdraw it to change it.") % {"name": campaign.name})


def check_definition(campaign: Campaign, definition: dict[str, Any]) -> None:
    """
    :raises rewards.engine.problems.InvalidDefinition: if it does not hold together
    :raises UnknownWalletType: if it gives points of a kind that the program does not have
    """
    compile_campaign(
        version_id=campaign.pk, campaign_key=campaign.key, name=campaign.name, definition=definition
    )
    known = set(WalletType.objects.filter(program=campaign.program).values_list("key", flat=True))
    for place, effect in each_effect(definition, Place()):
        asked = effect.get("wallet_type")
        if asked is not None and asked not in known:
            raise UnknownWalletType(
                _("The program has no points called “%(key)s”; it has %(known)s.")
                % {"key": asked, "known": ", ".join(sorted(known))},
                pointer=f"{place.pointer}/wallet_type",
            )
    given_things.check(definition, program=campaign.program)


def check_moment(campaign: Campaign, effective_at: datetime, *, at: datetime) -> None:
    """
    What was explained to a member stays explained by the versions that were in force.

    :raises EffectiveInThePast: if it would change what earned points already
    """
    if effective_at >= at - MAY_BE_LATE:
        return
    if Activity.objects.filter(program=campaign.program).exists():
        raise EffectiveInThePast(
            _("Members have earned points already. Choose a moment that is still to come."),
            pointer="#/effective_at",
        )


def check_agreed_to(campaign: Campaign, definition: dict[str, Any]) -> None:
    """:raises ApprovalNeeded: if the program wants a second person, and none approved this definition"""
    if campaign.program.campaigns_need_approval and not is_approved(campaign, definition):
        raise ApprovalNeeded(
            _("Submit “%(name)s” for review: in this program somebody else approves it first.")
            % {"name": campaign.name}
        )


def check_changes_something(campaign: Campaign, definition: dict[str, Any], effective_at: datetime) -> None:
    """
    Who comes second, or clicks twice, is told so.

    :raises NothingToPublish: if members earn by exactly this already
    """
    newest = campaign.versions.order_by("-number").first()
    if newest is None or not newest.is_running or newest.effective_at > effective_at:
        return
    if newest.definition == definition:
        raise NothingToPublish(
            _("“%(name)s” is published like this already: it is version %(number)d.")
            % {"name": campaign.name, "number": newest.number}
        )
