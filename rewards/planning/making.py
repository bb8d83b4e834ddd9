"""New campaigns that do not begin empty: from a recipe, or as a copy of another one. Both are drafts."""

from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from loyalty.core import keys
from loyalty.core.db import violated
from loyalty.core.models import Program
from rewards.engine import definition as engine
from rewards.models import Campaign

NAME_AT_MOST: Final = 100
_ATTEMPTS: Final = 5


def draft(program: Program, *, name: str, definition: dict[str, Any], description: str = "") -> Campaign:
    """A new campaign, with a key of its own that is made from the name."""
    campaign = Campaign(program=program, name=name, description=description, draft=definition)
    begin(campaign)
    return campaign


def begin(campaign: Campaign) -> None:
    """Save a new campaign under a key of its own, whoever else begins one of the same name meanwhile."""
    for attempt in range(_ATTEMPTS):
        campaign.key = free_key(campaign.name, program=campaign.program)
        try:
            with transaction.atomic():
                return campaign.save(force_insert=True)
        except IntegrityError as error:
            # Somebody else took the key between the look and the writing.
            if violated(error) != "one_campaign_per_key" or attempt == _ATTEMPTS - 1:
                raise


def copy(campaign: Campaign) -> Campaign:
    """
    A draft that says the same, whatever has become of the other one.

    What was counted stays with the other: limits and budgets are by campaign, and this is a new one.
    """
    name = _("%(name)s (copy)") % {"name": campaign.name}
    if len(name) > NAME_AT_MOST:
        name = _("%(name)s (copy)") % {"name": campaign.name[: 2 * NAME_AT_MOST - len(name) - 1] + "…"}
    return draft(campaign.program, name=name, definition=_rule_of(campaign), description=campaign.description)


def _rule_of(campaign: Campaign) -> dict[str, Any]:
    """The draft or, if nobody has finished that, what was published last."""
    newest = campaign.versions.order_by("-number").first()
    if newest is not None and engine.problems(campaign.draft):
        return dict(newest.definition)
    return dict(campaign.draft)


def free_key(name: str, *, program: Program) -> str:
    """A key that no campaign of the program has."""
    return keys.free_key(name, among=Campaign.objects.filter(program=program), otherwise="campaign")
