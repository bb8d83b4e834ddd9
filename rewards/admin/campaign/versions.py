"""A campaign's versions: two of them side by side in plain words, and the way back to an old one."""

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core import clock
from loyalty.core.models import Program
from rewards.admin.campaign.tabs import CampaignPages, Tab, campaign_of, page, show
from rewards.models import OVER, Campaign, CampaignVersion
from rewards.planning import differences, publishable, spans
from rewards.telling import wording

TAB = Tab("versions", _("Versions"))
DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class Side:
    """A version, or the draft, as one side of a comparison."""

    key: str
    label: str
    definition: dict[str, Any]
    version: CampaignVersion | None
    sentence: str

    @property
    def as_json(self) -> str:
        return json.dumps(self.definition, indent=2, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Row:
    """A version in the list, with the time in which it counts and what may be done with it."""

    version: CampaignVersion
    span: spans.Span | None
    is_in_force: bool
    may_be_taken_up: bool


def urls(pages: CampaignPages) -> list[URLPattern]:
    return [page(pages, "versions", versions_view)]


def versions_view(pages: CampaignPages, request: HttpRequest, campaign_id: str) -> HttpResponse:
    """What differs between two versions, or a version and the draft."""
    campaign = campaign_of(pages, request, campaign_id)
    versions = list(
        campaign.versions.select_related("published_by", "approval__decided_by").order_by("-number")
    )
    sides = {side.key: side for side in _sides(campaign, versions)}
    keys = list(sides)
    right = sides.get(request.GET.get("right", "")) or (sides[keys[0]] if keys else None)
    left = sides.get(request.GET.get("left", "")) or _before(right, sides)
    context = {
        "title": _now("Versions of %(campaign)s") % {"campaign": campaign},
        "sides": list(sides.values()),
        "left": left,
        "right": right,
        "rows": _rows(campaign, versions),
        "may_revert": request.user.has_perm("rewards.publish_campaign")
        and not campaign.program.campaigns_need_approval,
        "may_redraft": pages.has_change_permission(request, campaign),
    }
    if left and right:
        context |= _compared(left, right, campaign.program)
    return show(pages, request, campaign, "admin/rewards/campaign/versions.html", context, tab="versions")


def _sides(campaign: Campaign, versions: list[CampaignVersion]) -> list[Side]:
    """The newest first; the draft before them if it says something else."""
    program = campaign.program
    sides = [
        Side(
            key=str(version.number),
            label=_now("Version %(number)d") % {"number": version.number},
            definition=version.definition,
            version=version,
            sentence=wording.sentence(version.definition, program=program),
        )
        for version in versions
    ]
    if versions and campaign.draft != versions[0].definition:
        said = wording.sentence(campaign.draft, program=program)
        sides.insert(0, Side(DRAFT, _now("Draft"), campaign.draft, None, said))
    return sides


def _before(right: Side | None, sides: dict[str, Side]) -> Side | None:
    """What came before that side and says something else; else what came right before it."""
    if right is None:
        return None
    keys = list(sides)
    older = [sides[key] for key in keys[keys.index(right.key) + 1 :]]
    differing = (side for side in older if side.definition != right.definition)
    return next(differing, older[0] if older else right)


def _compared(left: Side, right: Side, program: Program) -> dict[str, Any]:
    found = differences.between(left.definition, right.definition, program=program)
    return {
        "changes": [each for each in found if each.change != differences.SAME],
        "same": [each for each in found if each.change == differences.SAME],
    }


def _rows(campaign: Campaign, versions: list[CampaignVersion]) -> list[Row]:
    found = spans.spans(versions)
    current = spans.at(found, clock.now(campaign.program))
    by_number = {span.version.number: span for span in found}
    is_open = campaign.status not in OVER
    may_change = is_open and not publishable.is_in_review(campaign)
    newest = versions[0] if versions else None
    return [
        Row(
            version=version,
            span=by_number.get(version.number),
            is_in_force=current is not None and current.version == version,
            may_be_taken_up=may_change
            and newest is not None
            and (version.definition != newest.definition or not newest.is_running),
        )
        for version in versions
    ]
