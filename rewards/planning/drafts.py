"""The definition that is worked on, saved without losing what somebody else saved meanwhile."""

from datetime import datetime
from typing import Any, ClassVar

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core import audit
from loyalty.core.errors import DomainError
from rewards.engine.definition import digest
from rewards.models import Campaign
from rewards.planning import campaigns, publishable

WORKED_ON = ("name", "description", "draft")


class DraftHasChanged(DomainError):
    """Somebody saved another draft since this one was begun; `campaign` is as they left it."""

    code: ClassVar[str] = "draft_has_changed"
    title = _("Somebody else changed the draft meanwhile")

    def __init__(self, campaign: Campaign) -> None:
        super().__init__(_now("Somebody else changed the draft meanwhile. Nothing was overwritten."))
        self.campaign = campaign


def revision(campaign: Campaign) -> str:
    """
    Names what the draft says now. Equal drafts have equal names, whoever wrote them and however.

    A campaign that was never saved has none.
    """
    if campaign._state.adding:
        return ""
    worked_on = [getattr(campaign, field) for field in WORKED_ON]
    return digest(worked_on)[:24]


def save(campaign: Campaign, *, name: str, description: str, definition: Any, started_from: str) -> None:
    """
    Keep the draft, complete or not. Members go on earning by what is published.

    The definition is kept as it is, whatever is missing in it. `started_from` is the revision that was
    being changed.

    :raises DraftHasChanged: if the draft is no longer the one that was being changed
    :raises rewards.planning.publishable.CampaignHasEnded: if the campaign has ended
    :raises rewards.planning.publishable.CampaignInReview: if somebody is looking at it
    """
    with campaigns.changing(campaign) as locked:
        publishable.check_may_change(locked)
        wanted = {"name": name, "description": description, "draft": definition}
        changed = [field for field, value in wanted.items() if getattr(locked, field) != value]
        if changed and revision(locked) != started_from:
            raise DraftHasChanged(locked)
        for field in changed:
            setattr(locked, field, wanted[field])
        # Where the campaign is in its life, steps alone say.
        if changed:
            locked.save(update_fields=changed)
    for field in WORKED_ON:
        setattr(campaign, field, getattr(locked, field))


def last_change(campaign: Campaign) -> tuple[str, datetime]:
    """Who changed the campaign last, by name, and when; the name is empty if the program did it by itself."""
    at, by = audit.last_to_change(Campaign, [campaign.pk])[campaign.pk]
    return str(by or ""), at
