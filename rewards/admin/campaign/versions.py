"""A campaign's versions, two of them side by side."""

import json
from difflib import SequenceMatcher
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty.core.models import Program
from rewards import wording
from rewards.admin.campaign.tabs import CampaignPages, Tab, campaign_of, page, show
from rewards.models import CampaignVersion

TAB = Tab("versions", _("Versions"))


def urls(pages: CampaignPages) -> list[URLPattern]:
    return [page(pages, "versions", versions_view)]


def versions_view(pages: CampaignPages, request: HttpRequest, campaign_id: str) -> HttpResponse:
    """Two versions side by side."""
    campaign = campaign_of(pages, request, campaign_id)
    versions = list(campaign.versions.select_related("published_by").order_by("-number"))
    right = _chosen(versions, request.GET.get("right"), default=0)
    left = _chosen(versions, request.GET.get("left"), default=1)
    sides = compared(left, right, campaign.program) if left and right else None
    context = {"title": _now("Versions of %(campaign)s") % {"campaign": campaign}}
    context |= {"versions": versions, "left": left, "right": right, "sides": sides}
    return show(pages, request, campaign, "admin/rewards/campaign/versions.html", context, tab="versions")


def _chosen(versions: list[CampaignVersion], wanted: str | None, *, default: int) -> CampaignVersion | None:
    named = next((version for version in versions if str(version.number) == wanted), None)
    return named or (versions[min(default, len(versions) - 1)] if versions else None)


def compared(left: CampaignVersion, right: CampaignVersion, program: Program) -> list[dict[str, Any]]:
    """Both definitions line by line; lines that differ are marked."""
    texts = [
        json.dumps(version.definition, indent=2, ensure_ascii=False).splitlines() for version in (left, right)
    ]
    same: list[set[int]] = [set(), set()]
    for block in SequenceMatcher(a=texts[0], b=texts[1], autojunk=False).get_matching_blocks():
        same[0] |= set(range(block.a, block.a + block.size))
        same[1] |= set(range(block.b, block.b + block.size))
    return [
        {
            "version": version,
            "sentence": wording.sentence(version.definition, program=program),
            "lines": [(line, number not in alike) for number, line in enumerate(lines)],
        }
        for version, lines, alike in zip((left, right), texts, same, strict=True)
    ]
